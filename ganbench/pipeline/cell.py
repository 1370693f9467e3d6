"""How is one run carried out, from its spec to its record? (the only module that combines all stages)"""

import hashlib
import shlex
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from ganbench.data.dataset import Dataset
from ganbench.diagnostics.alarms import alarms
from ganbench.diagnostics.networks import probe
from ganbench.environment import configure, describe, setting
from ganbench.errors import Diverged, Interrupted, MachineFault
from ganbench.evaluation.runs import RunEvaluator, reference_examples, wants_labels
from ganbench.pipeline.check import check, real_data
from ganbench.pipeline.course import collapse, history
from ganbench.pipeline.faults import machine_fault
from ganbench.pipeline.fitting import advising
from ganbench.pipeline.gallery import Subject, make_gallery
from ganbench.pipeline.resume import resumable
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec, run_id
from ganbench.plan.variant_config import class_target
from ganbench.results.assembly import assembled, now
from ganbench.results.events import EventLog
from ganbench.results.folders import TRACEBACK, claim, heartbeat, running
from ganbench.results.record import Divergence, Evaluation, Failure, Record, Weights, write_record
from ganbench.results.samples import write_samples
from ganbench.sampling import VariantLatents, asked_labels, sample
from ganbench.storage import write_text
from ganbench.targets import raised_at
from ganbench.timing.memory import peak_memory_bytes
from ganbench.timing.throughput import WARM_UP_TICKS, sampling_rate
from ganbench.training.building import build
from ganbench.training.checkpoint import prune, weights_sha256, write_checkpoint
from ganbench.training.engines import REFERENCE
from ganbench.training.trainer import Trainer
from ganbench.training.trial import refusal
from ganbench.training.variant import Variant


def run_cell(spec: RunSpec, folder: Path, runtime: Runtime) -> Record:
    """Starts or resumes one run, and writes its record.

    Args:
        spec: The run.
        folder: Its directory.
        runtime: Runtime settings.

    Returns:
        The record, also of a failed or diverged run.

    Raises:
        RequestError: The run cannot start; nothing was written.
        Interrupted: The run was asked to stop and wrote a checkpoint.
        MachineFault: A fault of the machine stopped it; there is no record, and the same call goes on.
    """
    log = EventLog(folder / "events.jsonl")
    with _machine_faults():
        device = configure(runtime)
        check(spec, runtime)
        dataset = real_data(spec, runtime)
        claim(folder, spec, runtime)
        (folder / TRACEBACK).unlink(missing_ok=True)  # of an attempt before this one
        with running(folder), _interruption_logged(log), _stop_requests() as stop:
            cell = Cell(spec, dataset, folder, runtime, device, stop, log)
            try:
                cell.run()
            except Interrupted:
                raise
            except Exception as error:
                if machine_fault(error):
                    raise
                cell.fail(error)
            record = write_record(folder / "record.json", assembled(spec, log, str(log.path)))
            prune(folder / "checkpoints", keep=1)  # not earlier, since the second is what a damaged first falls back to
            return record


@contextmanager
def _machine_faults() -> Iterator[None]:
    """Turns a fault of the machine within the block into a :class:`MachineFault`."""
    try:
        yield
    except Exception as error:
        if (reason := machine_fault(error)) is None:
            raise
        raise MachineFault(f"{reason}; mend that, and the same command goes on") from error


@contextmanager
def _interruption_logged(log: EventLog) -> Iterator[None]:
    """Logs a fault of the machine within the block, in which this process holds the run, if the log can still be written."""
    try:
        yield
    except Exception as error:
        if reason := machine_fault(error):
            with suppress(OSError, MemoryError):
                log.append("interrupted", time=now(), reason=reason)
        raise


class Collapsed(Exception):
    """The run has collapsed and asks to be ended then.

    Args:
        divergence: The collapse.
    """

    def __init__(self, divergence: Divergence) -> None:
        super().__init__(divergence.detail)
        self.divergence = divergence


class Cell:
    """One run in progress.

    Args:
        spec: The run.
        dataset: Its real data.
        folder: Its directory, already created.
        runtime: Runtime settings.
        device: Device of the run.
        stop: Event that is set when the run should stop at the next tick.
        log: Its events.
    """

    def __init__(
        self, spec: RunSpec, dataset: Dataset, folder: Path, runtime: Runtime, device: torch.device, stop: threading.Event, log: EventLog
    ) -> None:
        self.spec, self.dataset, self.folder, self.runtime, self.device, self.stop = spec, dataset, folder, runtime, device, stop
        self.log = log
        self.log.append("start", time=now())
        self.stage = "setting up"
        self.engine = REFERENCE
        self.images_seen = 0
        self.class_shares: Tensor | None = None if dataset.class_shares is None else torch.from_numpy(dataset.class_shares).float()

    def run(self) -> None:
        """Trains and evaluates, continuing from the last checkpoint if there is one."""
        variant = build(self.spec, self.dataset, self.device)
        evaluator = RunEvaluator(self.dataset, self.spec.evaluation, self.spec.seed, self.device)
        engine, health = self._usable_engine(variant), self.runtime.health == "on"
        trainer = Trainer(variant, self.dataset, self.spec, self.device, engine=engine, health=health)
        checkpoint = resumable(self.spec, self.folder, self.log, self.device)
        if checkpoint is not None:
            trainer.restore(checkpoint.weights, checkpoint.state)
            self.images_seen = trainer.images_seen
        try:
            if checkpoint is None:
                write_samples(self.folder / "samples", reference_examples(self.dataset, self.spec.evaluation).numpy(), "real")
                self._evaluate(trainer, evaluator)
            self._train(trainer, evaluator)
        except Collapsed as end:
            self.images_seen = trainer.images_seen
            self._end("diverged", divergence=end.divergence, notes=[f"ended by stop_on_collapse after {self.images_seen:,} images"])
            return
        except Diverged as end:
            # the step where it happened, not the tick where it was noticed: the length of ticks must not change a record
            self.images_seen = trainer.images_seen if end.images_seen is None else end.images_seen
            self._end("diverged", divergence=Divergence(kind="nonfinite", images_seen=self.images_seen, detail=str(end)))
            return
        self.stage = "recording"
        self._show(trainer, evaluator)
        collapsed = collapse(self.log)
        self._end(
            "done" if collapsed is None else "diverged",
            divergence=collapsed,
            notes=[f"{name} was never updated by ctx.minimize" for name in trainer.never_updated()],
            weights_sha256={name: weights_sha256(tensors) for name, tensors in trainer.weights().items()},
            sampling=sampling_rate(variant, self.spec.seed, self.device, self.class_shares),
        )

    def _usable_engine(self, variant: Variant) -> str:
        """The engine that was asked for, or eager where it cannot take the method, which a note then says."""
        with advising(self.spec, self.dataset, self.device):
            reason = refusal(self.runtime.engine, variant, self.dataset, self.spec, self.device)
        if reason:
            self.log.append("note", text=f"trained by the engine eager, since {self.runtime.engine} cannot take it ({reason})")
        else:
            self.engine = self.runtime.engine
        return self.engine

    def fail(self, error: Exception) -> None:
        """Ends the run as failed."""
        how = {"--device": str(self.device), "--threads": str(self.runtime.threads), "--data-root": self.runtime.data_root}
        unusual = {"--determinism": "strict", "--engine": REFERENCE}
        options = how | {flag: value for flag, usual in unusual.items() if (value := getattr(self.runtime, flag[2:])) != usual}
        given = [word for option, value in options.items() if value is not None for word in (option, str(value))]
        write_text(self.folder / TRACEBACK, "".join(traceback.format_exception(error)))
        failure = Failure(
            type=type(error).__name__,
            message=str(error),
            stage=self.stage,
            where=raised_at(error, class_target(self.spec.variant).source),
            traceback="".join(traceback.format_exception(error)[-6:]),
            command=f"ganbench run --spec runs/{self.spec.slug}/spec.json --out reproduced/{self.spec.slug} {shlex.join(given)}",
        )
        self._end("failed", error=failure)

    def _train(self, trainer: Trainer, evaluator: RunEvaluator) -> None:
        tick_steps = max(1, self.runtime.tick_images // self.spec.training.batch_size)
        due = self.spec.evaluation_steps
        warm_up, said = WARM_UP_TICKS, False
        saved = time.monotonic()
        while trainer.step < self.spec.steps:
            self.stage = "training"
            tick_end = (trainer.step // tick_steps + 1) * tick_steps
            with advising(self.spec, self.dataset, self.device):
                tick = trainer.advance(min([tick_end, *(step for step in due if step > trainer.step)]) - trainer.step)
            self.images_seen = trainer.images_seen
            self.log.append("tick", warm_up=warm_up > 0, setting=setting(self.device, trainer.engine), **asdict(tick))
            if trainer.engine_reason and not said:
                self.log.append("note", text=f"{trainer.engine} executed some steps as {REFERENCE} does ({trainer.engine_reason})")
                said = True
            warm_up -= 1
            heartbeat(self.folder)
            if tick.first_nonfinite_step >= 0:
                seen = tick.first_nonfinite_step * self.spec.training.batch_size
                raise Diverged(f"a loss or gradient was not finite in step {tick.first_nonfinite_step:,}", seen)
            if trainer.step in due:
                self._evaluate(trainer, evaluator)
                self._stop_if_collapsed(trainer)
            if trainer.step in due or self.stop.is_set() or time.monotonic() - saved >= self.runtime.checkpoint_s:
                self.log.sync()  # evaluations must be on the disk before the checkpoint that follows them
                tie = {"run_id": run_id(self.spec), **self.log.position()}
                write_checkpoint(self.folder / "checkpoints", trainer.weights(), {**trainer.state(), **tie})
                saved = time.monotonic()
            if self.stop.is_set() and trainer.step < self.spec.steps:
                raise Interrupted(f"stopped after {trainer.images_seen:,} images; the same command goes on from there")

    def _evaluate(self, trainer: Trainer, evaluator: RunEvaluator) -> None:
        self.stage = "evaluation"
        n, seed, variant = self.spec.evaluation.n_fake, self.spec.seed, trainer.variant
        labels = asked_labels(variant, n, seed, self.device, self.class_shares) if wants_labels(evaluator.requests) else None
        if trainer.step == 0:  # the average of the first weights is themselves, so that its examples and scores are theirs
            evaluation, examples = self._evaluate_one(trainer, evaluator, "raw", None, labels)
            scores = (replace(score, seconds=0.0, protocol={**score.protocol, "weights": "ema"}) for score in evaluation.scores)
            self._evaluated(replace(evaluation, weights="ema", scores=tuple(scores)), examples, 0.0)
            self._probe(trainer)
            return
        lost: Diverged | None = None
        for weights, generator in (("raw", None), ("ema", trainer.ema.module)):
            try:
                self._evaluate_one(trainer, evaluator, cast(Weights, weights), generator, labels)
            except Diverged as error:  # the other weights may still be finite, and keep their scores
                lost = lost or error
        if lost is not None:
            raise lost
        self._probe(trainer)

    def _evaluate_one(
        self, trainer: Trainer, evaluator: RunEvaluator, weights: Weights, generator: torch.nn.Module | None, labels: Tensor | None
    ) -> tuple[Evaluation, Tensor]:
        n, seed, variant = self.spec.evaluation.n_fake, self.spec.seed, trainer.variant
        start = time.perf_counter()
        examples = sample(variant, n, seed, self.device, generator=generator, class_shares=self.class_shares)
        model = VariantLatents(variant, self.device, generator)
        scores, diagnostics, notes = evaluator(examples, weights, labels, model)
        evaluation = Evaluation(
            images_seen=trainer.images_seen,
            weights=weights,
            scores=scores,
            diagnostics=diagnostics,
            notes=notes,
        )
        self._evaluated(evaluation, examples, time.perf_counter() - start)
        return evaluation, examples

    def _evaluated(self, evaluation: Evaluation, examples: Tensor, seconds: float) -> None:
        """Writes an evaluation with its first samples."""
        write_samples(self.folder / "samples", examples.cpu().numpy(), f"{evaluation.images_seen:010d}-{evaluation.weights}")
        self.log.append("evaluation", seconds=seconds, **asdict(evaluation))
        heartbeat(self.folder)

    def _probe(self, trainer: Trainer) -> None:
        """Logs the signals of the networks as they are."""
        if self.runtime.health == "on":
            signals = probe(trainer.variant, self.dataset, self.spec.seed, self.device, self.class_shares)
            self.log.append("health", images_seen=trainer.images_seen, signals=signals)

    def _show(self, trainer: Trainer, evaluator: RunEvaluator) -> None:
        """Leaves what people look at."""
        if self.runtime.health == "on":
            ema, variant = trainer.ema.module, trainer.variant
            subject = Subject(variant, ema, self.dataset, evaluator, self.spec.seed, self.device, self.class_shares)
            make_gallery(subject, self.folder, self.images_seen)

    def _stop_if_collapsed(self, trainer: Trainer) -> None:
        """Ends the run if it asks for that and has collapsed."""
        if self.spec.training.stop_on_collapse and trainer.step < self.spec.steps and (found := collapse(self.log, lasting=True)):
            raise Collapsed(found)

    def _end(self, status: str, **outcome: Any) -> None:
        """Writes the last event, with everything that the record needs and no earlier event contains."""
        plain: dict[str, Any] = {"alarms": [asdict(alarm) for alarm in alarms(history(self.log))]}
        plain |= {name: asdict(value) if hasattr(value, "__dataclass_fields__") else value for name, value in outcome.items()}
        self.log.append(
            "end",
            time=now(),
            status=status,
            images_seen=self.images_seen,
            device=torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu",
            threads=torch.get_num_threads(),
            deterministic=torch.are_deterministic_algorithms_enabled(),
            peak_memory_bytes=peak_memory_bytes(self.device),
            provenance=self._provenance(),
            **plain,
        )

    def _provenance(self) -> dict[str, Any]:
        source, dataset = class_target(self.spec.variant).source, self.dataset
        return {
            **describe(self.device, source, self.engine),
            "variant_source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
            "dataset": {
                "fingerprint": dataset.fingerprint,
                "n_train": len(dataset.train),
                "n_held_out": len(dataset.held_out),
                "shape": str(dataset.shape),
                "notes": list(dataset.notes),
            },
        }


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """Yields an event that SIGINT and SIGTERM set within the block, instead of ending the process in the middle of a step."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

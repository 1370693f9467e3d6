"""How does one run go from spec to record? (the only module that knows all stages)"""

import hashlib
import math
import shlex
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from ganbench.data.dataset import Dataset
from ganbench.data.loading import load_dataset
from ganbench.data.root import data_root
from ganbench.diagnostics.collapse import verdict
from ganbench.environment import Runtime, configure, describe, worker_arguments
from ganbench.errors import Diverged, Interrupted, RequestError
from ganbench.evaluation.runs import Evaluator, check_plan, reference_examples
from ganbench.plan.spec import ID_VERSION, DatasetSpec, RunSpec, run_id
from ganbench.plan.validation import validated
from ganbench.plan.variant_config import variant_source
from ganbench.registry import EXTRACTORS, check_metrics, load_metric
from ganbench.results.events import EventLog
from ganbench.results.folders import claim, heartbeat, running
from ganbench.results.record import Divergence, Evaluation, Failure, Record, Throughput, Timing, Weights, write_record
from ganbench.results.samples import write_samples
from ganbench.sampling import sample
from ganbench.timing.throughput import WARM_UP_TICKS, Rate, peak_memory_bytes, sampling_rate, training_rate
from ganbench.training.building import build
from ganbench.training.checkpoint import prune, readable, weights_sha256, write_checkpoint
from ganbench.training.trainer import Trainer


@lru_cache(maxsize=4)
def _loaded(spec: DatasetSpec, root: Path) -> Dataset:
    return load_dataset(spec, root)


def check(spec: RunSpec, runtime: Runtime) -> None:
    """Finds out, before anything is written, whether a run can start.

    Raises:
        RequestError: The data cannot be loaded, the variant cannot do their shape, or the plan does not fit.
    """
    check_metrics(spec.evaluation.metrics, spec.evaluation.extractor, "evaluation.metrics")
    dataset = _loaded(spec.dataset, data_root(runtime.data_root))
    check_plan(
        dataset, spec.evaluation, EXTRACTORS.load(spec.evaluation.extractor)(), [load_metric(name) for name in spec.evaluation.metrics]
    )
    Trainer.check(spec, dataset)
    try:
        variant = build(spec, dataset, torch.device("cpu"))
    except RequestError:
        raise
    except Exception:
        return  # an error of the method's own: the run records it as its failure
    variant.check_budget(spec.budget_images)
    size, multiple = spec.training.batch_size, variant.batch_multiple
    if size % multiple:
        fitting = " or ".join(str(n) for n in (size // multiple * multiple, -(-size // multiple) * multiple) if n)
        raise RequestError(
            f"training.batch_size = {size}: {spec.variant.name} as configured takes multiples of {multiple} examples; use {fitting}"
        )
    if size == 1 and any(isinstance(module, nn.BatchNorm1d) for module in variant.modules()):
        raise RequestError(
            f"training.batch_size = 1: {spec.variant.name} normalises over the batch, and one example is no batch; use 2 or more"
        )


def run_cell(spec: RunSpec, folder: Path, runtime: Runtime) -> Record:
    """Carries out one run, or goes on with it, and writes its record.

    Args:
        spec: The run.
        folder: Its directory.
        runtime: How to carry it out.

    Returns:
        The record, whatever the status.

    Raises:
        RequestError: It cannot start; nothing was written.
        Interrupted: It was asked to stop and left a checkpoint.
    """
    device = configure(runtime)
    check(spec, runtime)
    dataset = _loaded(spec.dataset, data_root(runtime.data_root))
    claim(folder, spec)
    with running(folder), _stop_requests() as stop:
        cell = Cell(spec, dataset, folder, runtime, device, stop)
        try:
            record = cell.run()
        except Interrupted:
            raise
        except Exception as error:
            record = cell.failed(error)
        write_record(folder / "record.json", record)
        return record


class Cell:
    """One run in progress.

    Args:
        spec: The run.
        dataset: Its real data.
        folder: Its directory, already claimed.
        runtime: How to carry it out.
        device: Where.
        stop: Set when the run should end at the next tick.
    """

    def __init__(
        self, spec: RunSpec, dataset: Dataset, folder: Path, runtime: Runtime, device: torch.device, stop: threading.Event
    ) -> None:
        self.spec, self.dataset, self.folder, self.runtime, self.device, self.stop = spec, dataset, folder, runtime, device, stop
        self.log = EventLog(folder / "events.jsonl")
        self.log.append("start", time=_now())
        self.stage = "setting up"
        self.images_seen = 0
        self.class_shares: Tensor | None = None if dataset.class_shares is None else torch.from_numpy(dataset.class_shares).float()

    def run(self) -> Record:
        """Trains, evaluates and diagnoses from wherever the last attempt was left."""
        variant = build(self.spec, self.dataset, self.device)
        evaluator = Evaluator(self.dataset, self.spec.evaluation, self.spec.seed, self.device)
        trainer = Trainer(variant, self.dataset, self.spec, self.device)
        resumed = self._restore(trainer)
        self.log.truncate(trainer.images_seen if resumed else -1)
        try:
            if not resumed:
                write_samples(self.folder / "samples", reference_examples(self.dataset, self.spec.evaluation).numpy(), "real")
                self._evaluate(trainer, evaluator)
            self._train(trainer, evaluator)
        except Diverged as end:
            # the step where it happened, not the tick where it was read: how often one looks must not change a record
            self.images_seen = trainer.images_seen if end.images_seen is None else end.images_seen
            self.log.append("end", images_seen=self.images_seen, status="diverged")
            return self._record("diverged", divergence=Divergence(kind="nonfinite", images_seen=self.images_seen, detail=str(end)))
        self.stage = "recording"
        prune(self.folder / "checkpoints", keep=1)
        collapse = self._collapse()
        status = "done" if collapse is None else "diverged"
        self.log.append("end", images_seen=trainer.images_seen, status=status)
        hashes = {name: weights_sha256(tensors) for name, tensors in trainer.weights().items()}
        rate = sampling_rate(variant, self.spec.seed, self.device, self.class_shares)
        return self._record(status, divergence=collapse, weights_sha256=hashes, sampling=rate)

    def failed(self, error: Exception) -> Record:
        """The record of an error."""
        self.log.append("end", images_seen=self.images_seen, status="failed")
        failure = Failure(
            type=type(error).__name__,
            message=str(error),
            stage=self.stage,
            traceback="".join(traceback.format_exception(error)[-6:]),
            command=f"ganbench run --spec runs/{self.spec.slug}/spec.json --out reproduced/{self.spec.slug} "
            + shlex.join(worker_arguments(replace(self.runtime, device=str(self.device)))),
        )
        return self._record("failed", error=failure)

    def _restore(self, trainer: Trainer) -> bool:
        """Puts the trainer where the newest readable checkpoint was taken."""
        for checkpoint in readable(self.folder / "checkpoints", self.device):
            if checkpoint.state.get("run_id") != run_id(self.spec):
                continue
            trainer.restore(checkpoint.weights, checkpoint.state)
            self.images_seen = trainer.images_seen
            return True
        return False

    def _train(self, trainer: Trainer, evaluator: Evaluator) -> None:
        tick_steps = max(1, self.runtime.tick_images // self.spec.training.batch_size)
        evaluations = evaluation_steps(self.spec)
        warm_up = WARM_UP_TICKS
        saved = time.monotonic()
        while trainer.step < self.spec.steps:
            self.stage = "training"
            tick_end = (trainer.step // tick_steps + 1) * tick_steps
            tick = trainer.advance(min([tick_end, *(step for step in evaluations if step > trainer.step)]) - trainer.step)
            self.images_seen = trainer.images_seen
            self.log.append("tick", warm_up=warm_up > 0, **asdict(tick))
            warm_up -= 1
            heartbeat(self.folder)
            if tick.first_nonfinite_step >= 0:
                seen = tick.first_nonfinite_step * self.spec.training.batch_size
                raise Diverged(f"a loss or gradient was not finite in step {tick.first_nonfinite_step:,}", seen)
            if trainer.step in evaluations:
                self._evaluate(trainer, evaluator)
            if trainer.step in evaluations or self.stop.is_set() or time.monotonic() - saved >= self.runtime.checkpoint_s:
                self.log.sync()  # a checkpoint never knows of evaluations that the disk does not
                write_checkpoint(self.folder / "checkpoints", trainer.weights(), {**trainer.state(), "run_id": run_id(self.spec)})
                saved = time.monotonic()
            if self.stop.is_set() and trainer.step < self.spec.steps:
                raise Interrupted(f"stopped after {trainer.images_seen:,} images; the same command goes on from there")

    def _evaluate(self, trainer: Trainer, evaluator: Evaluator) -> None:
        self.stage = "evaluation"
        for weights, generator in (("raw", None), ("ema", trainer.ema.module)):
            start = time.perf_counter()
            examples = sample(
                trainer.variant,
                self.spec.evaluation.n_fake,
                self.spec.seed,
                self.device,
                generator=generator,
                class_shares=self.class_shares,
            )
            scores, diagnostics = evaluator(examples, cast(Weights, weights))
            evaluation = Evaluation(images_seen=trainer.images_seen, weights=cast(Weights, weights), scores=scores, diagnostics=diagnostics)
            write_samples(self.folder / "samples", examples.cpu().numpy(), f"{trainer.images_seen:010d}-{weights}")
            self.log.append("evaluation", seconds=time.perf_counter() - start, **asdict(evaluation))
            heartbeat(self.folder)

    def _evaluations(self) -> tuple[Evaluation, ...]:
        """Read back from the events, so that attempts add up."""
        kept = ({key: value for key, value in event.items() if key not in ("kind", "seconds")} for event in self.log.of("evaluation"))
        return tuple(validated(Evaluation, fields, str(self.log.path)) for fields in kept)

    def _collapse(self) -> Divergence | None:
        """The published rule on the raw weights' series, with the first metric that a falling score improves."""
        series = [evaluation for evaluation in self._evaluations() if evaluation.weights == "raw"]
        falling = next(
            (score.metric for score in series[0].scores if not score.higher_is_better and load_metric(score.metric).bounds[0] >= 0), None
        )
        scores = [score for evaluation in series for score in evaluation.scores if score.metric == falling]
        collapse = verdict(
            [evaluation.images_seen for evaluation in series],
            [score.value for score in scores],
            [(score.ci_high - score.value) / 1.96 for score in scores],
            [
                math.nan if found.value is None else found.value
                for evaluation in series
                for found in evaluation.diagnostics
                if found.name == "feature_variance_ratio"
            ],
        )
        return None if collapse is None else Divergence(**asdict(collapse))

    def _record(self, status: Any, *, sampling: Rate | None = None, **fields: Any) -> Record:
        evaluations = self._evaluations()
        final = [evaluation for evaluation in evaluations if evaluation.images_seen == self.images_seen] if status == "done" else []
        starts = self.log.of("start")
        return Record(
            run_id=run_id(self.spec),
            id_version=ID_VERSION,
            status=status,
            spec=self.spec,
            created=starts[0]["time"],
            finished=_now(),
            attempts=len(starts),
            images_seen=self.images_seen,
            scores=tuple(score for evaluation in final for score in evaluation.scores),
            diagnostics=tuple(found for evaluation in final if evaluation.weights == "ema" for found in evaluation.diagnostics),
            evaluations=evaluations,
            timing=self._timing(sampling),
            provenance=self._provenance(),
            **fields,
        )

    def _timing(self, sampling: Rate | None) -> Timing:
        ticks = self.log.of("tick")
        training = training_rate([(tick["images"], tick["seconds"]) for tick in ticks if not tick["warm_up"]])
        return Timing(
            device=torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu",
            threads=torch.get_num_threads(),
            deterministic=torch.are_deterministic_algorithms_enabled(),
            training=None if training is None else Throughput(**asdict(training)),
            sampling=None if sampling is None else Throughput(**asdict(sampling)),
            training_s=sum(tick["seconds"] for tick in ticks),
            evaluation_s=sum(event["seconds"] for event in self.log.of("evaluation")),
            peak_memory_bytes=peak_memory_bytes(self.device),
        )

    def _provenance(self) -> dict[str, Any]:
        source = variant_source(
            self.spec.variant.path + ":" + self.spec.variant.name.rpartition(":")[2] if self.spec.variant.path else self.spec.variant.name,
            Path(),
        )
        dataset = self.dataset
        return {
            **describe(self.device, source.file),
            "variant_source_sha256": hashlib.sha256(source.file.read_bytes()).hexdigest(),
            "dataset": {
                "fingerprint": dataset.fingerprint,
                "n_train": len(dataset.train),
                "n_held_out": len(dataset.held_out),
                "shape": str(dataset.shape),
                "notes": list(dataset.notes),
            },
        }


def evaluation_steps(spec: RunSpec) -> set[int]:
    """Steps after which a run is evaluated: the first at or behind every multiple of ``every_images``, and the last."""
    every = spec.evaluation.every_images
    multiples = range(every, spec.budget_images, every) if every else range(0)
    return {-(-images // spec.training.batch_size) for images in multiples} | {spec.steps}


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, instead of ending the process in the middle of a step."""
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

"""Does the same spec give the same bits, whatever happens on the way?"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganbench.errors import Interrupted
from ganbench.pipeline import cell as pipeline
from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec, run_id, to_json
from ganbench.results.events import EventLog
from ganbench.results.record import Record, read_record
from ganbench.training import checkpoint

TinySpec = Callable[..., RunSpec]
Command = Callable[[RunSpec, Path], Any]
CPU = Runtime(device="cpu")
POINTS = DatasetSpec(name="ring8")


class Killed(BaseException):
    """Stands for the end of the process: no handler for errors sees it."""


def bare(value: Any) -> Any:
    """Plain data without times."""
    if isinstance(value, dict):
        return {key: bare(item) for key, item in value.items() if key not in ("seconds", "time")}
    return [bare(item) for item in value] if isinstance(value, list | tuple) else value


def outcome(record: Record) -> dict[str, Any]:
    """Everything that two runs of one spec must share."""
    fields = asdict(record)
    kept = ("run_id", "status", "images_seen", "scores", "diagnostics", "evaluations", "divergence", "weights_sha256")
    return {key: bare(fields[key]) for key in kept}


def assert_no_event_twice(folder: Path) -> None:
    log = EventLog(folder / "events.jsonl")
    for kind, name in (
        ("tick", lambda event: event["images_seen"]),
        ("evaluation", lambda event: (event["images_seen"], event["weights"])),
    ):
        names = [name(event) for event in log.of(kind)]
        assert names == sorted(set(names), key=lambda n: (n[0], n[1] == "ema") if isinstance(n, tuple) else n)
    assert len(log.of("end")) == 1


@pytest.fixture
def command(forked: Callable[..., Any], tmp_path: Path) -> Command:
    """Starts the worker entry in a process of its own; what it says goes into a file beside the folder of the run."""

    def start(spec: RunSpec, folder: Path) -> Any:
        folder.with_suffix(".json").write_text(json.dumps(to_json(spec)))
        words = ("run", "--spec", folder.with_suffix(".json"), "--out", folder, "--device", "cpu")
        return forked(*words, cwd=tmp_path, out=folder.with_suffix(".out"), err=folder.with_suffix(".txt"))

    return start


def wait_for_events(folder: Path, count: int, process: Any) -> None:
    """Returns when the event file has that many lines, or its writer has ended."""
    log = folder / "events.jsonl"
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline and (not log.exists() or log.read_bytes().count(b"\n") < count):
        time.sleep(0.001)


@pytest.fixture(scope="module")
def spec(tiny_spec: TinySpec) -> RunSpec:
    """A run of 40 steps with dropout-like noise, critic steps, penalty, batch norm and augmentation, evaluated every 4 steps."""
    base = tiny_spec("wgan_gp", budget_images=40 * 16)
    training = replace(base.training, augmentation="translation", learning_rate_schedule="cosine")
    return replace(base, training=training, evaluation=replace(base.evaluation, every_images=64))


@pytest.fixture(scope="module")
def uninterrupted(spec: RunSpec, tmp_path_factory: pytest.TempPathFactory) -> Record:
    record = run_cell(spec, tmp_path_factory.mktemp("once") / "run", CPU)
    assert record.status == "done"
    assert set(record.weights_sha256) == {"raw", "ema"}
    assert len(record.evaluations) == 2 * 11
    assert len(record.scores) == 2
    return record


def test_same_spec_twice_gives_the_same_bits_and_scores(spec: RunSpec, uninterrupted: Record, tmp_path: Path) -> None:
    torch.rand(7)
    assert outcome(run_cell(spec, tmp_path / "again", CPU)) == outcome(uninterrupted)


def test_raw_and_averaged_weights_differ(uninterrupted: Record) -> None:
    assert uninterrupted.weights_sha256["raw"] != uninterrupted.weights_sha256["ema"]


@pytest.mark.parametrize("hash_seed", ["1"])
def test_a_fresh_process_with_another_hash_seed_gives_the_same_bits_and_scores(
    spec: RunSpec, uninterrupted: Record, tmp_path: Path, hash_seed: str
) -> None:
    (tmp_path / "run.json").write_text(json.dumps(to_json(spec)))
    words = [sys.executable, "-m", "ganbench", "run", "--spec", "run.json", "--out", "run", "--device", "cpu"]
    assert subprocess.run(words, cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": hash_seed}, timeout=240).returncode == 0
    assert outcome(read_record(tmp_path / "run" / "record.json")) == outcome(uninterrupted)


def test_another_seed_gives_other_weights(spec: RunSpec, uninterrupted: Record, tmp_path: Path) -> None:
    other = run_cell(replace(spec, seed=1), tmp_path / "other", CPU)
    assert not set(other.weights_sha256.values()) & set(uninterrupted.weights_sha256.values())


@pytest.mark.parametrize(
    "change",
    [{"every_images": None}, {"n_fake": 33}, {"every_images": 160}, {"extractor": "random-conv"}, {"reference": "held_out"}],
    ids=str,
)
def test_what_is_evaluated_does_not_change_the_weights(
    spec: RunSpec, uninterrupted: Record, tmp_path: Path, change: dict[str, Any]
) -> None:
    other = replace(spec, evaluation=replace(spec.evaluation, **change))
    assert run_id(other) != run_id(spec)
    assert run_cell(other, tmp_path / "run", CPU).weights_sha256 == uninterrupted.weights_sha256


def test_without_any_evaluation_the_weights_are_the_same(spec: RunSpec, uninterrupted: Record, tiny_trainer: Callable[..., Any]) -> None:
    trainer = tiny_trainer(spec)
    trainer.advance(spec.steps)
    assert {name: checkpoint.weights_sha256(tensors) for name, tensors in trainer.weights().items()} == uninterrupted.weights_sha256


@pytest.mark.parametrize("change", [{"tick_images": 16}, {"tick_images": 112}, {"checkpoint_s": 0.0, "tick_images": 16}], ids=str)
def test_logging_and_checkpoint_frequency_change_nothing(
    spec: RunSpec, uninterrupted: Record, tmp_path: Path, change: dict[str, Any]
) -> None:
    assert outcome(run_cell(spec, tmp_path / "run", replace(CPU, **change))) == outcome(uninterrupted)


def test_a_run_leaves_the_global_generators_alone(tiny_spec: TinySpec, tmp_path: Path) -> None:
    before = (torch.get_rng_state(), np.random.get_state(), random.getstate())
    run_cell(tiny_spec("gan"), tmp_path / "run", CPU)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert all(np.array_equal(now, then) for now, then in zip(np.random.get_state(), before[1], strict=True))
    assert random.getstate() == before[2]


def test_killed_again_and_again_at_random_moments_a_run_ends_in_the_same_bits(
    spec: RunSpec, uninterrupted: Record, tmp_path: Path, command: Command
) -> None:
    moments = random.Random(20)
    folder = tmp_path / "run"
    kills = 0
    for _ in range(5):
        lines = (folder / "events.jsonl").read_bytes().count(b"\n") if (folder / "events.jsonl").exists() else 0
        process = command(spec, folder)
        wait_for_events(folder, lines + moments.randint(1, 4), process)
        time.sleep(moments.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills >= 2
    record = run_cell(spec, folder, CPU)
    assert outcome(record) == outcome(uninterrupted)
    assert record.attempts == 6
    assert_no_event_twice(folder)


def stopped(command: Command, spec: RunSpec, tmp_path: Path, signal_: signal.Signals) -> tuple[Path, int]:
    """The folder and exit code of a command that got a signal behind its first checkpoint; tried again if it was faster."""
    for attempt in range(4):
        folder = tmp_path / f"run-{attempt}"
        process = command(spec, folder)
        wait_for_events(folder, 7, process)
        process.send_signal(signal_)
        code = process.wait()
        if not (folder / "record.json").exists():
            return folder, code
    raise AssertionError("the command always ended before the signal came")


def test_the_killed_command_given_again_ends_in_the_same_bits(
    spec: RunSpec, uninterrupted: Record, tmp_path: Path, command: Command
) -> None:
    folder, code = stopped(command, spec, tmp_path, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert command(spec, folder).wait() == 0
    record = read_record(folder / "record.json")
    assert outcome(record) == outcome(uninterrupted)
    assert record.attempts == 2
    assert_no_event_twice(folder)


def test_a_terminated_command_leaves_a_checkpoint_and_goes_on_to_the_same_bits(
    spec: RunSpec, uninterrupted: Record, tmp_path: Path, command: Command
) -> None:
    folder, code = stopped(command, spec, tmp_path, signal.SIGTERM)
    assert code == 130
    assert "same command goes on" in folder.with_suffix(".txt").read_text()
    assert [path for path in (folder / "checkpoints").iterdir() if path.name.isdigit()]
    assert not (folder / "running").exists()
    assert outcome(run_cell(spec, folder, CPU)) == outcome(uninterrupted)
    assert_no_event_twice(folder)


def test_interrupted_between_two_evaluations_it_goes_on_from_that_step(
    spec: RunSpec, uninterrupted: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, beats = tmp_path / "run", iter(range(1000))

    def stop_in_step_seven(path: Path) -> None:
        if next(beats) == 2 + 4 + 2 + 2:  # the start's evaluation, four ticks, an evaluation, two ticks
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "heartbeat", stop_in_step_seven)
        with pytest.raises(Interrupted, match="same command goes on"):
            run_cell(spec, folder, replace(CPU, tick_images=16))
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    newest = max(int(path.name) for path in (folder / "checkpoints").iterdir())
    assert newest == 7  # between two evaluations, and between two generator steps
    assert outcome(run_cell(spec, folder, replace(CPU, tick_images=16))) == outcome(uninterrupted)
    assert_no_event_twice(folder)


def crash_at(monkeypatch: pytest.MonkeyPatch, point: str, visit: int) -> None:
    """Ends the run at the given visit of a point in the code."""
    module, name = {
        "weights file": (checkpoint, "save_file"),
        "state file": (torch, "save"),
        "rename": (os, "replace"),
        "prune": (checkpoint, "prune"),
        "sample": (pipeline, "sample"),
        "samples file": (pipeline, "write_samples"),
        "record": (pipeline, "write_record"),
    }[point]
    real, visits = getattr(module, name), iter(range(1, 1000))

    def patched(*args: Any, **kwargs: Any) -> Any:
        if next(visits) == visit:
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, patched)


@pytest.mark.parametrize(
    ("point", "visit"),
    [
        ("weights file", 1),
        ("weights file", 8),
        ("state file", 3),
        ("rename", 4),
        ("rename", 7),
        ("prune", 1),
        ("prune", 4),
        ("sample", 2),
        ("sample", 10),
        ("samples file", 9),
        ("record", 1),
    ],
)
def test_ended_in_the_middle_of_writing_a_run_goes_on_to_the_same_bits(
    spec: RunSpec, uninterrupted: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, visit: int
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        crash_at(patch, point, visit)
        with pytest.raises(Killed):
            run_cell(spec, folder, CPU)
    assert not (folder / "record.json").exists()
    assert outcome(run_cell(spec, folder, CPU)) == outcome(uninterrupted)
    assert_no_event_twice(folder)
    assert not list((folder / "checkpoints").glob(".partial-*"))


@pytest.fixture
def half_done(spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run that ended hard behind its fourth checkpoint."""
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        crash_at(patch, "sample", 11)
        with pytest.raises(Killed):
            run_cell(spec, folder, CPU)
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["000000012", "000000016"]
    return folder


@pytest.mark.parametrize("file", ["raw.safetensors", "ema.safetensors", "state.pt"])
@pytest.mark.parametrize("left", [0, 0.5])
def test_a_cut_short_checkpoint_falls_back_to_the_one_before(
    spec: RunSpec, uninterrupted: Record, half_done: Path, file: str, left: float
) -> None:
    damaged = half_done / "checkpoints" / "000000016" / file
    damaged.write_bytes(damaged.read_bytes()[: int(damaged.stat().st_size * left)])
    record = run_cell(spec, half_done, CPU)
    assert outcome(record) == outcome(uninterrupted)
    assert record.attempts == 2
    assert_no_event_twice(half_done)


def test_a_checkpoint_with_a_file_missing_falls_back_to_the_one_before(spec: RunSpec, uninterrupted: Record, half_done: Path) -> None:
    (half_done / "checkpoints" / "000000016" / "ema.safetensors").unlink()
    assert outcome(run_cell(spec, half_done, CPU)) == outcome(uninterrupted)


def test_without_any_readable_checkpoint_a_run_starts_over(spec: RunSpec, uninterrupted: Record, half_done: Path) -> None:
    shutil.rmtree(half_done / "checkpoints" / "000000012")
    (half_done / "checkpoints" / "000000016" / "state.pt").write_bytes(b"")
    assert outcome(run_cell(spec, half_done, CPU)) == outcome(uninterrupted)
    assert_no_event_twice(half_done)


def test_a_line_cut_short_in_the_middle_of_a_letter_costs_that_line_alone(spec: RunSpec, uninterrupted: Record, half_done: Path) -> None:
    events = half_done / "events.jsonl"
    whole = events.read_bytes()
    last = whole[whole.rindex(b'{"diagnostics"') :]
    events.write_bytes(whole + last[: last.rindex("·".encode()) + 1])
    record = run_cell(spec, half_done, CPU)
    assert record.attempts == 2
    assert outcome(record) == outcome(uninterrupted)
    assert_no_event_twice(half_done)


@pytest.mark.parametrize("variant", ["gan", "dcgan", "wgan", "wgan_gp"])
def test_every_variant_on_points_is_reproducible_through_the_pipeline(tiny_spec: TinySpec, tmp_path: Path, variant: str) -> None:
    spec = tiny_spec(variant, POINTS)
    first, second = (run_cell(spec, tmp_path / name, CPU) for name in ("a", "b"))
    assert outcome(first) == outcome(second)
    assert first.weights_sha256

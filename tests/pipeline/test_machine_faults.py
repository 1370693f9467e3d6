"""Is a fault of the machine told apart from one of the method, and does it leave a run that the same command ends?"""

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from ganbench.errors import MachineFault
from ganbench.pipeline import cell
from ganbench.pipeline.cell import run_cell
from ganbench.pipeline.faults import machine_fault
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec
from ganbench.results import events
from ganbench.results.events import EventLog
from ganbench.results.folders import interruption
from ganbench.results.record import Record
from ganbench.training import checkpoint
from ganbench.training.trainer import Trainer

CPU = Runtime(device="cpu")
PLAN = EvaluationSpec(extractor="identity", metrics=("fd",), n_fake=80, n_real=200, every_images=64)

MACHINE = [
    (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
    (OSError(errno.EIO, "Input/output error"), "the disk cannot be read or written"),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), "out of memory"),
    (OSError(errno.EMFILE, "Too many open files"), "too many open files"),
    (MemoryError(), "out of memory"),
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out of memory"),
    (RuntimeError("CUDA error: out of memory"), "out of memory"),
    (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "out of memory"),
    (RuntimeError("No CUDA GPUs are available"), "the GPU is missing"),
    (
        RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable"),
        "the GPU",
    ),
    (RuntimeError("CUDA error: uncorrectable ECC error encountered"), "the GPU is faulty"),
    (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), "the disk is full"),
]
METHOD = [
    FileNotFoundError(errno.ENOENT, "No such file or directory"),
    PermissionError(errno.EACCES, "Permission denied"),
    ValueError("out of memory"),  # a method's own words
    RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
    RuntimeError("CUDA error: device-side assert triggered"),
    ZeroDivisionError("division by zero"),
]


@pytest.mark.parametrize(("error", "words"), MACHINE, ids=lambda value: repr(value)[:40])
def test_a_fault_of_the_machine_is_recognised_also_as_a_cause(error: Exception, words: str) -> None:
    assert words in str(machine_fault(error))
    try:
        try:
            raise error
        except Exception:
            raise KeyError("while it was handled")  # noqa: B904
    except KeyError as later:
        assert words in str(machine_fault(later))


@pytest.mark.parametrize("error", METHOD, ids=repr)
def test_an_error_of_the_method_is_none(error: Exception) -> None:
    assert machine_fault(error) is None


def test_what_the_allocators_really_raise_is_recognised() -> None:
    with pytest.raises(RuntimeError) as torchs:
        torch.empty(10**15)  # 4 PB
    with pytest.raises(MemoryError) as numpys:
        np.empty(10**17)
    assert "out of memory" in str(machine_fault(torchs.value)) and "out of memory" in str(machine_fault(numpys.value))


@pytest.fixture(scope="module")
def whole(tiny_spec: Callable[..., RunSpec], tmp_path_factory: pytest.TempPathFactory) -> Record:
    return run_cell(tiny_spec("gan", DatasetSpec(name="ring8"), evaluation=PLAN), tmp_path_factory.mktemp("whole") / "run", CPU)


PLACES: dict[str, tuple[Any, str, int]] = {
    "at an evaluation": (cell, "write_samples", 4),
    "in a checkpoint": (checkpoint, "save_file", 3),
    "in a checkpoint's hashes": (checkpoint, "write_json", 2),
    "in training": (Trainer, "one_step", 7),
    "in the log": (events, "_line", 5),
    "at the end": (cell, "sampling_rate", 1),
    "in the record": (cell, "write_record", 1),
    "when it is built": (cell, "build", 1),
}
"""The function that fails, and at which of its calls."""


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), torch.OutOfMemoryError("CUDA out of memory")], ids=repr
)
@pytest.mark.parametrize("place", PLACES)
def test_a_fault_anywhere_leaves_no_record_and_the_same_call_ends_as_if_nothing_had_happened(
    whole: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception
) -> None:
    owner, name, call = PLACES[place]
    real, calls = getattr(owner, name), 0

    def failing(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise error
        return real(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing)
        with pytest.raises(MachineFault, match="the disk is full|out of memory") as told:
            run_cell(whole.spec, tmp_path / "run", CPU)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run" / "record.json").exists()
    stopped = interruption(tmp_path / "run", whole.spec)
    assert stopped is not None and (stopped.status, stopped.run_id) == ("interrupted", whole.run_id)
    assert stopped.reason in str(told.value) and stopped.scores == ()
    again = run_cell(whole.spec, tmp_path / "run", CPU)
    assert (again.status, again.weights_sha256, again.attempts, again.notes) == (whole.status, whole.weights_sha256, 2, whole.notes)
    assert values(again) == values(whole)


def values(record: Record) -> list[Any]:
    return [(one.images_seen, one.weights, [replace(score, seconds=0.0) for score in one.scores]) for one in record.evaluations]


def test_an_error_of_the_method_stays_a_failure(whole: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise ValueError("out of memory")

    monkeypatch.setattr("ganbench.training.trainer.Trainer.one_step", failing)
    record = run_cell(whole.spec, tmp_path / "run", CPU)
    assert record.status == "failed" and record.error is not None and record.error.type == "ValueError"
    assert EventLog(tmp_path / "run" / "events.jsonl").of("interrupted") == []


def test_too_little_memory_in_training_is_told_with_a_batch_size_that_fits(
    tiny_spec: Callable[..., RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Trainer.one_step

    def hungry(self: Trainer) -> None:
        if self.spec.training.batch_size > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        real(self)

    monkeypatch.setattr(Trainer, "one_step", hungry)
    spec = tiny_spec("gan", DatasetSpec(name="ring8"))
    with pytest.raises(MachineFault, match=r"^out of memory \(OutOfMemoryError\); batch_size = 16 does not fit, 4 does; mend that"):
        run_cell(spec, tmp_path / "run", CPU)
    stopped = interruption(tmp_path / "run", spec)
    assert stopped is not None and stopped.reason == "out of memory (OutOfMemoryError); batch_size = 16 does not fit, 4 does"

"""Does a run whose files were damaged, exchanged or lost go on from a good state, say so, and end as if nothing had happened?"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec
from ganbench.results.events import EventLog
from ganbench.results.record import Record
from ganbench.training import checkpoint

TinySpec = Callable[..., RunSpec]
CPU = Runtime(device="cpu", tick_images=32)
PLAN = EvaluationSpec(extractor="identity", metrics=("fd",), n_fake=80, n_real=200, every_images=64)
"""Evaluations, each with a checkpoint, after 64, 128 and 192 images: steps 4, 8 and 12."""


@pytest.fixture(scope="module")
def whole(tiny_spec: TinySpec, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Record]:
    """The folder and record of an undisturbed run, which has kept two checkpoints."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganbench.pipeline.cell.prune", lambda *_, **__: None)  # as just before the record is written
        record = run_cell(tiny_spec("gan", DatasetSpec(name="ring8"), evaluation=PLAN), folder, CPU)
    assert [path.name for path in sorted((folder / "checkpoints").iterdir())] == ["000000008", "000000012"]
    return folder, record


@pytest.fixture
def unrecorded(whole: tuple[Path, Record], tmp_path: Path) -> Path:
    """A copy of that run that was killed before it wrote its record."""
    shutil.copytree(whole[0], tmp_path / "run")
    (tmp_path / "run" / "record.json").unlink()
    return tmp_path / "run"


def told(record: Record) -> tuple[str, ...]:
    """Notes on the run, without those on scores, whose intervals are doubtful for so few examples."""
    return tuple(note for note in record.notes if "interval" not in note)


def results(record: Record) -> tuple[Any, ...]:
    """What interruptions may not change."""
    series = [
        (one.images_seen, one.weights, [replace(score, seconds=0.0) for score in one.scores], one.diagnostics) for one in record.evaluations
    ]
    return record.status, record.weights_sha256, series, record.images_seen


def lines(folder: Path, change: Callable[[list[str]], list[str]]) -> None:
    path = folder / "events.jsonl"
    path.write_text("\n".join(change(path.read_text().split("\n"))))


def evaluations_cut(found: list[str]) -> list[str]:
    last = [index for index, line in enumerate(found) if '"evaluation"' in line][-2:]
    return [line[:50] if index in last else line for index, line in enumerate(found)]


def digit_changed(found: list[str]) -> list[str]:
    """A score of the first evaluation that is still a number, in a line that is still JSON."""
    first = next(index for index, line in enumerate(found) if '"evaluation"' in line)
    event = json.loads(found[first])
    event["scores"][0]["value"] += 1
    return [*found[:first], json.dumps(event, sort_keys=True, ensure_ascii=False), *found[first + 1 :]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (evaluations_cut, "went on from step 8"),
        (lambda found: [*found[:3], "5", *found[3:]], "line 4 is damaged.*started again"),
        (lambda found: [*found[:3], '{"kind": "tick"}', *found[3:]], "line 4 is damaged.*started again"),
        (lambda found: [*found[:3], '{"kind": "holiday"}', *found[3:]], "line 4 is damaged.*started again"),
        (lambda found: [""], "the events before it are damaged: started again"),
        (lambda found: [line for line in found if '"evaluation"' not in line], "the events before it are damaged: started again"),
        (lambda found: [line for line in found if '"tick"' not in line], "the events before it are damaged: started again"),
        (digit_changed, "the events before it are damaged: started again"),
    ],
    ids=["evaluations-cut", "a-number", "no-images", "unknown-kind", "all-gone", "no-evaluations", "no-ticks", "digit"],
)
def test_damaged_events_are_named_and_cost_no_result(
    whole: tuple[Path, Record], unrecorded: Path, change: Callable[[list[str]], list[str]], words: str
) -> None:
    lines(unrecorded, change)
    record = run_cell(whole[1].spec, unrecorded, CPU)
    assert results(record) == results(whole[1])
    (note,) = told(record)
    assert re.search(words, note), note
    assert str(unrecorded) not in note  # a record names no path of this machine
    assert not EventLog(unrecorded / "events.jsonl").scan()[1]


def test_a_torn_last_line_is_no_damage(whole: tuple[Path, Record], unrecorded: Path) -> None:
    lines(unrecorded, lambda found: [*found[:-2], found[-2][:40]])
    record = run_cell(whole[1].spec, unrecorded, CPU)
    assert (results(record), told(record)) == (results(whole[1]), ())


def test_a_run_that_goes_on_with_other_threads_says_so(whole: tuple[Path, Record], unrecorded: Path) -> None:
    shutil.rmtree(max((unrecorded / "checkpoints").iterdir()))
    before = torch.get_num_threads()
    try:
        record = run_cell(whole[1].spec, unrecorded, replace(CPU, threads=2))
    finally:
        torch.set_num_threads(before)
    (note,) = told(record)
    assert note.startswith("trained under one setting after another") and "cpu, 1 thread, strict; cpu, 2 threads, strict" in note


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["raw.safetensors", "ema.safetensors", "state.pt"])
@pytest.mark.parametrize("both", [False, True], ids=["newest", "both"])
def test_a_bit_of_a_checkpoint_falls_back_to_the_one_before_or_to_the_start(
    whole: tuple[Path, Record], unrecorded: Path, file: str, both: bool
) -> None:
    for path in sorted((unrecorded / "checkpoints").iterdir())[0 if both else 1 :]:
        flip(path / file)
    record = run_cell(whole[1].spec, unrecorded, CPU)
    assert results(record) == results(whole[1])
    (note,) = told(record)
    assert f"{file} is damaged" in note and note.endswith("started again" if both else "went on from step 8")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "hashes.json is missing"),
        (b"{}", "ema.safetensors is damaged"),
        (b"[", "hashes.json is damaged"),
        (b"\xff", "hashes.json is"),
    ],
    ids=["gone", "empty", "cut", "binary"],
)
def test_a_checkpoint_without_its_hashes_is_not_trusted(
    whole: tuple[Path, Record], unrecorded: Path, content: bytes | None, words: str
) -> None:
    path = unrecorded / "checkpoints" / "000000012" / "hashes.json"
    path.unlink() if content is None else path.write_bytes(content)
    record = run_cell(whole[1].spec, unrecorded, CPU)
    assert results(record) == results(whole[1])
    (note,) = told(record)
    assert words in note and note.endswith("went on from step 8")


def test_the_checkpoint_of_another_run_is_not_taken(
    whole: tuple[Path, Record], unrecorded: Path, tiny_spec: TinySpec, tmp_path: Path
) -> None:
    other = run_cell(replace(whole[1].spec, seed=1), tmp_path / "other", CPU)
    shutil.rmtree(unrecorded / "checkpoints")
    shutil.copytree(tmp_path / "other" / "checkpoints", unrecorded / "checkpoints")
    record = run_cell(whole[1].spec, unrecorded, CPU)
    assert results(record) == results(whole[1])
    assert told(record) == (f"checkpoint 000000012: is of run {other.run_id}, not of {whole[1].run_id}: started again",)


@pytest.mark.parametrize("events", ["whole", "without evaluations"])
def test_a_checkpoint_of_an_old_version_goes_on_where_its_events_are_there(
    whole: tuple[Path, Record], unrecorded: Path, events: str
) -> None:
    for path in (unrecorded / "checkpoints").iterdir():  # as they were before they had hashes and a position in the log
        (path / "hashes.json").unlink()
        state = torch.load(path / "state.pt", weights_only=True)
        torch.save(
            {key: value for key, value in state.items() if key not in ("hashed", "log_bytes", "log_sha256", "updated")}, path / "state.pt"
        )
    if events != "whole":
        lines(unrecorded, lambda found: [line for line in found if '"evaluation"' not in line])
    record = run_cell(whole[1].spec, unrecorded, CPU)
    assert results(record) == results(whole[1])
    assert (told(record) == ()) == (events == "whole")


def test_two_checkpoints_are_kept_until_the_record_is_there(whole: tuple[Path, Record], tmp_path: Path, monkeypatch: Any) -> None:
    kept: list[int] = []
    real = checkpoint.prune

    def counted(folder: Path, keep: int = checkpoint.KEEP) -> None:
        kept.append(len(list(folder.glob("[0-9]*"))))
        assert (folder.parent / "record.json").exists()
        real(folder, keep)

    monkeypatch.setattr("ganbench.pipeline.cell.prune", counted)
    run_cell(whole[1].spec, tmp_path / "run", CPU)
    assert kept == [2] and len(list((tmp_path / "run" / "checkpoints").iterdir())) == 1


def test_temporary_files_of_killed_attempts_are_swept(whole: tuple[Path, Record], unrecorded: Path) -> None:
    from ganbench import storage

    (unrecorded / "checkpoints" / ".partial-77").mkdir()
    (unrecorded / f".record.json.{2**22 + 7}@{storage._host()}{storage.PARTIAL}").touch()  # above the largest process id of Linux
    run_cell(whole[1].spec, unrecorded, CPU)
    assert not [path for path in unrecorded.rglob("*") if path.name.startswith(".")]

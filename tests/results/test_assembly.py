"""Do a run's events make its record again?"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import RequestError
from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec, read_spec
from ganbench.results.assembly import assembled
from ganbench.results.events import EventLog
from ganbench.results.record import Throughput, read_record


def test_the_events_of_a_finished_run_make_its_record(tiny_spec: Callable[..., RunSpec], tmp_path: Path) -> None:
    spec = tiny_spec("gan", DatasetSpec(name="ring8"))
    record = run_cell(spec, tmp_path / "run", Runtime(device="cpu", tick_images=32))
    log = EventLog(tmp_path / "run" / "events.jsonl")
    again = assembled(read_spec(tmp_path / "run"), log, str(log.path))
    assert again == record == read_record(tmp_path / "run" / "record.json")
    assert again.timing is not None and again.timing.peak_memory_bytes > 0 and again.weights_sha256.keys() == {"raw", "ema"}


SCORE = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json").scores[0]
EVENTS: list[dict[str, Any]] = [
    {"kind": "start", "time": "2026-01-01T00:00:00+00:00"},
    {"kind": "tick", "images": 100, "seconds": 9.0, "warm_up": True, "images_seen": 100},
    {"kind": "start", "time": "2026-01-01T00:01:00+00:00"},
    {"kind": "tick", "images": 100, "seconds": 2.0, "warm_up": False, "images_seen": 200},
    {"kind": "end", "time": "2026-01-01T00:02:00+00:00", "status": "diverged", "images_seen": 150,
     "divergence": {"kind": "nonfinite", "images_seen": 150, "detail": "a loss"}},
]  # fmt: skip


def test_attempts_add_up_and_warm_up_is_no_speed(tiny_spec: Callable[..., RunSpec]) -> None:
    record = assembled(tiny_spec("gan", DatasetSpec(name="ring8")), EVENTS, "events")
    assert (record.attempts, record.created, record.finished) == (2, "2026-01-01T00:00:00+00:00", "2026-01-01T00:02:00+00:00")
    assert (record.status, record.images_seen, record.scores) == ("diverged", 150, ())
    assert record.timing is not None and record.timing.training_s == 11.0
    assert record.timing.training == Throughput(median=50.0, p5=50.0, p95=50.0, measurements=1)


def test_a_diverged_run_keeps_the_scores_of_its_last_evaluation_but_not_those_of_the_start(tiny_spec: Callable[..., RunSpec]) -> None:
    spec = tiny_spec("gan", DatasetSpec(name="ring8"))

    def scored(seen: int, weights: str, value: float) -> dict[str, Any]:
        score = {**asdict(SCORE), "value": value, "protocol": {**SCORE.protocol, "weights": weights}}
        return {"kind": "evaluation", "seconds": 1.0, "images_seen": seen, "weights": weights, "scores": [score], "diagnostics": []}

    start = [scored(0, weights, 9.0) for weights in ("raw", "ema")]
    assert assembled(spec, [*start, EVENTS[-1]], "events").scores == ()
    later = [scored(64, "raw", 3.0), scored(64, "ema", 2.0), scored(128, "ema", 1.0)]  # at 128 the raw weights gave no finite sample
    record = assembled(spec, [*start, *later, EVENTS[-1]], "events")
    assert [(score.protocol["weights"], score.value) for score in record.scores] == [("ema", 1.0)]
    record = assembled(spec, [*start, *later[:2], EVENTS[-1]], "events")
    assert [score.value for score in record.scores] == [3.0, 2.0]


@pytest.mark.parametrize("events", [[], EVENTS[:-1]], ids=["none", "no-end"])
def test_a_log_without_an_end_makes_no_record(tiny_spec: Callable[..., RunSpec], events: list[dict[str, Any]]) -> None:
    with pytest.raises(RequestError, match="does not say how the run ended"):
        assembled(tiny_spec("gan", DatasetSpec(name="ring8")), events, "events")


def test_done_without_the_final_evaluation_makes_no_record(tiny_spec: Callable[..., RunSpec]) -> None:
    end = {"kind": "end", "time": "now", "status": "done", "images_seen": 192}
    with pytest.raises(RequestError, match="events: counts as done, and its final evaluation is not there"):
        assembled(tiny_spec("gan", DatasetSpec(name="ring8")), [EVENTS[0], end], "events")


def test_notes_are_collected_once(tiny_spec: Callable[..., RunSpec]) -> None:
    notes: list[dict[str, Any]] = [{"kind": "note", "text": text} for text in ("a", "b", "a")]
    end = {**EVENTS[-1], "notes": ["generator was never updated by ctx.minimize"]}
    record = assembled(tiny_spec("gan", DatasetSpec(name="ring8")), [*notes, end], "events")
    assert record.notes == ("a", "b", "generator was never updated by ctx.minimize")


def test_a_damaged_end_is_named(tiny_spec: Callable[..., RunSpec]) -> None:
    spec = replace(tiny_spec("gan", DatasetSpec(name="ring8")), seed=1)
    with pytest.raises(RequestError, match="events: status = 'fine'"):
        assembled(spec, [*EVENTS[:-1], {**EVENTS[-1], "status": "fine"}], "events")

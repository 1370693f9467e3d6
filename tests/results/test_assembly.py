"""Do a run's events make its record again?"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

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


EVENTS = [
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


def test_a_damaged_end_is_named(tiny_spec: Callable[..., RunSpec]) -> None:
    spec = replace(tiny_spec("gan", DatasetSpec(name="ring8")), seed=1)
    with pytest.raises(RequestError, match="events: status = 'fine'"):
        assembled(spec, [*EVENTS[:-1], {**EVENTS[-1], "status": "fine"}], "events")

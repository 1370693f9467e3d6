"""Do sinks get the same live and in a replay, and does one that fails disturb nothing?"""

from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import RequestError, UnknownName
from ganbench.execution.reporter import Reporter
from ganbench.plan.spec import RunSpec, read_spec
from ganbench.results.events import EventLog
from ganbench.results.folders import record_in
from ganbench.sinks import live
from ganbench.sinks.base import Entry, LoggedRun, Sink
from ganbench.sinks.choosing import Chosen, chosen
from ganbench.sinks.live import LiveSinks
from ganbench.sinks.replaying import replay, run_folders

SEEN: list[tuple[str, Any]] = []


class Remembers(Sink):
    def __init__(self, run: LoggedRun, place: str, out: Path) -> None:
        SEEN.append(("open", (run, place, out)))

    def write(self, entry: Entry) -> None:
        SEEN.append(("entry", entry))

    def close(self, status: str) -> None:
        SEEN.append(("close", status))


class Fails(Remembers):
    def write(self, entry: Entry) -> None:
        if entry.event["kind"] == "evaluation":
            raise ConnectionError("no route\nto host")
        super().write(entry)


class Exits(Remembers):
    def write(self, entry: Entry) -> None:
        raise SystemExit(3)


class Stuck(Remembers):
    def write(self, entry: Entry) -> None:
        RELEASE.acquire()


RELEASE: Any = None


class Counts(Reporter):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def started(self, spec: RunSpec) -> None:
        self.calls.append("started")

    def event(self, spec: RunSpec, event: Any) -> None:
        self.calls.append(event["kind"])

    def finished(self, spec: RunSpec, record: Any, detail: str) -> None:
        self.calls.append("finished")


@pytest.fixture(autouse=True)
def fresh() -> None:
    SEEN.clear()


def follow(folder: Path, *kinds: type[Sink]) -> tuple[list[str], list[str]]:
    """Reports a finished run as a matrix does while it goes on; returns what the other reporter got, and the warnings."""
    spec, warnings, inner = read_spec(folder), list[str](), Counts()
    sinks = [Chosen(name=kind.__name__, kind=kind, place="there") for kind in kinds]
    with LiveSinks(inner, sinks, folder.parents[1], warnings.append) as reporter:
        reporter.started(spec)
        for event in EventLog(folder / "events.jsonl"):
            reporter.event(spec, event)
        reporter.finished(spec, record_in(folder, spec), "")
    return inner.calls, warnings


def test_live_and_replay_give_the_same(finished_run: Path) -> None:
    calls, warnings = follow(finished_run, Remembers)
    followed = list(SEEN)
    SEEN.clear()
    sent = replay(finished_run, Chosen(name="Remembers", kind=Remembers, place="there"))
    assert followed == SEEN
    assert warnings == [] and sent.fault == ""
    kinds = [entry.event["kind"] for what, entry in SEEN if what == "entry"]
    assert calls == ["started", *kinds, "finished"] and len(kinds) == sent.entries
    assert {"start", "tick", "evaluation", "health", "end"} <= set(kinds)
    assert SEEN[0][0] == "open" and SEEN[-1] == ("close", "done")
    shown = {tag for what, entry in SEEN if what == "entry" for tag in entry.images}
    assert shown == {"samples/raw", "samples/ema", "samples/real"}


@pytest.mark.parametrize("kind", [Fails, Exits])
def test_a_sink_that_fails_is_named_once_and_nothing_else_is_disturbed(kind: type[Sink], finished_run: Path) -> None:
    calls, warnings = follow(finished_run, Remembers, kind)
    assert len(warnings) == 1 and len(warnings[0].splitlines()) == 1
    assert f"{kind.__name__} failed" in warnings[0]
    assert f"ganbench replay {finished_run.parents[1]} --to {kind.__name__}=there" in warnings[0]
    assert calls[-1] == "finished"
    alone = [one for one in SEEN if one[0] == "close"]
    assert alone == [("close", "done")]  # the other sink was served to the end


def test_a_sink_that_is_stuck_is_not_waited_for(finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setitem(globals(), "RELEASE", threading.Semaphore(0))
    monkeypatch.setattr(live, "PATIENCE_S", 0.01)
    _, warnings = follow(finished_run, Stuck)
    for _ in range(100):
        RELEASE.release()  # lets its thread end
    assert len(warnings) == 1 and "Stuck did not take everything" in warnings[0]


def test_runs_that_ctrl_c_stops_are_closed_as_interrupted(finished_run: Path) -> None:
    spec = read_spec(finished_run)
    with (
        pytest.raises(KeyboardInterrupt),
        LiveSinks(Reporter(), [Chosen(name="x", kind=Remembers, place="")], finished_run.parents[1], print) as reporter,
    ):
        reporter.started(spec)
        raise KeyboardInterrupt
    assert SEEN[-1] == ("close", "interrupted")


def test_a_failing_replay_is_one_line(finished_run: Path) -> None:
    with pytest.raises(RequestError, match="ConnectionError: no route to host") as said:
        replay(finished_run, Chosen(name="Fails", kind=Fails, place=""))
    assert len(str(said.value).splitlines()) == 1


def test_a_damaged_log_is_sent_up_to_the_damage(finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_bytes((finished_run / "spec.json").read_bytes())
    lines = (finished_run / "events.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "events.jsonl").write_text("".join([*lines[:3], "{broken\n", *lines[3:]]))
    sent = replay(tmp_path, Chosen(name="x", kind=Remembers, place=""))
    assert sent.entries == 3 and "line 4 is damaged" in sent.fault
    assert SEEN[-1] == ("close", "interrupted")


def test_an_output_folder_names_all_its_runs(finished_run: Path, tmp_path: Path) -> None:
    assert run_folders(finished_run) == run_folders(finished_run.parents[1]) == [finished_run]
    with pytest.raises(RequestError, match="holds no runs"):
        run_folders(tmp_path)


OWN = """
from ganbench.sinks.base import Sink

class Mine(Sink):
    def __init__(self, run, place, out): ...
    def write(self, entry): ...
    def close(self, status): ...

class Other: ...
"""


def test_sinks_are_named_with_places_and_may_be_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.py").write_text(OWN)
    found = chosen(f"tensorboard=logs/a=b, {tmp_path}/own.py:Mine")
    assert [(one.kind.__name__, one.place) for one in found] == [("TensorBoard", "logs/a=b"), ("Mine", "")]
    assert found[0].asked == "tensorboard=logs/a=b"
    with pytest.raises(RequestError, match=r"is no ganbench.sinks.base.Sink"):
        chosen(f"{tmp_path}/own.py:Other")
    with pytest.raises(UnknownName, match="did you mean 'wandb'"):
        chosen("wandbb")
    with pytest.raises(RequestError, match="twice"):
        chosen("tensorboard,tensorboard=x")
    monkeypatch.setattr("ganbench.packages.find_spec", lambda module: None)
    with pytest.raises(RequestError, match=r"needs the package mlflow, .*pip install 'ganbench\[mlflow\]'"):
        chosen("mlflow")

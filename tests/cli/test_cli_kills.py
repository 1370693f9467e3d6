"""Does a matrix that is killed at any moment end with the records of an undisturbed one, and leave nothing running?"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganbench.results.folders import read_records
from ganbench.results.record import Record, Score

Command = Callable[..., Any]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends workers with their parent")

SUITE = """name = "tiny"
[[matrix]]
variants = ["gan"]
datasets = ["ring8"]
seeds = [0, 1, 2]
budget_images = 2048
presets = ["points"]
evaluation = { extractor = "identity", metrics = ["fd", "precision"], n_fake = 100, n_real = 100, every_images = 256 }
"""
ARGUMENTS = ("run", "suite.toml", "--out", "out", "--device", "cpu", "--workers", "2")
ATTEMPTS = 5
"""Disturbed attempts before the same command is left in peace, so that a trial ends."""


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def parent(process: Any) -> None:
    process.send_signal(signal.SIGKILL)


def worker(process: Any, rng: random.Random) -> None:
    if there := children(process.pid):
        os.kill(rng.choice(there), signal.SIGKILL)


def everything(process: Any) -> None:
    """As a batch system kills a job: all at once."""
    for pid in [process.pid, *children(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def terminate(process: Any) -> None:
    process.send_signal(signal.SIGTERM)


def ctrl_c_twice(process: Any, rng: random.Random) -> None:
    process.send_signal(signal.SIGINT)
    time.sleep(rng.uniform(0, 0.3))
    process.send_signal(signal.SIGINT)


def disturb(process: Any, rng: random.Random) -> str:
    """Kills something, and says what."""
    blow = rng.choice((parent, worker, everything, terminate, ctrl_c_twice))
    blow(process, rng) if blow in (worker, ctrl_c_twice) else blow(process)  # type: ignore[call-arg,operator]
    return blow.__name__


def outcome(record: Record) -> tuple[Any, ...]:
    """What may not depend on interruptions: all but times."""

    def timeless(scores: tuple[Score, ...]) -> list[Score]:
        return [replace(score, seconds=0.0) for score in scores]

    series = [(one.images_seen, one.weights, timeless(one.scores), one.diagnostics) for one in record.evaluations]
    return record.status, timeless(record.scores), record.weights_sha256, series, record.divergence, record.notes


def trial(forked: Command, folder: Path, rng: random.Random, longest_s: float, whole: dict[str, Any]) -> list[str]:
    """Runs the matrix with blows, all but the first at random times, until it ends, and checks what it leaves; returns what happened."""
    (folder / "suite.toml").write_text(SUITE)
    told: list[str] = []
    for attempt in range(20):
        process = forked(*ARGUMENTS, cwd=folder, out=folder / "out.txt", err=folder / "err.txt")
        started: list[int] = []
        if attempt < ATTEMPTS:
            if attempt == 0:  # on a machine of any speed, the first blow falls while runs are under way
                while process.poll() is None and not any(log.stat().st_size for log in (folder / "out").rglob("events.jsonl")):
                    time.sleep(0.005)
            else:
                time.sleep(rng.uniform(0, longest_s))
            started = children(process.pid)
            if process.poll() is None:
                told.append(disturb(process, rng))
        code = process.wait(120)
        said = (folder / "err.txt").read_text()
        assert "Traceback" not in said, said
        end = time.monotonic() + 10
        while any(map(alive, started)) and time.monotonic() < end:
            time.sleep(0.02)
        assert not any(map(alive, started)), f"orphans after {told}"
        told.append(str(code))
        if code == 0:
            break
        # in the first and last moments of a process, the interpreter itself answers SIGINT and SIGTERM
        assert code in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 1, 130), (told, said)
    assert told[-1] == "0", told
    assert {record.run_id: outcome(record) for record in read_records(folder / "out")} == whole, told
    left = [path for path in (folder / "out").rglob("*") if path.name == "running" or path.name.startswith(".")]
    assert not left, (told, left)
    return told


@pytest.fixture(scope="module")
def undisturbed(ganbench_in: Command, tmp_path_factory: pytest.TempPathFactory) -> tuple[float, dict[str, Any]]:
    """How long the matrix takes, and its outcome."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "suite.toml").write_text(SUITE)
    for out in ("first", "out"):  # the first one also waits for what the others find loaded
        start = time.monotonic()
        result = ganbench_in(folder, *ARGUMENTS, "--out", out)
        duration = time.monotonic() - start
        assert result.code == 0, result.err
    found = {record.run_id: outcome(record) for record in read_records(folder / "out")}
    assert len(found) == 3
    assert {record.run_id: outcome(record) for record in read_records(folder / "first")} == found
    return duration, found


@pytest.mark.usefixtures("heard_ctrl_c")
@pytest.mark.parametrize("seed", [0, pytest.param(range(1, 19), marks=pytest.mark.slow)], ids=["one", "many"])
def test_a_killed_matrix_ends_with_the_records_of_an_undisturbed_one(
    forked: Command, undisturbed: tuple[float, dict[str, Any]], tmp_path: Path, seed: int | range
) -> None:
    duration, whole = undisturbed
    blows = 0
    for one in [seed] if isinstance(seed, int) else seed:
        folder = tmp_path / str(one)
        folder.mkdir()
        told = trial(forked, folder, random.Random(one), duration, whole)
        blows += sum(not word.lstrip("-").isdigit() for word in told)
        print(one, *told)
    assert blows > 0

"""How does a matrix run on this machine? (one worker process a cell, each started by ``ganbench run --spec``)"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ganbench.errors import Interrupted
from ganbench.plan.spec import RunSpec
from ganbench.results.events import EventLog
from ganbench.results.folders import claim, finished, run_folder
from ganbench.results.record import Record

POLL_S = 0.1
"""How often the workers are looked at."""
WORKER_FLAG = "GANBENCH_PARENT"
"""Environment variable with the process id of the matrix that a worker belongs to."""
SLOTS_FLAG = "GANBENCH_RUNS_AT_A_TIME"
"""Environment variable with the number of runs that share the machine, for the record of their timings."""


class Reporter(Protocol):
    """Who is told what happens. Calls come from one thread, in order."""

    def started(self, spec: RunSpec) -> None:
        """A worker was started."""

    def event(self, spec: RunSpec, event: Mapping[str, Any]) -> None:
        """A worker wrote a line to ``events.jsonl``."""

    def finished(self, spec: RunSpec, record: Record | None, detail: str) -> None:
        """A worker ended; without a record it died, and ``detail`` says how."""


@dataclass(kw_only=True)
class _Worker:
    """One running cell."""

    spec: RunSpec
    folder: Path
    slot: int
    process: subprocess.Popen[bytes]
    known: int = 0
    """Events already reported."""
    size: int = field(default=-1)
    """Size of the event file when it was last read."""


def run_matrix(
    specs: Sequence[RunSpec], out: Path, *, arguments: Sequence[str], slots: Sequence[Mapping[str, str]], reporter: Reporter
) -> list[tuple[RunSpec, Record | None]]:
    """Runs cells side by side; one that fails or dies does not stop the others.

    Args:
        specs: Cells to run, in order.
        out: Folder of the matrix.
        arguments: Options that every worker gets.
        slots: Environment variables of each place where a cell can run at a time.
        reporter: Who is told.

    Returns:
        Every cell with its record, or None where the worker died without one.

    Raises:
        Interrupted: Ctrl-C; the workers were asked to leave checkpoints.
    """
    waiting = deque(specs)
    free = list(range(len(slots)))
    workers: list[_Worker] = []
    results: list[tuple[RunSpec, Record | None]] = []
    try:
        while waiting or workers:
            while waiting and free:
                slot = free.pop(0)
                workers.append(_start(waiting.popleft(), out, arguments, slot, len(slots), slots[slot]))
                reporter.started(workers[-1].spec)
            time.sleep(POLL_S)
            for worker in list(workers):
                ended = worker.process.poll() is not None
                _report_events(worker, reporter)
                if ended:
                    workers.remove(worker)
                    free.append(worker.slot)
                    results.append((worker.spec, _end(worker, out, reporter)))
    except KeyboardInterrupt:
        _stop(workers)
        raise Interrupted(f"{len(results)} of {len(specs)} runs finished; the same command goes on with the rest") from None
    return results


def _start(spec: RunSpec, out: Path, arguments: Sequence[str], slot: int, slots: int, variables: Mapping[str, str]) -> _Worker:
    folder = run_folder(out, spec)
    claim(folder, spec)
    # -P: a statistics.py beside the suite must not stand in for Python's
    command = [sys.executable, "-P", "-m", "ganbench", "run", "--spec", str(folder / "spec.json"), "--out", str(folder), *arguments]
    environment = {**os.environ, **variables, WORKER_FLAG: str(os.getpid()), SLOTS_FLAG: str(slots)}
    with (folder / "log.txt").open("ab") as log:
        # a session of its own: Ctrl-C reaches the matrix alone, which then asks its workers to stop
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True)
    return _Worker(spec=spec, folder=folder, slot=slot, process=process)


def _report_events(worker: _Worker, reporter: Reporter) -> None:
    log = EventLog(worker.folder / "events.jsonl")
    size = log.path.stat().st_size if log.path.exists() else 0
    if size == worker.size:
        return
    events = list(log)
    for event in events[min(worker.known, len(events)) :]:
        reporter.event(worker.spec, event)
    worker.known, worker.size = len(events), size


def _end(worker: _Worker, out: Path, reporter: Reporter) -> Record | None:
    record = finished(out, worker.spec)
    code = worker.process.returncode
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    log = (worker.folder / "log.txt").read_text(errors="replace").strip().splitlines()
    said = f": {log[-1]}" if log else ""
    reporter.finished(worker.spec, record, "" if record else f"{how}{said}; the same command goes on from its checkpoint")
    return record


def _stop(workers: Iterable[_Worker]) -> None:
    """Asks workers to leave a checkpoint, and ends those that do not."""
    workers = list(workers)
    for worker in workers:
        worker.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 60
    for worker in workers:
        try:
            worker.process.wait(max(0.0, deadline - time.monotonic()))
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            worker.process.kill()


def die_with_parent() -> None:
    """Called by a worker: makes the system kill it when the matrix that started it dies, so that nothing runs unseen.

    State is safe against a kill at any moment. Only Linux offers this; elsewhere an orphan finishes its cell.
    """
    parent = os.environ.get(WORKER_FLAG)
    if parent is None or not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG of <linux/prctl.h>
    if os.getppid() != int(parent):
        os.kill(os.getpid(), signal.SIGKILL)  # it died before the call

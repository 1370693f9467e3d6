"""How are jobs run on this computer? (one worker process per job, a fixed number at a time)"""

import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganbench.execution.executor import Change, Job
from ganbench.execution.template import Forked, Template
from ganbench.execution.worker import arguments, command, environment

PATIENCE_S = 60.0
"""How long workers may take to write a checkpoint before they are killed."""


@dataclass(kw_only=True)
class _Worker:
    """One running job."""

    job: Job
    slot: int
    process: subprocess.Popen[bytes] | Forked
    log_bytes: int
    """Size of its log when it started; what is before tells of earlier attempts."""


class LocalExecutor:
    """Runs jobs in worker processes on this computer.

    Args:
        slots: Environment variables of each slot; a slot runs one job at a time.
        template: A process that forks the workers; without one each loads everything itself.
    """

    def __init__(self, slots: Sequence[Mapping[str, str]], template: Template | None = None) -> None:
        self.slots = slots
        self._waiting: deque[Job] = deque()
        self._free = list(range(len(slots)))
        self._workers: list[_Worker] = []
        self._template = template

    def submit(self, job: Job) -> None:
        """See :class:`Executor`."""
        self._waiting.append(job)

    def poll(self) -> Sequence[Change]:
        """See :class:`Executor`."""
        changes = []
        for worker in [one for one in self._workers if one.process.poll() is not None]:
            self._workers.remove(worker)
            self._free.append(worker.slot)
            changes.append(Change(job=worker.job, state="ended", detail=_how(worker)))
        while self._waiting and self._free:
            job = self._waiting.popleft()
            self._workers.append(self._start(job, self._free.pop(0)))
            changes.append(Change(job=job, state="started"))
        return changes

    def cancel(self) -> None:
        """See :class:`Executor`."""
        self._waiting.clear()
        try:
            for worker in self._workers:
                worker.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + PATIENCE_S
            for worker in self._workers:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
        except (subprocess.TimeoutExpired, KeyboardInterrupt):  # a second Ctrl-C waits for no checkpoint
            for worker in self._workers:
                worker.process.kill()
            for worker in self._workers:
                worker.process.wait(PATIENCE_S)

    def _start(self, job: Job, slot: int) -> _Worker:
        env = environment(self.slots[slot], len(self.slots))
        with (job.folder / "log.txt").open("ab") as log:
            size = log.tell()
            forked = None if self._template is None else self._template.start(arguments(job.folder), env, job.folder / "log.txt")
            # in a new process group, so that Ctrl-C reaches only the matrix, which then asks its workers to stop
            process = forked or subprocess.Popen(
                command(job.folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True
            )
        return _Worker(job=job, slot=slot, process=process, log_bytes=size)


def _how(worker: _Worker) -> str:
    """How a worker ended, and the last line that it printed."""
    code = worker.process.returncode
    assert code is not None, "it has ended"
    how = f"killed by {_signal(-code)}" if code < 0 else f"ended with exit code {code}"
    log = (worker.job.folder / "log.txt").read_bytes()[worker.log_bytes :].decode(errors="replace").strip().splitlines()
    return how + (f": {log[-1]}" if log else "")


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:  # one of the real-time signals, which have no names
        return f"signal {number}"
    return f"{name}, by hand or for lack of memory" if number == signal.SIGKILL else name

"""What is an executor? (it decides only where a job runs)"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run with its runtime settings and its directory; a worker needs nothing else."""

    spec: RunSpec
    runtime: Runtime
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a job's state since the last poll."""

    job: Job
    state: Literal["started", "ended"]
    detail: str = ""
    """How the job ended, in words; the reason of its interruption if it left no record."""


class Executor(Protocol):
    """Runs jobs; every executor runs a job as ``ganbench run --spec FOLDER/spec.json --out FOLDER``.

    >>> from ganbench.execution.local import LocalExecutor
    >>> LocalExecutor(slots=[{"OMP_NUM_THREADS": "1"}]).poll()  # one place, and nothing was submitted
    []
    """

    def submit(self, job: Job) -> None:
        """Queues a job, whose folder was already created; it starts as soon as a slot is free."""

    def poll(self) -> Sequence[Change]:
        """Returns the changes since the last call, in order, without waiting."""

    def cancel(self) -> None:
        """Asks all running jobs to write a checkpoint and stop, kills those that do not, and drops those that have not started."""

"""What is an executor? (it decides where a job runs, and nothing else)"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run and where it lies; a worker needs nothing else."""

    spec: RunSpec
    runtime: Runtime
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Change:
    """What has become of a job since it was last asked for."""

    job: Job
    state: Literal["started", "ended"]
    detail: str = ""
    """How it ended, in words, for a job that left no record."""


class Executor(Protocol):
    """Runs jobs somewhere: every job becomes ``ganbench run --spec FOLDER/spec.json --out FOLDER``, whatever the executor.

    >>> from ganbench.execution.local import LocalExecutor
    >>> LocalExecutor(slots=[{"OMP_NUM_THREADS": "1"}]).poll()  # one place, and nothing was submitted
    []
    """

    def submit(self, job: Job) -> None:
        """Takes a job, whose folder is its own already; it starts when there is room."""

    def poll(self) -> Sequence[Change]:
        """What has changed since the last call, in order; returns at once."""

    def cancel(self) -> None:
        """Asks all jobs to leave a checkpoint, ends those that do not, and forgets those that have not started."""

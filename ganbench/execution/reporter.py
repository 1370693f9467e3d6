"""Who is told what happens to the jobs of a matrix?"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from ganbench.plan.spec import RunSpec
from ganbench.results.record import Record


class Reporter:
    """Is told of every job, from one thread and in order; used as a context manager. This one keeps silent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leaves the terminal as it was."""

    def started(self, spec: RunSpec) -> None:
        """A job has begun to run."""

    def event(self, spec: RunSpec, event: Mapping[str, Any]) -> None:
        """A job wrote a line to ``events.jsonl``."""

    def finished(self, spec: RunSpec, record: Record | None, detail: str) -> None:
        """A job ended; without a record it died, and ``detail`` says how."""

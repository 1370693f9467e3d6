"""How is the progress of the jobs of a matrix reported?"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from ganbench.plan.spec import RunSpec
from ganbench.results.record import Record


class Reporter:
    """Receives the events of all jobs, in order and from one thread; a context manager. This base class ignores them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Restores the terminal."""

    def started(self, spec: RunSpec) -> None:
        """Called when a job starts."""

    def event(self, spec: RunSpec, event: Mapping[str, Any]) -> None:
        """Called for every line that a job writes to ``events.jsonl``."""

    def finished(self, spec: RunSpec, record: Record | None, detail: str) -> None:
        """Called when a job ends, also one that was interrupted; with None if another process carries it out, and ``detail`` says which."""

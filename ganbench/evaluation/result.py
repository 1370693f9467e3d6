"""What comes of a request to score?"""

from dataclasses import asdict, dataclass
from typing import Any

from ganbench.evaluation.agreement import Agreement
from ganbench.results.record import Diagnostic, Score

SCHEMA_VERSION = 1
"""Raised when the machine form changes incompatibly."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What came of it."""

    scores: tuple[Score, ...]
    warnings: tuple[str, ...]
    failures: tuple[str, ...] = ()
    """Metrics that gave no finite value, and why; and where another library disagrees."""
    agreements: tuple[Agreement, ...] = ()
    """What another library made of the same features, where it was asked."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Signs of collapse, where neighbours were searched for a metric anyway."""

    def to_json(self) -> dict[str, Any]:
        """The machine form."""
        fields = asdict(self)
        del fields["failures"]
        return {"schema_version": SCHEMA_VERSION, **fields, "warnings": [*self.warnings, *self.failures]}


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What was written to a statistics file."""

    n: int
    """Examples."""
    width: int
    """Features."""
    warnings: tuple[str, ...]

"""What does scoring return?"""

from dataclasses import asdict, dataclass
from typing import Any

from ganbench.evaluation.agreement import Agreement
from ganbench.results.record import Diagnostic, Score

SCHEMA_VERSION = 1
"""Raised when the JSON form changes incompatibly."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The scores of a generated set, with warnings, failures and diagnostics."""

    scores: tuple[Score, ...]
    warnings: tuple[str, ...]
    failures: tuple[str, ...] = ()
    """Metrics without a finite value and why, and disagreements with another library."""
    agreements: tuple[Agreement, ...] = ()
    """Values of another library for the same features, if verification was requested."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Diagnostics of collapse; computed only if a metric searches neighbours."""

    def to_json(self) -> dict[str, Any]:
        """The result as plain data for JSON."""
        fields = asdict(self)
        del fields["failures"]
        return {"schema_version": SCHEMA_VERSION, **fields, "warnings": [*self.warnings, *self.failures]}


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Summary of a statistics file that was written."""

    n: int
    """Number of examples."""
    width: int
    """Number of features."""
    warnings: tuple[str, ...]

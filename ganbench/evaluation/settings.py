"""How are sets scored, and what comes of it?"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ganbench.errors import UnknownName
from ganbench.evaluation.agreement import Agreement
from ganbench.features.extraction import BATCH
from ganbench.results.record import Finding, Score

SCHEMA_VERSION = 1
"""Raised when the machine form changes incompatibly."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How sets are scored. What changes a value is part of its protocol."""

    features: bool = False
    """The paths hold features (or statistics), not images."""
    extractor: str | None = None
    """Registered name or file.py:Class; None is Inception for images, ``identity`` for features."""
    weights: Path | None = None
    """File of the extractor's weights, or folder that holds the published ones."""
    resize: str | None = None
    """Resize protocol; None is the extractor's own."""
    fast: bool = False
    """TF32 or bfloat16 arithmetic."""
    n: int | None = None
    """Generated examples that count: a random subset, or that many draws of a generator."""
    n_real: int | None = None
    """Real examples that count."""
    seed: int = 0
    latent_dim: int | None = None
    resolution: int | None = None
    device: str = "auto"
    batch: int = BATCH
    workers: int = 2
    """Threads that decode image files."""
    cache: Path | None = None
    """Folder of the feature cache; None is ``GANBENCH_CACHE`` or the user's."""
    use_cache: bool = True
    verify: bool = False
    """Whether torch-fidelity recomputes what it has from the same features."""
    data_root: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What was written to a statistics file."""

    n: int
    """Examples."""
    width: int
    """Features."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What came of it."""

    scores: tuple[Score, ...]
    warnings: tuple[str, ...]
    failures: tuple[str, ...] = ()
    """Metrics that gave no finite value, and why; and where another library disagrees."""
    agreements: tuple[Agreement, ...] = ()
    """What another library made of the same features, where it was asked."""
    diagnostics: tuple[Finding, ...] = ()
    """Signs of collapse, where neighbours were searched for a metric anyway."""

    def to_json(self) -> dict[str, Any]:
        """The machine form."""
        return {
            "schema_version": SCHEMA_VERSION,
            "scores": [asdict(score) for score in self.scores],
            "warnings": [*self.warnings, *self.failures],
            "diagnostics": [asdict(finding) for finding in self.diagnostics],
            "agreements": [asdict(agreement) for agreement in self.agreements],
        }


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Settings by name; folders may be strings.

    Raises:
        UnknownName: There is no such setting.
    """
    known = [one.name for one in fields(Settings)]
    for name in given:
        if name not in known:
            raise UnknownName("setting", name, known)
    paths = {name: Path(given[name]) for name in ("weights", "cache", "data_root") if given.get(name) is not None}
    return Settings(**{**given, **paths})

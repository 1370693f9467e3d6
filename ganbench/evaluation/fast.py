"""How far does fast arithmetic shift the FD of these sets?"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.features.base import Extractor, extract
from ganbench.metrics.frechet import frechet_distance
from ganbench.sets.moments import moments
from ganbench.sets.source import Selection, Source

PROBED = 512
"""Number of evenly spaced examples of each set for which features are computed with both arithmetics."""


@dataclass(frozen=True, kw_only=True)
class Shift:
    """FD of the same examples with exact and with fast arithmetic."""

    n: int
    exact: float
    fast: float

    def __str__(self) -> str:
        return (
            f"over {self.n:,} examples a side FD is {self.fast:.6g} instead of {self.exact:.6g}, a shift of {self.fast - self.exact:+.3g}"
        )


def measure_shift(fast: Extractor, exact: Extractor, sets: Sequence[tuple[Source, Selection]], device: torch.device) -> Shift:
    """Measures the shift on a few examples.

    Args:
        fast: The extractor in its fast mode.
        exact: The same extractor in float32.
        sets: Real and generated examples.
        device: Device of both extractors.
    """
    n = min(PROBED, *(len(selection) for _, selection in sets))
    examples = [source.at([selection.indices[i * len(selection) // n] for i in range(n)]) for source, selection in sets]
    return Shift(n=n, exact=_distance(exact, examples, device), fast=_distance(fast, examples, device))


def _distance(extractor: Extractor, examples: Sequence[Tensor], device: torch.device) -> float:
    real, fake = (moments(extract(extractor, side, device).values) for side in examples)
    return frechet_distance(real.mean, real.covariance, fake.mean, fake.covariance)

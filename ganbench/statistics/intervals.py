"""How uncertain is a mean over a few seeds?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, median, stdev


@dataclass(frozen=True, kw_only=True)
class MeanInterval:
    """A mean over seeds with its 95 % interval."""

    mean: float
    low: float | None
    """None for a single seed, which says nothing about the spread."""
    high: float | None
    values: tuple[float, ...]
    """The values of the seeds."""

    @property
    def n(self) -> int:
        """Number of seeds."""
        return len(self.values)

    @property
    def median(self) -> float:
        """Median over the seeds."""
        return median(self.values)


def mean_interval(values: Sequence[float], bounds: tuple[float | None, float | None] = (None, None)) -> MeanInterval:
    """Student's t interval for the mean over seeds.

    It is wide for two or three seeds, because they carry little information. A percentile bootstrap would be narrower,
    but with three seeds it covers the mean of a normal distribution in only 72 % of cases instead of 95 %.

    Args:
        values: One value per seed, at least one.
        bounds: Smallest and largest possible value, at which the interval is cut; None if there is no bound.
    """
    mean = fmean(values)
    if len(values) == 1:
        return MeanInterval(mean=mean, low=None, high=None, values=(values[0],))
    half = _student(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    low, high = bounds
    low = mean - half if low is None else max(low, mean - half)
    high = mean + half if high is None else min(high, mean + half)
    return MeanInterval(mean=mean, low=low, high=high, values=tuple(values))


@cache
def _student(freedom: int) -> float:
    """97.5 % quantile of Student's t distribution."""
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    return float(stdtrit(freedom, 0.975))

"""How far can the mean of a few seeds be trusted?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True, kw_only=True)
class MeanInterval:
    """A mean over seeds with its 95 % interval."""

    mean: float
    low: float | None
    """None with a single seed: nothing is known of the spread."""
    high: float | None
    n: int


def mean_interval(values: Sequence[float], bounds: tuple[float, float] = (-math.inf, math.inf)) -> MeanInterval:
    """Student's t interval for the mean over seeds.

    Wide for two or three seeds because they say little; a percentile bootstrap would be narrower, and with
    three seeds it covers the mean of a normal law in 72 % of cases instead of 95 %.

    Args:
        values: One value a seed, at least one.
        bounds: Smallest and largest possible value; the interval is cut there.
    """
    mean = fmean(values)
    if len(values) == 1:
        return MeanInterval(mean=mean, low=None, high=None, n=1)
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return MeanInterval(mean=mean, low=max(bounds[0], mean - half), high=min(bounds[1], mean + half), n=len(values))

"""How did a score move during a run?"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev


def final_over_best(values: Sequence[float], higher_is_better: bool) -> float | None:
    """How much worse the last value is than the best one: last/best, or best/last if higher is better; 1 means equally good.

    None without values, or if one of the two is not above 0.
    """
    if not values:
        return None
    better, worse = (max(values), values[-1]) if higher_is_better else (values[-1], min(values))
    return better / worse if min(better, worse) > 0 else None


def volatility(steps: Sequence[int], values: Sequence[float]) -> float | None:
    """Standard deviation over the last third of a run, as a share of the mean there; None with fewer than three values in it."""
    last = [value for step, value in zip(steps, values, strict=True) if 3 * step > 2 * steps[-1]]
    mean = fmean(last) if last else 0.0
    return stdev(last) / abs(mean) if len(last) > 2 and mean and math.isfinite(mean) else None

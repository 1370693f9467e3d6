"""How far would a second sample, or a second seed, move a score?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from ganbench.results.bank import Value

QUANTILE = 1.96
"""Half the width of a 95 % interval in standard deviations."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The two layers of noise of a score, as standard deviations in its own unit."""

    training: float
    """Between trainings with different seeds, the sampling noise taken off; 0 if that explains all of the spread."""
    sampling: float | None
    """Between samples of the same generator; None if the scores have no intervals."""
    runs: int


def noise(found: Sequence[Value]) -> Noise | None:
    """Separates training noise from sampling noise: the variance over seeds is the sum of both.

    The sampling noise is that of the scores' own 95 % intervals, which hold for new generated examples, and for metrics of two sets for new
    real ones as well: it is never smaller than that of new generated examples alone.

    Args:
        found: The scores of one recipe's runs that ended well.

    Returns:
        None for fewer than two.
    """
    if len(found) < 2:
        return None
    widths = [one.high - one.low for one in found if one.low is not None and one.high is not None]
    of_samples = fmean((width / (2 * QUANTILE)) ** 2 for width in widths) if widths else None
    total = variance(one.value for one in found)
    return Noise(
        training=math.sqrt(max(total - (of_samples or 0.0), 0.0)),
        sampling=None if of_samples is None else math.sqrt(of_samples),
        runs=len(found),
    )

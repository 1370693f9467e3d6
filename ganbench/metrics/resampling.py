"""How much would a score move if some of the examples were others?

The delete-a-group jackknife (Shao and Tu 1995, section 2.3): examples are dealt into groups at random, and the
score is taken again without each of them. It needs no second pass over images, only a score that can be computed
from what is kept of every example.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ganbench.metrics.base import NORMAL_975, Estimate

GROUPS = 20
T_975 = 2.093024054408263
"""97.5 % quantile of Student's law with GROUPS - 1 degrees of freedom."""


def dealt(n: int, generator: torch.Generator) -> Tensor:
    """The group (n,) of every example, 0 up to ``GROUPS``: as equal in size as can be, at random."""
    return torch.randperm(n, generator=generator, device=generator.device) % GROUPS


def jackknife(n: int, score: Callable[[Tensor], float], generator: torch.Generator) -> float:
    """Variance of a score from leaving out a group of examples at a time.

    Args:
        n: Examples of the side that is resampled, at least ``GROUPS``.
        score: The score of those examples whose place in a mask (n,) is True.
        generator: Deals the examples.
    """
    groups = dealt(n, generator).cpu()
    return variance(torch.tensor([score(groups != group) for group in range(GROUPS)], dtype=torch.float64))


def variance(replicates: Tensor) -> float:
    """Variance from the scores (GROUPS,) without each group."""
    return (GROUPS - 1) / GROUPS * (replicates - replicates.mean()).square().sum().item()


def student_estimate(
    value: float, variance: float, bounds: tuple[float, float], method: str = "jackknife over groups", perfect: float | None = None
) -> Estimate:
    """An estimate with Student's interval, cut off at the metric's bounds.

    Args:
        value: The metric's value, inside ``bounds``.
        variance: Its sampling variance, from :func:`jackknife`.
        bounds: Smallest and largest possible value.
        method: How the variance was obtained.
        perfect: What a perfect generator is expected to score.
    """
    half_width = T_975 * variance**0.5
    low, high = max(value - half_width, bounds[0]), min(value + half_width, bounds[1])
    return Estimate(value=value, ci_low=low, ci_high=high, ci_method=method, perfect=perfect)


def share_of_both(
    value: float, variance: float, n: int, m: int, method: str = "jackknife over groups", perfect: float | None = None
) -> Estimate:
    """A share from 0 to 1 with Student's interval, or, at a bound where nothing varies, with Wilson's.

    Args:
        value: The share.
        variance: Its sampling variance.
        n: Real examples.
        m: Generated examples.
        method: How the variance was obtained.
        perfect: What a perfect generator is expected to score.
    """
    if variance == 0 and value in (0, 1):
        # either side alone could have held the example that makes the difference
        return wilson_estimate(value, n * m / (n + m), perfect=perfect)
    return student_estimate(value, variance, (0.0, 1.0), method, perfect)


def wilson_estimate(share: float, n: float, scale: float = 1.0, perfect: float | None = None) -> Estimate:
    """A share of n independent examples with Wilson's interval (1927).

    Args:
        share: From 0 to 1.
        n: Number of examples, or what their dependence leaves of it.
        scale: What 1 is called: 100 for per cent.
        perfect: What a perfect generator is expected to score, on that scale.
    """
    z2 = NORMAL_975**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half_width = NORMAL_975 * (share * (1 - share) / n + z2 / (4 * n**2)) ** 0.5 / (1 + z2 / n)
    # at 0 and 1 rounding could leave the share outside
    low, high = min(max(centre - half_width, 0.0), share), max(min(centre + half_width, 1.0), share)
    return Estimate(value=scale * share, ci_low=scale * low, ci_high=scale * high, ci_method="Wilson", perfect=perfect)

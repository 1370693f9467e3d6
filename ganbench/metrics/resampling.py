"""What is the sampling variance of a score?

The delete-a-group jackknife (Shao and Tu 1995, section 2.3) assigns examples to groups at random and computes the
score again without each group. It needs no second pass over the images, only a score that can be computed from the
features of a subset.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ganbench.metrics.base import Estimate
from ganbench.metrics.intervals import NORMAL_975

GROUPS = 20
T_975 = 2.093024054408263
"""97.5 % quantile of Student's t distribution with GROUPS - 1 degrees of freedom."""


def dealt(n: int, generator: torch.Generator) -> Tensor:
    """Random groups (n,) of the examples, from 0 to ``GROUPS`` - 1, as equal in size as possible."""
    return torch.randperm(n, generator=generator, device=generator.device) % GROUPS


def jackknife(n: int, score: Callable[[Tensor], float], generator: torch.Generator) -> float:
    """Variance of a score by the delete-a-group jackknife.

    Args:
        n: Number of examples in the set that is resampled, at least ``GROUPS``.
        score: Computes the score of the examples selected by a boolean mask (n,).
        generator: Assigns the examples to groups.
    """
    groups = dealt(n, generator).cpu()
    return variance(torch.tensor([score(groups != group) for group in range(GROUPS)], dtype=torch.float64))


def variance(replicates: Tensor) -> float:
    """Jackknife variance from the scores (GROUPS,) without each group."""
    return (GROUPS - 1) / GROUPS * (replicates - replicates.mean()).square().sum().item()


def student_estimate(
    value: float, variance: float, bounds: tuple[float, float], method: str = "jackknife over groups", perfect: float | None = None
) -> Estimate:
    """An estimate with Student's interval, clipped to the metric's bounds.

    Args:
        value: The metric's value, inside ``bounds``.
        variance: Its sampling variance, from :func:`jackknife`.
        bounds: Smallest and largest possible value.
        method: How the variance was obtained.
        perfect: Expected score of a perfect generator.
    """
    half_width = T_975 * variance**0.5
    low, high = max(value - half_width, bounds[0]), min(value + half_width, bounds[1])
    return Estimate(value=value, variance=variance, ci_low=low, ci_high=high, ci_method=method, perfect=perfect)


def share_of_both(
    value: float, variance: float, n: int, m: int, method: str = "jackknife over groups", perfect: float | None = None
) -> Estimate:
    """A fraction with Student's interval, or with Wilson's if it is 0 or 1 and its estimated variance is 0.

    Args:
        value: The fraction, from 0 to 1.
        variance: Its sampling variance.
        n: Number of real examples.
        m: Number of generated examples.
        method: How the variance was obtained.
        perfect: Expected score of a perfect generator.
    """
    if variance == 0 and value in (0, 1):
        # one different example in either set could have changed the value
        return wilson_estimate(value, n * m / (n + m), perfect=perfect)
    return student_estimate(value, variance, (0.0, 1.0), method, perfect)


def wilson_estimate(share: float, n: float, scale: float = 1.0, perfect: float | None = None) -> Estimate:
    """A fraction of n independent examples with Wilson's interval (1927).

    Args:
        share: The fraction, from 0 to 1.
        n: Number of examples; the effective number if they are dependent.
        scale: Factor of value and interval: 100 for percentages.
        perfect: Expected score of a perfect generator, on that scale.
    """
    z2 = NORMAL_975**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half_width = NORMAL_975 * (share * (1 - share) / n + z2 / (4 * n**2)) ** 0.5 / (1 + z2 / n)
    # at 0 and 1, rounding could put the fraction outside the interval
    low, high = min(max(centre - half_width, 0.0), share), max(min(centre + half_width, 1.0), share)
    return Estimate(value=scale * share, ci_low=scale * low, ci_high=scale * high, ci_method="Wilson", perfect=perfect)

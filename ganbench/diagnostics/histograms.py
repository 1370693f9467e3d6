"""Which values has the histogram of a perfect generator over classes or modes? (exact expectations over binomial counts)"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, gammaln, xlog1py, xlogy

Floats = npt.NDArray[np.float64]


def expected_kl(shares: Floats, n: int) -> float:
    """Expected KL(histogram || shares) of n draws, in nats: sum_k E[C/n ln(C / (n p_k))]; about (K - 1) / 2n for many draws.

    Args:
        shares: Probability of every class (classes,), summing to 1.
        n: Number of draws, at least 1.
    """
    return _summed(shares, n, lambda counts, share: xlogy(counts / n, counts / (n * share)))


def expected_total_variation(shares: Floats, n: int) -> float:
    """Expected total variation distance of the histogram of n draws from the shares: sum_k E|C/n - p_k| / 2.

    Args:
        shares: Probability of every class (classes,), summing to 1.
        n: Number of draws, at least 1.
    """
    return _summed(shares, n, lambda counts, share: np.abs(counts / n - share) / 2)


def expected_covered(shares: Floats, n: int, fewest: Floats) -> float:
    """Expected number of classes with at least so many of n draws.

    Args:
        shares: Probability of every class (classes,); they may sum to less than 1.
        n: Number of draws.
        fewest: Smallest number that counts (classes,).
    """
    missed = bdtr(np.minimum(np.ceil(fewest) - 1, n), n, shares)
    return float(len(shares) - missed.sum())


def _summed(shares: Floats, n: int, value: Callable[[Floats, float], Floats]) -> float:
    """Sum over classes of the expectation of a function of the count and the share."""
    counts, total = np.arange(n + 1.0), 0.0
    choices = gammaln(n + 1) - gammaln(counts + 1) - gammaln(n - counts + 1)
    for share, times in zip(*np.unique(shares[shares > 0], return_counts=True), strict=True):
        chances = np.exp(choices + xlogy(counts, share) + xlog1py(n - counts, -share))
        total += float(times * (chances @ value(counts, share)))
    return total

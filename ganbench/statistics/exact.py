"""Which of two small samples is worse, how often, and by how much? (tests and intervals that hold at any size, and with any distribution)

Larger values are worse throughout. A run that failed counts as infinite: it is worse than every run that did not fail, and as bad as
every other failure. Of two equal values in a test the candidate's counts as the better one, so that none rejects because of ties.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
PERMUTATIONS = 9_999
"""Number of permutations of a permutation test, so that its smallest p-value is 1e-4."""


@cache
def u_probabilities(n: int, m: int) -> Floats:
    """Probabilities of the Mann-Whitney statistic U = 0 ... n m of two samples from one continuous distribution.

    Mann and Whitney (1947), "On a test of whether one of two random variables is stochastically larger than the other": the number of
    orders with U = u is the coefficient of q^u in the Gaussian binomial coefficient (n + m choose n), which is built here factor by factor.

    Args:
        n: Size of one sample, at least 1.
        m: Size of the other, at least 1.

    Returns:
        Probabilities (n m + 1,), which sum to 1.
    """
    orders = [1] + [0] * (n * m)  # Python's integers: the numbers of orders soon exceed 2^53
    for i in range(1, n + 1):
        for u in range(n * m, m + i - 1, -1):  # times 1 - q^(m + i)
            orders[u] -= orders[u - m - i]
        for u in range(i, n * m + 1):  # divided by 1 - q^i
            orders[u] += orders[u - i]
    probabilities: Floats = np.array([ways / math.comb(n + m, n) for ways in orders])
    return probabilities


def p_worse(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """One-sided exact Mann-Whitney test of "the candidate is not worse".

    >>> round(p_worse([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]), 9)  # 1 of the 20 orders
    0.05

    Returns:
        Probability, if both come from one distribution, of a candidate at least as much worse.
    """
    u = int((np.asarray(candidate, float)[:, None] > np.asarray(baseline, float)[None, :]).sum())
    return min(float(u_probabilities(len(baseline), len(candidate))[u:].sum()), 1.0)


def p_different(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided exact Mann-Whitney test: twice the smaller of the two one-sided probabilities, at most 1."""
    return min(1.0, 2 * min(p_worse(first, second), p_worse(second, first)))


def superiority(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """Probability that a run of the candidate is worse than one of the baseline, half of that of a tie included, from 0 to 1.

    Vargha and Delaney (2000), "A critique and improvement of the CL common language effect size statistics": their A.
    """
    old, new = np.asarray(baseline, float)[None, :], np.asarray(candidate, float)[:, None]
    return float((new > old).mean() + (new == old).mean() / 2)


@dataclass(frozen=True, kw_only=True)
class Shift:
    """By how much a candidate's values are larger than a baseline's, with an exact interval."""

    estimate: float
    """Hodges-Lehmann: the median of all differences of a candidate's and a baseline's value; infinite where failures decide it."""
    low: float
    """Lower end of the interval; minus infinity where the samples are too small for the level."""
    high: float
    """Upper end."""


def shift(baseline: Sequence[float], candidate: Sequence[float], alpha: float) -> Shift:
    """Hodges-Lehmann estimate with the interval of the values that the Mann-Whitney test does not reject.

    Hodges and Lehmann (1963), "Estimates of location based on rank tests"; the ends are order statistics of the n m differences. Each end
    has an error of at most ``alpha``, so both together hold with 1 - 2 alpha.

    Args:
        baseline: Values, at least one.
        candidate: Values, at least one.
        alpha: Error of each end, between 0 and 0.5.
    """
    old, new = np.asarray(baseline, float)[None, :], np.asarray(candidate, float)[:, None]
    with np.errstate(invalid="ignore"):
        differences = (new - old).ravel()
    unknown = np.isnan(differences)  # of two failures: the median takes them as equal, and each end as what widens the interval
    ordered, lowest, highest = (np.sort(np.where(unknown, value, differences)) for value in (0.0, -np.inf, np.inf))
    below = np.cumsum(u_probabilities(len(baseline), len(candidate)))
    outside = int(np.searchsorted(below, alpha, side="right"))  # as many differences are cut off at each end as U reaches with alpha
    if not outside:
        return Shift(estimate=_middle(ordered), low=-math.inf, high=math.inf)
    return Shift(estimate=_middle(ordered), low=float(lowest[outside - 1]), high=float(highest[-outside]))


def _middle(ordered: Floats) -> float:
    """Median, also of infinite values."""
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return float(low if low == high else median([low, high]))


def p_more_failures(failed_before: int, runs_before: int, failed: int, runs: int) -> float:
    """One-sided exact test of Fisher: "the candidate fails no more often".

    Fisher (1935), "The logic of inductive inference": given the total of failures, those of the candidate are hypergeometric.

    >>> round(p_more_failures(0, 20, 2, 5), 4)  # C(5, 2) / C(25, 2)
    0.0333
    """
    failures, total = failed_before + failed, runs_before + runs
    ways = sum(math.comb(runs, k) * math.comb(runs_before, failures - k) for k in range(failed, min(runs, failures) + 1))
    return ways / math.comb(total, failures)


def failure_rate(failed: int, runs: int, alpha: float = 0.025) -> tuple[float, float]:
    """Interval for a failure rate, each end with an error of at most ``alpha``.

    Clopper and Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of the binomial".

    >>> [round(end, 3) for end in failure_rate(0, 5, alpha=0.05)]  # 1 - 0.05^(1/5)
    [0.0, 0.451]
    """
    from scipy.special import betaincinv  # scipy takes a moment to import

    low = float(betaincinv(failed, runs - failed + 1, alpha)) if failed else 0.0
    high = float(betaincinv(failed + 1, runs - failed, 1 - alpha)) if failed < runs else 1.0
    return low, high


def p_more_spread(baseline: Sequence[float], candidate: Sequence[float], seed: int = 0) -> float:
    """One-sided permutation test of "the candidate's values are not more spread", with the distances from the medians.

    Brown and Forsythe (1974), "Robust tests for the equality of variances", as a permutation test. It finds little below ten runs.

    Args:
        baseline: Finite values.
        candidate: Finite values.
        seed: Of the permutations.
    """
    far = [np.abs(np.asarray(values, float) - median(values)) for values in (baseline, candidate)]
    pooled, n = np.concatenate(far), len(baseline)
    shuffled = np.random.default_rng(seed).permuted(np.tile(pooled, (PERMUTATIONS, 1)), axis=1)
    excess = shuffled[:, n:].mean(1) - shuffled[:, :n].mean(1)
    least = far[1].mean() - far[0].mean()
    return float(1 + (excess >= least * (1 - 1e-12)).sum()) / (PERMUTATIONS + 1)  # equal orders may differ in their last bits

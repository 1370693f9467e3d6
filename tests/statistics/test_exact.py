import math

import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact, mannwhitneyu

from ganbench.statistics.exact import (
    failure_rate,
    p_different,
    p_more_failures,
    p_more_spread,
    p_worse,
    shift,
    superiority,
    u_probabilities,
)

RNG = np.random.default_rng(0)
INF = math.inf


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 3), (20, 5), (20, 10), (7, 2)])
def test_p_values_of_ranks_are_scipys(n: int, m: int) -> None:
    for _ in range(20):
        old, new = RNG.normal(size=n), RNG.normal(size=m) + 0.5
        assert p_worse(old, new) == pytest.approx(mannwhitneyu(new, old, alternative="greater", method="exact").pvalue, abs=1e-12)
        assert p_different(old, new) == pytest.approx(mannwhitneyu(new, old, method="exact").pvalue, abs=1e-12)


@pytest.mark.parametrize(("n", "smallest"), [(3, 1 / 20), (4, 1 / 70), (5, 1 / 252), (6, 1 / 924), (10, 1 / 184_756)])
def test_the_smallest_p_value_is_one_in_the_number_of_orders(n: int, smallest: float) -> None:
    """All orders are equally likely, and there are (2n choose n)."""
    assert p_worse(range(n), range(n, 2 * n)) == pytest.approx(smallest, rel=1e-12)


def test_probabilities_of_large_samples_sum_to_one_and_are_symmetric() -> None:
    found = u_probabilities(30, 40)
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert np.array_equal(found, found[::-1])
    mean, variance = 30 * 40 / 2, 30 * 40 * 71 / 12  # Mann and Whitney (1947)
    u = np.arange(len(found))
    assert found @ u == pytest.approx(mean)
    assert found @ (u - mean) ** 2 == pytest.approx(variance)


def test_ties_never_speak_against_the_candidate() -> None:
    assert p_worse([1.0] * 20, [1.0] * 10) == 1
    old, new = [1.0, 2.0, 2.0, 3.0], [2.0, 3.0, 4.0]
    broken = [p_worse(np.array(old) + RNG.normal(0, 1e-6, 4), np.array(new) + RNG.normal(0, 1e-6, 3)) for _ in range(200)]
    assert p_worse(old, new) >= max(broken) - 1e-12


def test_a_failed_run_is_worse_than_any_other_and_equals_other_failures() -> None:
    assert p_worse([1.0, 2.0, 3.0], [INF, INF, INF]) == pytest.approx(1 / 20)
    assert p_worse([INF, INF, INF], [INF, INF, INF]) == 1
    assert superiority([1.0, INF], [INF, INF]) == pytest.approx((1 + 0.5) / 2)


def test_false_alarms_of_the_rank_test_stay_below_its_level() -> None:
    """Any distribution: here a tenth of the runs fails on both sides. 4,000 draws have a standard error of 0.34 points at 5 %."""

    def draw(n: int) -> np.ndarray:
        return np.where(RNG.random(n) < 0.1, INF, RNG.lognormal(size=n))

    rejected = np.mean([p_worse(draw(20), draw(5)) <= 0.05 for _ in range(4_000)])
    assert rejected < 0.05 + 3 * 0.0034


def test_superiority_counts_half_of_the_ties() -> None:
    assert superiority([1.0, 2.0], [2.0, 3.0]) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert superiority([1.0], [0.0]) == 0


def test_the_shift_is_the_median_difference_and_its_interval_inverts_the_test() -> None:
    old, new = RNG.normal(size=12), RNG.normal(size=6) + 1
    found = shift(old, new, 0.05)
    assert found.estimate == pytest.approx(np.median(new[:, None] - old[None, :]))
    for edge, inside in ((found.high, -1e-9), (found.low, 1e-9)):
        p = mannwhitneyu(new - edge - inside, old, alternative="less" if inside < 0 else "greater", method="exact").pvalue
        assert p > 0.05  # just inside the interval the shift is not rejected
        p = mannwhitneyu(new - edge + inside, old, alternative="less" if inside < 0 else "greater", method="exact").pvalue
        assert p <= 0.05  # just outside it is


def test_the_interval_of_the_shift_covers_it_as_often_as_it_says() -> None:
    """Each end errs in at most 5 %; 2,000 draws have a standard error of 0.49 points."""
    misses = np.array([[(f := shift(RNG.normal(size=20), RNG.normal(size=10) + 1, 0.05)).low > 1, f.high < 1] for _ in range(2_000)])
    assert (misses.mean(0) <= 0.05 + 3 * 0.0049).all()


def test_samples_too_small_for_a_level_have_no_bounds() -> None:
    found = shift([1.0, 2.0], [3.0, 4.0], 0.01)  # 1 of 6 orders is the least probability
    assert (found.low, found.high) == (-INF, INF)
    assert found.estimate == 2


def test_failures_move_the_upper_end_first() -> None:
    old, new = RNG.normal(size=20).tolist(), [*RNG.normal(size=3), INF, INF]
    found = shift(old, new, 0.04)
    assert math.isfinite(found.estimate)
    assert found.high == INF
    assert shift(old, [INF] * 5, 0.01).estimate == INF
    both = shift([INF] * 5, [INF] * 5, 0.01)
    assert (both.low, both.estimate, both.high) == (-INF, 0, INF)  # equally bad, and nothing is known of how bad


@pytest.mark.parametrize(("before", "n", "now", "m"), [(0, 20, 2, 5), (0, 20, 1, 10), (3, 20, 4, 10), (0, 20, 0, 5), (20, 20, 5, 5)])
def test_failures_are_tested_as_scipy_does(before: int, n: int, now: int, m: int) -> None:
    wanted = fisher_exact([[now, m - now], [before, n - before]], alternative="greater").pvalue
    assert p_more_failures(before, n, now, m) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(("n", "m", "fewest"), [(5, 5, 4), (10, 10, 4), (20, 5, 2), (20, 3, 2), (20, 10, 3)])
def test_so_many_failures_against_none_are_significant(n: int, m: int, fewest: int) -> None:
    """From the hypergeometric distribution: the fewest failures of m runs, against none of n, whose p-value is at most 5 %."""
    assert p_more_failures(0, n, fewest, m) <= 0.05 < p_more_failures(0, n, fewest - 1, m)


@pytest.mark.parametrize("n", [3, 5, 10, 20, 30])
def test_no_failure_leaves_this_upper_bound(n: int) -> None:
    """1 - 0.05^(1/n): five of five runs that end are weak evidence (45 %)."""
    assert failure_rate(0, n, alpha=0.05) == (0, pytest.approx(1 - 0.05 ** (1 / n), abs=1e-12))


@pytest.mark.parametrize(("k", "n"), [(1, 10), (9, 10), (10, 10), (3, 20)])
def test_failure_rates_have_scipys_intervals(k: int, n: int) -> None:
    wanted = binomtest(k, n).proportion_ci(0.95, "exact")
    assert failure_rate(k, n) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_a_larger_spread_is_found_and_an_equal_one_is_not() -> None:
    old, new = RNG.normal(size=20).tolist(), RNG.normal(size=10).tolist()
    assert p_more_spread(old, [5 * value for value in new]) < 0.01
    assert p_more_spread(old, new) > 0.05
    assert p_more_spread(old, [value + 100 for value in new]) == p_more_spread(old, new)  # the level does not matter
    assert p_more_spread(old, old) >= 0.5


def test_p_values_of_spread_are_uniform_under_equality() -> None:
    """200 tests at 20 %: a standard error of 2.8 points."""
    found = [p_more_spread(RNG.exponential(size=12).tolist(), RNG.exponential(size=12).tolist(), seed) for seed in range(200)]
    assert np.mean(np.array(found) <= 0.2) < 0.2 + 3 * 0.028

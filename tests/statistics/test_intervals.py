import math

import numpy as np
import pytest

from ganbench.statistics.intervals import mean_interval


@pytest.mark.parametrize(
    ("n", "t"),
    # 97.5 % points of Student's t with n - 1 degrees of freedom: any printed table, for example NIST/SEMATECH e-Handbook 1.3.6.7.2
    [(2, 12.706), (3, 4.303), (4, 3.182), (5, 2.776), (10, 2.262), (31, 2.042)],
)
def test_half_width_is_t_times_standard_error(n: int, t: float) -> None:
    values = [float(value) for value in range(n)]
    # 0..n-1 has mean (n-1)/2 and sample variance n(n+1)/12
    half = t * math.sqrt(n * (n + 1) / 12 / n)
    interval = mean_interval(values)
    assert interval.n == n
    assert interval.mean == (n - 1) / 2
    assert interval.low == pytest.approx(interval.mean - half, rel=2e-3, abs=2e-3)
    assert interval.high == pytest.approx(interval.mean + half, rel=2e-4)


def test_one_seed_says_nothing_of_the_spread() -> None:
    interval = mean_interval([3.5])
    assert (interval.mean, interval.low, interval.high, interval.n) == (3.5, None, None, 1)


def test_equal_seeds_give_an_interval_of_no_width() -> None:
    interval = mean_interval([2.0, 2.0, 2.0])
    assert (interval.low, interval.high) == (2.0, 2.0)


def test_the_interval_is_cut_at_the_bounds() -> None:
    interval = mean_interval([0.5, 0.9], (0.0, 1.0))
    assert (interval.low, interval.high) == (0.0, 1.0)
    assert mean_interval([0.5, 0.9]).high == pytest.approx(0.7 + 12.706 * 0.2, rel=1e-4)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_it_covers_the_true_mean_in_95_of_100_cases(n: int) -> None:
    draws = np.random.default_rng(n).normal(7.0, 2.0, (1_000, n))
    covered = sum((i := mean_interval(row.tolist())).low <= 7.0 <= i.high for row in draws)  # type: ignore[operator]
    # binomial(1000, 0.95) has standard deviation 6.9; four of them
    assert abs(covered - 950) <= 28

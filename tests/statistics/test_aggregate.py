import math

import numpy as np
import pytest
from scipy.stats import trim_mean

from ganbench.statistics.aggregate import bootstrapped, iqm, performance_profile, probability_of_improvement

RNG = np.random.default_rng(0)


def test_the_interquartile_mean_is_a_quarter_trimmed_from_either_end() -> None:
    tasks = [RNG.normal(size=4).tolist(), RNG.normal(size=8).tolist()]
    assert iqm(tasks) == pytest.approx(trim_mean(np.concatenate(tasks), 0.25))  # 12 values: 3 from either end
    assert iqm([[1.0, 2.0, 3.0]]) == pytest.approx(2)  # of 3, the outer ones count by a quarter: (0.25 + 2 + 0.75) / 1.5


def test_failures_are_trimmed_until_a_quarter_failed() -> None:
    assert iqm([[1.0, 2.0, 3.0, math.inf]]) == 2.5
    assert iqm([[1.0, 2.0, math.inf, math.inf]]) == math.inf


def test_a_profile_is_the_share_of_runs_with_equal_weights_of_data_sets() -> None:
    assert performance_profile([[0.0, 2.0], [1.0, 1.0, 1.0, math.inf]], [-1, 0.5, 1, 5]) == [0, 0.25, (0.5 + 0.75) / 2, (1 + 0.75) / 2]


def test_improvement_is_the_mean_chance_over_data_sets() -> None:
    before, now = [[2.0, 2.0], [1.0]], [[1.0, 1.0], [1.0]]
    assert probability_of_improvement(before, now) == pytest.approx((1 + 0.5) / 2)


def test_a_bootstrap_repeats_itself_and_holds_the_value() -> None:
    before, now = ([RNG.normal(size=10).tolist() for _ in range(3)] for _ in range(2))
    first, second = (bootstrapped(probability_of_improvement, before, now, resamples=200) for _ in range(2))
    assert first == second
    assert first.low <= first.value <= first.high
    assert 0 < first.high - first.low < 1


def test_a_bootstrap_over_several_data_sets_covers_as_it_says() -> None:
    """Three data sets of eight equal runs: P is 1/2. 100 intervals at 95 % have a standard error of 2.2 points; with 8 runs each
    such intervals are a little too narrow, so that 90 % is asked."""

    def covered() -> bool:
        sides = [[RNG.normal(size=8).tolist() for _ in range(3)] for _ in range(2)]
        found = bootstrapped(probability_of_improvement, *sides, resamples=200)
        return found.low <= 0.5 <= found.high

    assert np.mean([covered() for _ in range(100)]) > 0.9 - 3 * 0.022


def test_an_interval_may_end_at_infinity() -> None:
    found = bootstrapped(iqm, [[1.0, 2.0, 3.0, math.inf]], resamples=200)
    assert found.high == math.inf
    assert math.isfinite(found.value)

"""Are the expected values of histograms those of many simulated ones, and of closed forms?"""

import math

import numpy as np
import pytest

from ganbench.diagnostics.histograms import expected_covered, expected_kl, expected_total_variation


def test_one_draw_has_closed_forms() -> None:
    # One draw lies in one of k classes: KL = ln k, total variation 1 - 1/k, one class covered.
    equal = np.full(8, 1 / 8)
    assert expected_kl(equal, 1) == pytest.approx(math.log(8), rel=1e-12)
    assert expected_total_variation(equal, 1) == pytest.approx(7 / 8, rel=1e-12)
    assert expected_covered(equal, 1, np.ones(8)) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(("n", "classes"), [(30, 40), (200, 10), (500, 1000)])
def test_simulated_histograms_have_the_expected_values(n: int, classes: int) -> None:
    shares = np.arange(1.0, classes + 1)
    shares /= shares.sum()
    draws = np.random.RandomState(n).multinomial(n, shares, size=2000)
    fewest = np.maximum(0.2 * n * shares, 1)
    ratios = np.where(draws > 0, draws / (n * shares), 1)
    simulated = {
        expected_kl(shares, n): (draws / n * np.log(ratios)).sum(1),
        expected_total_variation(shares, n): np.abs(draws / n - shares).sum(1) / 2,
        expected_covered(shares, n, fewest): (draws >= fewest).sum(1),
    }
    for expected, seen in simulated.items():
        assert abs(seen.mean() - expected) < 4 * seen.std() / math.sqrt(len(seen))


def test_many_draws_leave_the_first_term_and_certain_classes_nothing() -> None:
    assert expected_kl(np.full(10, 0.1), 100_000) == pytest.approx(9 / 200_000, rel=1e-3)
    assert expected_kl(np.array([1.0]), 50) == 0
    assert expected_covered(np.full(5, 0.2), 3, np.full(5, 4.0)) == 0
    assert expected_covered(np.full(10, 0.1), 1000, np.full(10, 20.0)) == 10

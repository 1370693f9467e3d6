import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import betabinom

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.clipped import CLIPPED_COVERAGE, CLIPPED_DENSITY, calibrated, expected_coverage
from ganbench.metrics.manifold import DENSITY, PRECISION
from ganbench.metrics.realism import LARGEST, REALISM, realism
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

REAL, FAKE = np.random.RandomState(0).randn(400, 8), np.random.RandomState(1).randn(300, 8) * 1.1 + 0.1
FAR = np.random.RandomState(2).randn(400, 8) + 50


def estimate(metric: Metric, real: np.ndarray, fake: np.ndarray) -> Estimate:
    comparison = Comparison(Features(values=torch.from_numpy(real)), Features(values=torch.from_numpy(fake)))
    return metric.estimate(comparison, stream(0, "metric"))


def test_clipped_density_is_the_definition() -> None:
    own = cdist(REAL, REAL)
    radii = np.sort(own, 1)[:, 5]
    radii = np.minimum(radii, np.median(radii))
    inside = own <= radii[:, None] * (1 + 1e-12)
    np.fill_diagonal(inside, False)
    ideal = np.minimum(inside.sum(0) / 5, 1).mean()
    found = np.minimum((cdist(REAL, FAKE) <= radii[:, None]).sum(0) / 5, 1).mean()
    assert estimate(CLIPPED_DENSITY, REAL, FAKE).value == pytest.approx(found / ideal, rel=1e-12)


def test_clipped_coverage_is_the_definition() -> None:
    radii = np.sort(cdist(REAL, REAL), 1)[:, 5]
    mean = np.minimum((cdist(REAL, FAKE) < radii[:, None]).sum(1), 5).mean() / 5
    # The ball of a real example has a Beta(k, n - k) share of the law, so that good examples fall in by the beta-binomial law.
    good = [sum(min(j, 5) * betabinom.pmf(j, m, 5, 395) for j in range(m + 1)) / 5 for m in range(301)]
    share = np.interp(mean, good, np.arange(301) / 300)
    assert estimate(CLIPPED_COVERAGE, REAL, FAKE).value == pytest.approx(share, rel=1e-9)


def test_expected_coverage_is_that_of_the_beta_binomial_law() -> None:
    expected = [sum(min(j, 5) * betabinom.pmf(j, m, 5, 195) for j in range(m + 1)) / 5 for m in (0, 1, 4, 50, 200)]
    assert expected_coverage(torch.tensor([0, 1, 4, 50, 200]).double(), 200, 5).tolist() == pytest.approx(expected, abs=1e-12)
    assert calibrated(expected_coverage(torch.tensor([60.0], dtype=torch.float64), 200, 5), 200, 120).item() == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("metric", [CLIPPED_DENSITY, CLIPPED_COVERAGE])
def test_a_share_of_good_examples_scores_that_share(metric: Metric) -> None:
    # The paper's calibration: 1 - share of the generated examples lies elsewhere. Mean of 20 draws.
    for share in (0.25, 0.5, 0.75):
        values = []
        for index in range(20):
            draws = np.random.RandomState(100 + index)
            real, fake = draws.randn(400, 8), draws.randn(400, 8)
            fake[int(400 * share) :] += 50
            values.append(estimate(metric, real, fake).value)
        assert np.mean(values) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("metric", [CLIPPED_DENSITY, CLIPPED_COVERAGE])
def test_ends_of_the_scale(metric: Metric) -> None:
    assert estimate(metric, REAL, REAL).value == 1
    assert estimate(metric, REAL, FAR).value == 0
    assert estimate(metric, REAL, FAR).ci_low == 0


def test_collapse_shows_in_coverage_and_noise_in_density() -> None:
    copies = REAL[:5].repeat(80, 0)
    assert estimate(CLIPPED_COVERAGE, REAL, copies).value < 0.1
    assert estimate(CLIPPED_DENSITY, REAL, 2 * FAKE).value < 0.3


def test_realism_is_the_largest_ratio_of_radius_to_distance() -> None:
    own = np.sort(cdist(REAL, REAL), 1)[:, 3]
    small = own <= np.sort(own)[199]  # the smaller 200 of 400 balls
    expected = (own[small][:, None] / cdist(REAL[small], FAKE)).max(0)
    assert estimate(REALISM, REAL, FAKE).value == pytest.approx(np.median(expected), rel=1e-10)
    found = realism(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2), torch.tensor([[10.0], [0.0]], dtype=torch.float64))
    assert found.tolist() == [[pytest.approx(10 / 5, rel=1e-12)], [0]]


def test_realism_depends_neither_on_a_copy_nor_on_the_unit_of_features() -> None:
    found = estimate(REALISM, REAL, FAKE).value
    copied = FAKE.copy()
    copied[0] = REAL[np.linalg.norm(REAL, axis=1).argmin()]
    assert estimate(REALISM, REAL, copied).value == pytest.approx(found, rel=0.02)
    for unit in (1e-6, 1e-3, 1e6):
        assert estimate(REALISM, unit * REAL, unit * FAKE).value == pytest.approx(found, rel=1e-9)


def test_realism_falls_with_noise_and_is_not_symmetric() -> None:
    fresh = np.random.RandomState(3).randn(400, 8)
    assert estimate(REALISM, REAL, 1.5 * fresh).value < 0.9 * estimate(REALISM, REAL, fresh).value
    assert estimate(REALISM, 1.5 * fresh, REAL).value > 1.2 * estimate(REALISM, REAL, 1.5 * fresh).value


def test_realism_of_copies_is_large_but_finite() -> None:
    own = np.sort(cdist(REAL, REAL), 1)[:, 3]
    assert estimate(REALISM, REAL, REAL[np.argsort(own)[:100]]).value == LARGEST


def test_at_a_bound_the_interval_keeps_a_width() -> None:
    # Wilson at share 0 and size n m / (n + m) = 50: its upper end is z^2 / (50 + z^2).
    x = torch.randn(100, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for metric in (CLIPPED_DENSITY, CLIPPED_COVERAGE):
        found = metric.estimate(Comparison(Features(values=x), Features(values=x + 100)), torch.Generator().manual_seed(1))
        assert found.value == found.ci_low == 0
        assert found.ci_high == pytest.approx(1.959963984540054**2 / (50 + 1.959963984540054**2), rel=1e-9)


@pytest.mark.parametrize("far", [1e5, 1e7, 1e12])
def test_one_far_example_changes_little(far: float) -> None:
    real = REAL.copy()
    real[0] = far
    for metric in (CLIPPED_DENSITY, CLIPPED_COVERAGE, REALISM):
        assert estimate(metric, real, FAKE).value == pytest.approx(estimate(metric, REAL[1:], FAKE).value, abs=0.02)


def test_many_more_generated_than_real_examples_fill_all_balls_and_say_so() -> None:
    few = np.random.RandomState(4).randn(60, 8)
    assert "fill the balls" in estimate(CLIPPED_COVERAGE, few, np.random.RandomState(5).randn(1200, 8)).warnings[0]
    assert not estimate(CLIPPED_COVERAGE, REAL, FAKE).warnings


@pytest.mark.parametrize("metric", [CLIPPED_DENSITY, REALISM, PRECISION, DENSITY])
def test_clumped_examples_come_with_a_warning(metric: Metric) -> None:
    clumps = np.repeat(FAKE[:5], 60, 0) + 0.01 * np.random.RandomState(6).randn(300, 8)
    assert "close together" in estimate(metric, REAL, clumps).warnings[0]
    assert not estimate(metric, REAL, FAKE).warnings

"""Do 95 % intervals hold the expected score in about 95 % of repetitions?

REPEATS = 200 draws. With a true coverage of 95 % the observed one is binomial with standard deviation
1.54 %; 95 % +- 4 sd is 88.8 %, the lower limit. The Efron-Stein jackknife errs towards wide intervals,
so there is no upper limit on coverage: instead the mean width must stay below twice the width that the
scores' own spread asks for.
"""

import functools
import math
from dataclasses import replace

import pytest
import torch

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.classifier import CS
from ganbench.metrics.frechet import FD, FD_INFINITY
from ganbench.metrics.intervals import NORMAL_975, combined_degrees, degrees_of_freedom
from ganbench.metrics.kernel import KD
from ganbench.metrics.manifold import COVERAGE, DENSITY, PRECISION, RECALL
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

REPEATS, N, WIDTH = 200, 300, 8
ALL = (FD, KD, CS, PRECISION, RECALL, DENSITY, COVERAGE)


@functools.cache
def estimates(scale: float, shift: float) -> dict[str, torch.Tensor]:
    generator = stream(12, "test-coverage")
    head = torch.randn(WIDTH, 6, generator=generator, dtype=torch.float64)
    found: dict[str, list[tuple[float, float, float]]] = {metric.name: [] for metric in ALL}
    for _ in range(REPEATS):
        real = torch.randn(N, WIDTH, generator=generator, dtype=torch.float64)
        fake = scale * torch.randn(N, WIDTH, generator=generator, dtype=torch.float64) + shift
        comparison = Comparison(Features(values=real), Features(values=fake, log_probabilities=(fake @ head).log_softmax(1)))
        for metric in ALL:
            estimate = metric.estimate(comparison, generator)
            found[metric.name].append((estimate.value, estimate.ci_low, estimate.ci_high))
    return {name: torch.tensor(rows, dtype=torch.float64) for name, rows in found.items()}


def check(rows: torch.Tensor, expected: float) -> None:
    value, low, high = rows.T
    assert ((low <= expected) & (expected <= high)).double().mean() >= 0.888
    assert (high - low).mean() <= 2 * 2 * NORMAL_975 * value.std()


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_interval_between_different_laws(metric: Metric) -> None:
    rows = estimates(1.1, 0.1)[metric.name]
    check(rows, rows[:, 0].mean().item())


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_interval_between_equal_laws(metric: Metric) -> None:
    # The first-order term of FD and KD vanishes here.
    rows = estimates(1.0, 0.0)[metric.name]
    check(rows, 0.0 if metric is KD else rows[:, 0].mean().item())


HEAVY = (FD, FD_INFINITY, KD)


@functools.cache
def under_heavy_tails(n: int, m: int, scale: float) -> dict[str, torch.Tensor]:
    """Value, ends of the interval and whether it comes with a warning, under Student's law of 5 degrees of freedom."""
    generator = stream(13, "test-coverage")

    def draw(size: int) -> torch.Tensor:
        normal, square = (torch.randn(size, width, generator=generator, dtype=torch.float64) for width in (WIDTH, 5))
        return normal / (square.square().sum(1, keepdim=True) / 5).sqrt()

    found: dict[str, list[tuple[float, ...]]] = {metric.name: [] for metric in HEAVY}
    for _ in range(REPEATS // 2):
        comparison = Comparison(Features(values=draw(n)), Features(values=scale * draw(m)))
        for metric in HEAVY:
            estimate = metric.estimate(comparison, generator)
            found[metric.name].append((estimate.value, estimate.ci_low, estimate.ci_high, float(bool(estimate.warnings))))
    return {name: torch.tensor(rows, dtype=torch.float64) for name, rows in found.items()}


@pytest.mark.parametrize("metric", HEAVY, ids=lambda metric: metric.name)
@pytest.mark.parametrize(("n", "m", "scale"), [(300, 300, 1.0), (1500, 150, 1.2)])
def test_interval_under_heavy_tails_holds_the_expected_score_or_says_that_it_may_not(metric: Metric, n: int, m: int, scale: float) -> None:
    # 100 draws: 95 % - 4 sd is 86.3 %. KD's variance is infinite here, since a cubic kernel needs moments of order 6.
    value, low, high, warned = under_heavy_tails(n, m, scale)[metric.name].T
    expected = 0.0 if scale == 1.0 and metric is not FD else value.mean().item()
    held = (low <= expected) & (expected <= high)
    assert (held | (warned > 0)).double().mean() >= 0.863
    if metric is FD:  # its interval is symmetric on the logarithmic scale; a symmetric one held 87.5 % of 200 draws at n = m = 300
        assert held.double().mean() >= 0.863


def test_degrees_of_freedom_do_not_depend_on_the_scale_and_equal_those_of_one_normal_sample() -> None:
    normal = torch.randn(20_000, generator=stream(14, "test-coverage"), dtype=torch.float64)
    # a kurtosis of 3 gives n degrees of freedom; its estimate has a standard deviation of sqrt(24 / n) = 3.5 %
    assert degrees_of_freedom(normal) == pytest.approx(20_000, rel=0.1)
    for scale in (1e-150, 1e150):
        assert degrees_of_freedom(scale * normal) == pytest.approx(degrees_of_freedom(normal), rel=1e-9)
    assert degrees_of_freedom(0 * normal) == math.inf
    assert degrees_of_freedom(normal, normal) == pytest.approx(2 * degrees_of_freedom(normal), rel=1e-9)


def test_degrees_of_freedom_of_independent_parts_add_up() -> None:
    one = Estimate(value=0.0, ci_low=0.0, ci_high=0.0, ci_method="", variance=2.0, degrees=15.0)
    # k equal variances with f degrees of freedom each have k f together.
    assert combined_degrees([one] * 12) == pytest.approx(180, rel=1e-12)
    assert combined_degrees([replace(one, degrees=math.inf)] * 3) == math.inf

"""Do 95 % intervals hold the expected score in about 95 % of repetitions?

REPEATS = 200 draws. With a true coverage of 95 % the observed one is binomial with standard deviation
1.54 %; 95 % +- 4 sd is 88.8 %, the lower limit. The Efron-Stein jackknife errs towards wide intervals,
so there is no upper limit on coverage: instead the mean width must stay below twice the width that the
scores' own spread asks for.
"""

import functools

import pytest
import torch

from ganbench.metrics.base import Metric
from ganbench.metrics.classifier import CS
from ganbench.metrics.frechet import FD
from ganbench.metrics.intervals import NORMAL_975
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

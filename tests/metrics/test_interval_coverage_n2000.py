"""Do 95 % intervals hold what they promise at n = 2000 and d = 64?

REPEATS draws of two laws, 2000 examples each; the observed coverage must lie between 90 and 98 %. With a true
coverage of 95 % it is binomial with standard deviation 1.5 %.
"""

import functools

import pytest
import torch

from ganbench.metrics.base import Metric
from ganbench.metrics.classifier import CS
from ganbench.metrics.frechet import FD, FD_INFINITY
from ganbench.metrics.kernel import KD
from ganbench.metrics.manifold import PRECISION, RECALL
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

REPEATS, N, WIDTH, SCALE, SHIFT = 200, 2000, 64, 1.1, 0.1
METRICS = (FD, FD_INFINITY, KD, CS, PRECISION, RECALL)


def cubic(mean: float, scales: tuple[float, float], means: tuple[float, float]) -> float:
    """E (x.y / d + 1)^3 for independent x, y with means m 1 and covariances s^2 I: the first three moments of t = x.y / d."""
    (s, r), (a, b), d = scales, means, WIDTH
    first = a * b
    variance = (s**2 * r**2 + s**2 * b**2 + r**2 * a**2) / d
    # third central moment of one product xy is 6 a b s^2 r^2; of the mean of d independent ones that over d^2
    third = 6 * a * b * s**2 * r**2 / d**2
    mean = first + 1
    return mean**3 + 3 * mean * variance + third


@functools.cache
def estimates() -> dict[str, torch.Tensor]:
    generator = stream(31, "test-coverage-full")
    head = torch.randn(WIDTH, 10, generator=generator) / 4
    found: dict[str, list[tuple[float, float, float]]] = {metric.name: [] for metric in METRICS}
    for _ in range(REPEATS):
        real = torch.randn(N, WIDTH, generator=generator)
        fake = SCALE * torch.randn(N, WIDTH, generator=generator) + SHIFT
        comparison = Comparison(Features(values=real), Features(values=fake, log_probabilities=(fake @ head).double().log_softmax(1)))
        comparison.expect(share for metric in METRICS for share in metric.shares)
        for metric in METRICS:
            estimate = metric.estimate(comparison, generator)
            found[metric.name].append((estimate.value, estimate.ci_low, estimate.ci_high))
    return {name: torch.tensor(rows, dtype=torch.float64) for name, rows in found.items()}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_interval_holds_its_estimand_in_90_to_98_per_cent(metric: Metric) -> None:
    value, low, high = estimates()[metric.name].T
    expected = value.mean().item()
    if metric is FD_INFINITY:
        expected = WIDTH * SHIFT**2 + WIDTH * (SCALE - 1) ** 2
    if metric is KD:
        expected = cubic(0, (1, 1), (0, 0)) + cubic(0, (SCALE, SCALE), (SHIFT, SHIFT)) - 2 * cubic(0, (1, SCALE), (0, SHIFT))
    assert 0.90 <= ((low <= expected) & (expected <= high)).double().mean() <= 0.98

"""Do all metrics keep the same promises?"""

import math
from collections.abc import Callable

import pytest
import torch

from ganbench.errors import RequestError
from ganbench.metrics.base import Metric
from ganbench.metrics.classifier import CS
from ganbench.metrics.frechet import FD
from ganbench.metrics.kernel import KD
from ganbench.metrics.manifold import COVERAGE, DENSITY, PRECISION, RECALL
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison, Reference
from ganbench.sets.features import Features

ALL = (FD, KD, CS, PRECISION, RECALL, DENSITY, COVERAGE)
MAPS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "wide": lambda x: 1.2 * x + 0.1,
    "same": lambda x: x,
    "collapsed": lambda x: x[:1].expand_as(x).clone(),
    "far": lambda x: x + 100,
}


def features(n: int, *name: int, change: Callable[[torch.Tensor], torch.Tensor] = MAPS["same"]) -> Features:
    x = change(torch.randn(n, 12, generator=stream(10, "test-contract", *name), dtype=torch.float64))
    return Features(values=x, log_probabilities=x[:, :5].log_softmax(1))


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
@pytest.mark.parametrize("kind", MAPS)
def test_value_lies_in_its_interval_and_that_in_the_bounds(metric: Metric, kind: str) -> None:
    estimate = metric.estimate(Comparison(features(300, 0), features(200, 1, change=MAPS[kind])), stream(3, "metric"))
    low, high = metric.bounds
    assert low <= estimate.ci_low <= estimate.value <= estimate.ci_high <= high
    assert math.isfinite(estimate.ci_low)
    assert math.isfinite(estimate.ci_high)
    assert estimate.ci_high > estimate.ci_low or (metric is CS and kind == "collapsed")
    assert estimate.ci_method


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_same_stream_gives_the_same_estimate(metric: Metric) -> None:
    first, again = (metric.estimate(Comparison(features(150, 2), features(150, 3)), stream(4, "metric")) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_smallest_n_is_enough(metric: Metric) -> None:
    estimate = metric.estimate(Comparison(features(metric.minimum_n, 4), features(metric.minimum_n, 5)), stream(5, "metric"))
    assert math.isfinite(estimate.value)
    assert estimate.ci_low <= estimate.value <= estimate.ci_high


def test_float32_features_are_taken_as_float64() -> None:
    x = torch.randn(50, 3, generator=stream(11, "test-contract"))
    assert Comparison(Features(values=x), Features(values=x)).real_moments.covariance.dtype == torch.float64


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (torch.zeros(9, 3), torch.zeros(9, 4), "width 3.*features 4"),
        (torch.zeros(9, 3), torch.zeros(9), r"generated features have shape \(9,\)"),
        (torch.zeros(0, 3), torch.zeros(9, 3), r"real features have shape \(0, 3\)"),
        (torch.zeros(9, 3), torch.full((9, 3), math.nan), "9 of 9 generated examples"),
        (torch.full((9, 3), math.inf), torch.zeros(9, 3), "9 of 9 real examples"),
    ],
)
def test_unusable_features_are_refused_in_one_line(real: torch.Tensor, fake: torch.Tensor, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refusal:
        Comparison(Features(values=real), Features(values=fake))
    assert "\n" not in str(refusal.value)


def test_broken_log_probabilities_are_refused() -> None:
    x = torch.zeros(9, 3)
    for broken, message in ((torch.full((9, 2), math.nan), "NaN"), (torch.zeros(8, 2), "9, classes")):
        with pytest.raises(RequestError, match=message):
            Comparison(Features(values=x), Features(values=x, log_probabilities=broken))


def test_a_shared_reference_changes_no_value_and_is_searched_once() -> None:
    real, fakes = features(150, 2), (features(150, 3), features(150, 4))
    shared = Reference(real)
    for metric in ALL:
        for fake in fakes:
            alone, together = (metric.estimate(Comparison(side, fake), stream(4, "metric")) for side in (real, shared))
            assert alone == together
    assert shared.manifold is Comparison(shared, fakes[0]).real_manifold

"""Do the metrics beyond the usual ones keep the promises of all?"""

import math
from collections.abc import Callable

import pytest
import torch

from ganbench.metrics.base import Metric
from ganbench.registry import METRICS
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

NAMES = [
    "prd_f8",
    "prd_f1_8",
    "clipped_density",
    "clipped_coverage",
    "realism",
    "mmd_rbf",
    "mind",
    "vendi",
    "rke",
    "authpct",
    "mifd",
    "ct",
    "fld",
    "fld_gap",
    "gan_train",
    "gan_test",
    "intra_fd",
    "intra_kd",
]
ALL: list[Metric] = [METRICS.load(name) for name in NAMES]
MAPS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "wide": lambda x: 1.2 * x + 0.1,
    "same": lambda x: x,
    "collapsed": lambda x: x[:1].expand_as(x).clone(),
    "far": lambda x: x + 100,
}


def side(n: int, *name: int, change: Callable[[torch.Tensor], torch.Tensor] = MAPS["same"]) -> Features:
    generator = stream(10, "test-families", *name)
    labels = torch.arange(n) % 3
    values = change(torch.randn(n, 6, generator=generator, dtype=torch.float64) + labels[:, None])
    return Features(values=values, labels=labels)


def comparison(n: int, m: int, change: Callable[[torch.Tensor], torch.Tensor] = MAPS["same"]) -> Comparison:
    return Comparison(side(n, 0), side(m, 1, change=change), side(n, 2))


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
def test_it_carries_the_name_it_is_registered_under_and_a_description(metric: Metric) -> None:
    assert METRICS.load(metric.name) is metric
    assert len(METRICS.origin(metric.name).summary) > 40


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
@pytest.mark.parametrize("kind", MAPS)
def test_value_lies_in_its_interval_and_that_in_the_bounds(metric: Metric, kind: str) -> None:
    estimate = metric.estimate(comparison(300, 200, MAPS[kind]), stream(3, "metric"))
    low, high = metric.bounds
    assert low <= estimate.ci_low <= estimate.value <= estimate.ci_high <= high
    assert math.isfinite(estimate.ci_low)
    assert math.isfinite(estimate.ci_high)
    assert estimate.ci_method
    assert estimate.perfect is None or low <= estimate.perfect <= high


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
def test_same_stream_gives_the_same_estimate(metric: Metric) -> None:
    first, again = (metric.estimate(comparison(150, 150), stream(4, "metric")) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
def test_smallest_n_is_enough(metric: Metric) -> None:
    n = max(metric.minimum_n, 36)  # every class of three needs its twelve
    estimate = metric.estimate(comparison(n, n), stream(5, "metric"))
    assert math.isfinite(estimate.value)
    assert estimate.ci_low <= estimate.value <= estimate.ci_high


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
def test_float32_features_give_almost_the_same_value_and_are_not_changed(metric: Metric) -> None:
    wide = comparison(150, 150, MAPS["wide"])

    def narrow(features: Features) -> Features:
        return Features(values=features.values.float(), labels=features.labels)

    narrowed = Comparison(narrow(wide.real), narrow(wide.fake), narrow(wide.held_out))
    before = narrowed.fake.values.clone(), narrowed.real.values.clone()
    value, other = (metric.estimate(one, stream(6, "metric")).value for one in (wide, narrowed))
    # A share may move by one example of 150; k-means may put one of them into another cluster.
    assert other == pytest.approx(value, rel=1e-4, abs=100 / 150 if metric.name == "authpct" else 0.02)
    assert torch.equal(before[0], narrowed.fake.values)
    assert torch.equal(before[1], narrowed.real.values)

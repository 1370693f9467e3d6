"""Do metrics give the same on a CUDA device?"""

import pytest
import torch

from ganbench.metrics.base import Metric
from ganbench.metrics.frechet import FD, FD_INFINITY
from ganbench.metrics.kernel import KD
from ganbench.metrics.manifold import COVERAGE, DENSITY, PRECISION, RECALL
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


@pytest.mark.gpu
@pytest.mark.parametrize("metric", [FD, FD_INFINITY, KD, PRECISION, RECALL, DENSITY, COVERAGE], ids=lambda metric: metric.name)
def test_a_device_changes_no_score(metric: Metric) -> None:
    real, fake = (torch.relu(torch.randn(3_000, 256, generator=stream(41, "test-cuda", side)) + 0.1 * side) for side in (0, 1))
    here, there = (
        metric.estimate(Comparison(Features(values=real.to(device)), Features(values=fake.to(device))), stream(0, "metric"))
        for device in ("cpu", "cuda")
    )
    exact = metric in (PRECISION, RECALL, DENSITY, COVERAGE)
    assert there.value == pytest.approx(here.value, rel=1e-12 if exact else 1e-6)
    assert there.ci_low == pytest.approx(here.ci_low, rel=1e-3)
    assert there.ci_high == pytest.approx(here.ci_high, rel=1e-3)

"""Do the metrics give what torch-fidelity, torchmetrics, prdc and the seeded fixture give?

The fixture: legacy NumPy streams 0 and 1, 1000 x 64, and a generator that copies ten real examples 100 times each. Its
values were computed once with SciPy 1.17.1, torch-fidelity 0.4.0, torchmetrics 1.9.0 and prdc 0.2.
"""

import contextlib
import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ganbench.metrics.base import Metric
from ganbench.metrics.frechet import FD
from ganbench.metrics.kernel import KD
from ganbench.metrics.manifold import COVERAGE, DENSITY, PRECISION, RECALL
from ganbench.pairs.neighbours import contained
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

Array = npt.NDArray[np.float64]
REAL = np.random.RandomState(0).randn(1000, 64)
FAKE = np.random.RandomState(1).randn(1000, 64) * 1.1 + 0.1
COPIES = np.repeat(REAL[:10], 100, axis=0)


def comparison(real: Array, fake: Array) -> Comparison:
    return Comparison(Features(values=torch.from_numpy(real)), Features(values=torch.from_numpy(fake)))


def value(metric: Metric, real: Array, fake: Array) -> float:
    return metric.estimate(comparison(real, fake), stream(0, "metric")).value


def prdc(real: Array, fake: Array, k: int, closed: bool = False) -> list[float]:
    """All four with one k and one kind of ball, as the prdc package does (open)."""
    sets = comparison(real, fake)
    of_real = contained(sets.fake_manifold, sets.real_manifold, ((k, closed),))[0]
    of_fake = contained(sets.real_manifold, sets.fake_manifold, ((k, closed),))[0]
    hits = of_real.per_query > 0, of_fake.per_query > 0, of_real.per_query.double() / k, of_real.per_ball > 0
    return [hit.double().mean().item() for hit in hits]


@pytest.fixture(params=[0, 1])
def fresh(request: pytest.FixtureRequest) -> tuple[Array, Array]:
    """Features that are skewed and correlated, of unequal numbers."""
    generator = np.random.default_rng(request.param)
    mix = generator.standard_normal((24, 24))
    return np.maximum(generator.standard_normal((400, 24)) @ mix, 0), np.maximum(generator.standard_normal((300, 24)) @ mix + 0.5, 0)


def test_fixture_frechet() -> None:
    assert value(FD, REAL, FAKE) == pytest.approx(3.87394170856, rel=1e-11)
    # Rank-deficient: 40 rows of width 64; sqrtm, symmetric and nuclear-norm forms agree to 2e-8.
    assert value(FD, REAL[:40], FAKE[:40]) == pytest.approx(58.99422779, rel=2e-8)
    # torchmetrics prints float32.
    assert value(FD, REAL, COPIES) == pytest.approx(80.92407989501953, rel=1e-6)


def test_fixture_kernel() -> None:
    assert value(KD, REAL, FAKE) == pytest.approx(0.037823691468831, rel=1e-12)


@pytest.mark.parametrize(("k", "expected"), [(3, [0.275, 0.897, 0.1986667, 0.408]), (5, [0.355, 0.938, 0.2028, 0.587])], ids=["k=3", "k=5"])
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_fixture_manifold(k: int, expected: list[float], closed: bool) -> None:
    # Without ties, open and closed balls hold the same examples.
    assert prdc(REAL, FAKE, k, closed) == pytest.approx(expected, abs=1e-7)


def test_fixture_shipped_definitions() -> None:
    # Precision and recall have k = 3, density and coverage k = 5.
    shipped = [value(metric, REAL, FAKE) for metric in (PRECISION, RECALL, DENSITY, COVERAGE)]
    assert shipped == pytest.approx([0.275, 0.897, 0.2028, 0.587], abs=1e-12)


def test_fixture_copies_tell_open_from_closed_balls() -> None:
    assert prdc(REAL, COPIES, 5) == pytest.approx([1.0, 0.0, 0.76, 0.038], abs=1e-12)
    assert prdc(REAL, COPIES, 5, closed=True)[:2] == pytest.approx([1.0, 0.01], abs=1e-12)
    assert value(RECALL, REAL, COPIES) == pytest.approx(0.01, abs=1e-12)


def test_torch_fidelity_frechet(fresh: tuple[Array, Array]) -> None:
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    statistics = [fid_features_to_statistics(torch.from_numpy(side)) for side in fresh]
    (expected,) = fid_statistics_to_metric(*statistics, verbose=False).values()
    assert value(FD, *fresh) == pytest.approx(expected, rel=1e-9)


def test_torch_fidelity_kernel(fresh: tuple[Array, Array]) -> None:
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

    real, fake = (torch.from_numpy(side[:300]) for side in fresh)
    found = kid_features_to_metric(fake, real, kid_subsets=1, kid_subset_size=300, verbose=False)
    assert value(KD, real.numpy(), fake.numpy()) == pytest.approx(found[KEY_METRIC_KID_MEAN], rel=1e-10)


def test_torch_fidelity_precision_recall(fresh: tuple[Array, Array]) -> None:
    from torch_fidelity.metric_prc import calculate_precision_recall_full

    real, fake = (torch.from_numpy(side) for side in fresh)
    # torch-fidelity takes the generated set first; its mean is float32.
    expected = calculate_precision_recall_full(fake, real, neighborhood=3)
    assert [value(PRECISION, *fresh), value(RECALL, *fresh)] == pytest.approx(list(expected), abs=1e-7)


def test_prdc_package(fresh: tuple[Array, Array]) -> None:
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        expected = compute_prdc(real_features=fresh[0], fake_features=fresh[1], nearest_k=5)
    assert prdc(*fresh, 5) == pytest.approx([expected[name] for name in ("precision", "recall", "density", "coverage")], abs=1e-12)


class _Identity(torch.nn.Module):
    num_features = 24

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values


def test_torchmetrics_frechet(fresh: tuple[Array, Array]) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    # torchmetrics probes its network with an image and accumulates float64, but returns float32.
    probe: Callable[..., FrechetInceptionDistance] = FrechetInceptionDistance
    metric = probe(feature=_Identity(), normalize=True).set_dtype(torch.float64)
    for side, real in zip(fresh, (True, False), strict=True):
        metric.update(torch.from_numpy(side), real=real)
    assert value(FD, *fresh) == pytest.approx(metric.compute().item(), rel=1e-6)

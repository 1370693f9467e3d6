"""Does the Frechet distance match its closed forms?"""

import math

import pytest
import torch

from ganbench.metrics.frechet import FD, frechet_bias, frechet_distance
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


def gaussian(n: int, d: int, *name: int) -> torch.Tensor:
    return torch.randn(n, d, generator=stream(7, "test-frechet", *name), dtype=torch.float64)


def fd(real: torch.Tensor, fake: torch.Tensor) -> float:
    return FD.estimate(Comparison(Features(values=real), Features(values=fake)), stream(0, "metric/fd")).value


def test_mean_shift_of_one_per_coordinate_is_the_dimension() -> None:
    # Equal covariances leave |dmu|^2 = d.
    root = gaussian(40, 32, 0)
    cov = root.T @ root / 40
    zero = torch.zeros(32, dtype=torch.float64)
    assert frechet_distance(zero, cov, zero + 1, cov) == pytest.approx(32, rel=1e-10)


def test_commuting_covariances() -> None:
    a, b = torch.tensor([[1.0, 4.0, 9.0], [4.0, 1.0, 2.25]], dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64)
    # (1-2)^2 + (2-1)^2 + (3-1.5)^2
    assert frechet_distance(zero, torch.diag(a), zero, torch.diag(b)) == pytest.approx(4.25, rel=1e-12)


def test_two_by_two_that_do_not_commute() -> None:
    zero = torch.zeros(2, dtype=torch.float64)
    s1 = torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    s2 = torch.diag(torch.tensor([1.0, 4.0], dtype=torch.float64))
    # tr sqrt(M) = sqrt(tr M + 2 sqrt(det M)) for the 2x2 product, tr = 10 and det = 12.
    assert frechet_distance(zero, s1, zero, s2) == pytest.approx(9 - 2 * math.sqrt(10 + 2 * math.sqrt(12)), rel=1e-12)


def test_total_collapse_leaves_the_real_variance() -> None:
    zero = torch.zeros(3, dtype=torch.float64)
    cov = torch.diag(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    assert frechet_distance(zero, cov, zero + 1, torch.zeros_like(cov)) == pytest.approx(9, rel=1e-12)


def test_same_set_scores_zero_within_bounds() -> None:
    x = gaussian(300, 20, 1)
    assert 0 <= fd(x, x.clone()) < 1e-11


def test_rotation_and_exchange_change_nothing() -> None:
    x, y = gaussian(300, 12, 2), 1.2 * gaussian(250, 12, 3) + 0.1
    rotation = torch.linalg.qr(gaussian(12, 12, 4)).Q
    assert fd(x @ rotation, y @ rotation) == pytest.approx(fd(x, y), rel=1e-10)
    assert fd(y, x) == pytest.approx(fd(x, y), rel=1e-10)


def test_bias_of_the_identity_covariance() -> None:
    d, n = 64, 1000
    # (2d + d(d+1)/2) / N for two samples of N; one exact side halves it.
    bias = frechet_bias(torch.ones(d, dtype=torch.float64), n, n)
    assert bias == pytest.approx((2 * d + d * (d + 1) / 2) / n, rel=1e-12)
    assert frechet_bias(torch.ones(d, dtype=torch.float64), 10**15, n) == pytest.approx(bias / 2, rel=1e-9)


def test_bias_of_a_decaying_spectrum_is_what_two_samples_show() -> None:
    d, n = 16, 1000
    scale = torch.arange(1, d + 1, dtype=torch.float64) ** -0.5
    seen = torch.tensor([fd(gaussian(n, d, 5, i) * scale, gaussian(n, d, 6, i) * scale) for i in range(40)])
    predicted = frechet_bias(scale.square(), n, n)
    # 4 standard errors of the simulated mean, and 3 % for the terms of higher order in 1/N.
    assert abs(seen.mean().item() - predicted) < 4 * seen.std().item() / math.sqrt(40) + 0.03 * predicted

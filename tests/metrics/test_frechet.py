"""Does the Frechet distance match its closed forms?"""

import math
from collections.abc import Callable

import pytest
import torch

from ganbench.metrics.frechet import FD, FD_INFINITY, Spectrum, frechet_distance
from ganbench.metrics.kernel import KD
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison, Reference
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
    bias = Spectrum.gaussian(torch.ones(d, dtype=torch.float64)).bias(n, n)
    assert bias == pytest.approx((2 * d + d * (d + 1) / 2) / n, rel=1e-12)
    assert Spectrum.gaussian(torch.ones(d, dtype=torch.float64)).bias(10**15, n) == pytest.approx(bias / 2, rel=1e-9)


def test_bias_of_a_decaying_spectrum_is_what_two_samples_show() -> None:
    d, n = 16, 1000
    scale = torch.arange(1, d + 1, dtype=torch.float64) ** -0.5
    seen = torch.tensor([fd(gaussian(n, d, 5, i) * scale, gaussian(n, d, 6, i) * scale) for i in range(40)])
    predicted = Spectrum.gaussian(scale.square()).bias(n, n)
    # 4 standard errors of the simulated mean, and 3 % for the terms of higher order in 1/N.
    assert abs(seen.mean().item() - predicted) < 4 * seen.std().item() / math.sqrt(40) + 0.03 * predicted


def student(n: int, d: int, *name: int) -> torch.Tensor:
    """Student's multivariate law with 5 degrees of freedom."""
    return gaussian(n, d, *name, 0) / (gaussian(n, 5, *name, 1).square().sum(1, keepdim=True) / 5).sqrt()


def lognormal(n: int, d: int, *name: int) -> torch.Tensor:
    return gaussian(n, d, *name).exp()


@pytest.mark.parametrize(("law", "off"), [(gaussian, 0.1), (student, 0.25), (lognormal, 0.25)])
def test_perfect_needs_no_gaussian_law(law: Callable[..., torch.Tensor], off: float) -> None:
    n, d, repeats = 1000, 16, 40
    pairs = [Comparison(Features(values=law(n, d, 7, i)), Features(values=law(n, d, 8, i))) for i in range(repeats)]
    found = [FD.estimate(pair, stream(0, "metric/fd")) for pair in pairs]
    seen = torch.tensor([one.value for one in found])
    predicted = torch.tensor([one.perfect for one in found]).mean().item()
    # The formula for a Gaussian law gives 0.40 of Student's and 0.25 of the lognormal mean here.
    assert predicted == pytest.approx(seen.mean().item(), rel=off + 2 * seen.std().item() / seen.mean().item() / math.sqrt(repeats))


def test_perfect_of_known_moments_is_that_of_the_gaussian_law() -> None:
    x = gaussian(2000, 8, 9)
    moments = Features(values=x).moments()
    found = FD.estimate(Comparison(Reference(moments), Features(values=gaussian(500, 8, 10))), stream(0, "metric/fd"))
    assert found.perfect == pytest.approx(Spectrum.gaussian(torch.linalg.eigvalsh(moments.covariance)).bias(2000, 500), rel=1e-12)


def test_infinity_depends_neither_on_the_order_of_examples_nor_much_on_the_seed() -> None:
    x, y = gaussian(600, 8, 11), 1.2 * gaussian(500, 8, 12)
    order, other = torch.randperm(600, generator=stream(1, "order")), torch.randperm(500, generator=stream(2, "order"))
    found = [FD_INFINITY.estimate(Comparison(Features(values=x), Features(values=y)), stream(seed, "metric")) for seed in range(8)]
    moved = FD_INFINITY.estimate(Comparison(Features(values=x[order]), Features(values=y[other])), stream(0, "metric"))
    assert moved.value == pytest.approx(found[0].value, abs=1e-9)
    values = [one.value for one in found]
    assert max(values) - min(values) < (found[0].ci_high - found[0].ci_low) / 2


def test_intervals_of_a_few_heavy_tails_say_so() -> None:
    # Cauchy examples: the largest one determines every moment.
    heavy, light = gaussian(300, 4, 13) / gaussian(300, 1, 14), gaussian(300, 4, 15)
    for real, warned in ((heavy, True), (gaussian(300, 4, 16), False)):
        for metric in (FD, FD_INFINITY, KD):
            found = metric.estimate(Comparison(Features(values=real), Features(values=light)), stream(0, "metric"))
            assert bool(found.warnings) == warned

"""Does the pinned mode evaluator tell perfect, collapsed and shrunken samplers apart?"""

import math

import numpy as np
import pytest
import torch

from ganbench.data.dataset import ModeSet
from ganbench.diagnostics.modes import kl_to_uniform, mode_counts, mode_diagnostics
from ganbench.errors import DataError, RequestError
from ganbench.results.record import Diagnostic
from ganbench.seeding import stream

N, K, SIGMA = 10_000, 8, 0.01


def ring(k: int = K, endpoint: bool = False) -> ModeSet:
    angles = np.linspace(0, 2 * np.pi, k, endpoint=endpoint)
    return ModeSet(centres=np.stack([np.cos(angles), np.sin(angles)], axis=1), sigma=SIGMA)


def sample(n: int = N, modes: int = K, spread: float = 1.0) -> torch.Tensor:
    """A sampler of the first modes of the ring with sd spread x sigma."""
    generator = stream(20, "test-modes", n, modes)
    centres = torch.from_numpy(ring().centres)[torch.randint(modes, (n,), generator=generator)]
    return centres + spread * SIGMA * torch.randn(n, 2, generator=generator, dtype=torch.float64)


def by_name(samples: torch.Tensor) -> dict[str, Diagnostic]:
    return {found.name: found for found in mode_diagnostics(samples, ring())}


def test_perfect_sampler_lies_within_four_sd_of_its_own_null() -> None:
    found = by_name(sample())
    assert found["modes"].value == found["robust_modes"].value == found["modes"].perfect == K
    cap = 1 - math.exp(-4.5)
    assert found["hq_percent"].perfect == pytest.approx(100 * cap, rel=1e-12)
    assert abs(found["hq_percent"].value - 100 * cap) < 4 * 100 * math.sqrt(cap * (1 - cap) / N)
    for name, samples in (("kl_all", N), ("kl_hq", N * cap)):
        # 2 n KL is chi-square with K - 1 degrees of freedom: mean (K - 1) / 2n, sd sqrt(2 (K - 1)) / 2n.
        assert found[name].perfect == pytest.approx((K - 1) / (2 * samples), rel=1e-3)  # up to terms in 1 / n^2
        assert abs(found[name].value - found[name].perfect) < 4 * math.sqrt(2 * (K - 1)) / (2 * samples)
    # The sd of an sd from 2 N nearly normal coordinates is below 1 / sqrt(4 N).
    assert abs(found["sd_ratio"].value - 1) < 4 / math.sqrt(4 * N)


def test_truncated_variance_in_two_dimensions() -> None:
    # E[r^2 / 2; r < 3] / P(r < 3) = (1 - 5.5 exp(-4.5)) / (1 - exp(-4.5)) for a unit Gaussian in the plane.
    samples = sample()
    variance, ratio = mode_counts(samples, ring()).variance, by_name(samples)["sd_ratio"].value
    assert (math.sqrt(variance) / SIGMA / ratio) ** 2 == pytest.approx((1 - 5.5 * math.exp(-4.5)) / (1 - math.exp(-4.5)), rel=1e-10)


@pytest.mark.parametrize("modes", [1, 3, 7])
def test_missing_modes_cost_their_logarithm(modes: int) -> None:
    found = by_name(sample(modes=modes))
    assert found["modes"].value == found["robust_modes"].value == modes
    floor = (modes - 1) / (2 * N)
    assert abs(found["kl_all"].value - math.log(K / modes) - floor) <= 4 * math.sqrt(2 * (modes - 1)) / (2 * N) + 1e-12


def test_shrunken_sampler_beats_the_cap_and_is_flagged() -> None:
    found = by_name(sample(spread=0.5))
    assert found["hq_percent"].value > found["hq_percent"].perfect
    assert found["sd_ratio"].value < 0.8


def test_stray_samples_do_not_make_a_robust_mode() -> None:
    # 20 % of the fair share 1000 / 8 is 25 samples.
    centres = torch.from_numpy(ring().centres)
    for stray, robust in ((24, 1), (25, 2)):
        samples = torch.cat([centres[0].expand(1000 - stray, 2), centres[1].expand(stray, 2)])
        found = by_name(samples)
        assert (found["modes"].value, found["robust_modes"].value) == (2, robust)


def test_no_high_quality_sample_leaves_values_undefined() -> None:
    found = by_name(torch.zeros(50, 2, dtype=torch.float64))
    assert found["modes"].value == found["hq_percent"].value == 0
    assert found["kl_hq"].value is None
    assert found["sd_ratio"].value is None
    assert "no high-quality sample" in found["kl_hq"].note
    assert found["kl_all"].value is not None


def test_counts_are_those_of_the_nearest_centre() -> None:
    centres = torch.from_numpy(ring().centres)
    samples = torch.cat([centres[:3], centres[:1] + 2.9 * SIGMA / math.sqrt(2), centres[:1] * (1 + 3.1 * SIGMA)])
    counts = mode_counts(samples, ring())
    assert counts.nearest.tolist() == [3, 1, 1, 0, 0, 0, 0, 0]
    assert counts.high_quality.tolist() == [2, 1, 1, 0, 0, 0, 0, 0]


def test_kl_of_known_histograms() -> None:
    assert kl_to_uniform(torch.tensor([5, 5, 5])) == 0
    assert kl_to_uniform(torch.tensor([9, 0, 0])) == pytest.approx(math.log(3), rel=1e-12)
    assert kl_to_uniform(torch.tensor([0, 0])) is None


def test_ring_with_a_doubled_end_point_is_refused() -> None:
    # Eight points with the end point included: the first and the last coincide, seven distinct modes.
    with pytest.raises(DataError, match="6 sigma"):
        mode_diagnostics(sample(100), ring(endpoint=True))


@pytest.mark.parametrize(
    ("samples", "message"), [(torch.zeros(9, 3), r"takes \(n, 2\)"), (torch.zeros(0, 2), "shape"), (torch.full((9, 2), math.nan), "finite")]
)
def test_unusable_samples_are_refused(samples: torch.Tensor, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        mode_diagnostics(samples, ring())

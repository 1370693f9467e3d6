import math

import numpy as np
import pytest
import torch

from ganbench.metrics.mmd import MMD_RBF
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

REAL = torch.from_numpy(np.random.RandomState(0).randn(1000, 64))
FAKE = torch.from_numpy(np.random.RandomState(1).randn(1000, 64) * 1.1 + 0.1)


def value(real: torch.Tensor, fake: torch.Tensor) -> float:
    return MMD_RBF.estimate(Comparison(Features(values=real), Features(values=fake)), stream(0, "metric")).value


def brute(real: torch.Tensor, fake: torch.Tensor) -> float:
    x, y = (side.double() / side.double().norm(dim=1, keepdim=True) for side in (real, fake))
    kernel = [
        torch.exp(-torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square() / 200).mean()
        for a, b in ((x, x), (y, y), (x, y))
    ]
    return 1000 * (kernel[0] + kernel[1] - 2 * kernel[2]).item()


def test_fixture_a() -> None:
    # Field notes, section 3.2: CMMD's form on L2-normalised features.
    assert value(REAL, FAKE) == pytest.approx(0.110266001283, rel=1e-9)


def test_it_equals_the_definition_over_several_blocks() -> None:
    real = torch.randn(1500, 7, generator=stream(1, "test-mmd")) + 0.4
    fake = torch.randn(1100, 7, generator=stream(2, "test-mmd"))
    assert value(real, fake) == pytest.approx(brute(real, fake), rel=1e-8)


def test_two_opposite_points_have_the_closed_form() -> None:
    # One point against its opposite: 2 - 2 exp(-2^2 / (2 10^2)).
    x = torch.tensor([[3.0, 0.0]]).repeat(10, 1)
    assert value(x, -x) == pytest.approx(1000 * (2 - 2 * math.exp(-0.02)), rel=1e-12)


def test_it_is_symmetric_zero_of_equal_sets_and_blind_to_length() -> None:
    assert value(REAL, FAKE) == pytest.approx(value(FAKE, REAL), rel=1e-10)
    assert value(REAL, REAL) == pytest.approx(0, abs=1e-12)
    assert value(REAL, 5 * FAKE) == pytest.approx(value(REAL, FAKE), rel=1e-9)


def test_collapse_and_noise_raise_it() -> None:
    anchor = torch.ones(64, dtype=torch.float64)
    real, fresh = REAL + anchor, torch.from_numpy(np.random.RandomState(3).randn(1000, 64)) + anchor
    noise = 3 * torch.from_numpy(np.random.RandomState(4).randn(1000, 64))
    good = value(real, fresh)
    assert value(real, real[:10].repeat(100, 1)) > 3 * good
    assert value(real, fresh + noise) > 3 * good


def test_perfect_is_what_samples_of_one_law_score_on_average() -> None:
    found = []
    for index in range(100):
        draw = torch.randn(300, 5, generator=stream(index, "test-mmd"), dtype=torch.float64) + 0.3
        estimate = MMD_RBF.estimate(Comparison(Features(values=draw[:100]), Features(values=draw[100:])), stream(0, "metric"))
        assert estimate.perfect is not None
        found.append((estimate.value, estimate.perfect))
    values, perfect = torch.tensor(found).T
    assert perfect.mean().item() == pytest.approx(values.mean().item(), abs=4 * values.std().item() / 10)

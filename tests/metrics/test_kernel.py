"""Does the kernel distance match its closed forms, whatever the blocks?"""

import math
from dataclasses import replace

import pytest
import torch

from ganbench.metrics.kernel import KD
from ganbench.pairs import sizes
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


def gaussian(n: int, d: int, *name: int) -> torch.Tensor:
    return torch.randn(n, d, generator=stream(8, "test-kernel", *name), dtype=torch.float64)


def kd(real: torch.Tensor, fake: torch.Tensor) -> float:
    return KD.estimate(Comparison(Features(values=real), Features(values=fake)), stream(0, "metric/kd")).value


def test_three_points_by_hand() -> None:
    # d = 1, k(x, y) = (xy + 1)^3; real 0 and 1, generated 2 and 3:
    # within real k(0,1) = 1, within fake k(2,3) = 343, between (1 + 1 + 27 + 64) / 4.
    real, fake = torch.tensor([[0.0], [1.0]], dtype=torch.float64), torch.tensor([[2.0], [3.0]], dtype=torch.float64)
    assert kd(real, fake) == pytest.approx(1 + 343 - 2 * 93 / 4, rel=1e-12)


def test_scaled_gaussian_has_the_population_value() -> None:
    d, s = 8, 1.3
    seen = torch.tensor([kd(gaussian(400, d, 0, i), s * gaussian(400, d, 1, i)) for i in range(40)])
    # 3 |S1 - S2|_F^2 / d^2 = 3 (1 - s^2)^2 / d for zero-mean Gaussians; unbiased, so within 4 standard errors.
    assert abs(seen.mean().item() - 3 * (1 - s**2) ** 2 / d) < 4 * seen.std().item() / math.sqrt(40)


def test_block_size_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = gaussian(130, 6, 2), gaussian(90, 6, 3)
    whole = kd(x, y)
    monkeypatch.setattr(sizes, "CACHED", replace(sizes.CACHED, rows=7))
    assert kd(x, y) == pytest.approx(whole, rel=1e-10)


def test_negative_values_are_kept() -> None:
    # Unbiased at a population value of 0: about half of all draws are negative.
    signs = [kd(gaussian(60, 4, 4, i), gaussian(60, 4, 5, i)) < 0 for i in range(40)]
    # Binomial(40, 1/2): outside 8..32 with probability below 2e-4; the law is skewed, hence the room.
    assert 8 <= sum(signs) <= 36

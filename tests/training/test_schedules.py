"""Do hyper-parameters move as their closed forms say?"""

import math

import pytest

from ganbench.training.schedules import SCHEDULES, ema_decay


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("constant", [1, 1, 1, 1, 1]),
        ("linear", [1, 0.75, 0.5, 0.25, 0]),
        ("cosine", [1, (2 + math.sqrt(2)) / 4, 0.5, (2 - math.sqrt(2)) / 4, 0]),
    ],
)
def test_closed_form_at_the_quarters_of_the_budget(name: str, values: list[float]) -> None:
    assert [SCHEDULES[name](images, 1000) for images in (0, 250, 500, 750, 1000)] == pytest.approx(values, abs=1e-12)


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_a_last_batch_behind_the_budget_does_not_climb_again(name: str) -> None:
    assert SCHEDULES[name](1200, 1000) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("batch_size", "halflife"), [(1, 10), (64, 10_000), (64, 64), (7, 100)])
def test_after_the_half_life_in_images_a_value_counts_half(batch_size: int, halflife: int) -> None:
    decay = ema_decay(10**9, batch_size, halflife, rampup=0.0)
    assert decay ** (halflife / batch_size) == pytest.approx(0.5, rel=1e-9)


def test_the_ramp_limits_the_half_life_to_a_share_of_the_images_seen() -> None:
    # 0.05 x 2,000 = 100 images; from 200,000 images on the full half-life of 10,000 holds.
    assert ema_decay(2_000, 10, 10_000, rampup=0.05) == pytest.approx(0.5 ** (10 / 100))
    assert ema_decay(200_000, 10, 10_000, rampup=0.05) == pytest.approx(0.5 ** (10 / 10_000))
    assert ema_decay(400_000, 10, 10_000, rampup=0.05) == ema_decay(200_000, 10, 10_000, rampup=0.05)


def test_early_averages_follow_the_network() -> None:
    # First step of 64: the half-life is 3.2 images, so 2^-20 of the untrained weights is left.
    assert ema_decay(64, 64, 10_000, rampup=0.05) == pytest.approx(2**-20)
    assert 0 <= ema_decay(0, 64, 10_000, rampup=0.05) < 1e-300

"""Does augmentation shift, and do nothing else?"""

import pytest
import torch
from torch import Tensor

from ganbench.seeding import stream
from ganbench.training.augmentation import AUGMENTATIONS, none, translation


def shifts(images: Tensor, seed: int = 0) -> list[tuple[int, int]]:
    """Where a single lit pixel in the middle of every image went, as (rows, columns)."""
    n, _, height, width = images.shape
    lit = torch.zeros_like(images)
    lit[:, :, height // 2, width // 2] = 1
    moved = translation(lit, stream(seed, "augment"))
    assert torch.equal(moved.sum((1, 2, 3)), torch.full((n,), float(images.shape[1])))
    places = moved[:, 0].flatten(1).argmax(1).tolist()
    return [(place // width - height // 2, place % width - width // 2) for place in places]


def test_none_is_the_identity() -> None:
    images = torch.randn(3, 1, 8, 8)
    assert none(images, stream(0, "augment")) is images
    assert AUGMENTATIONS["none"] is none


@pytest.mark.parametrize("size", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (1, 17, 17), (2, 16, 24)])
def test_translation_keeps_the_shape(size: tuple[int, int, int]) -> None:
    images = torch.randn(5, *size)
    moved = translation(images, stream(0, "augment"))
    assert moved.shape == images.shape
    assert moved.dtype == images.dtype


@pytest.mark.parametrize(("side", "reach"), [(8, 1), (16, 2), (32, 4), (17, 3), (64, 8)])
def test_shifts_fill_the_range_of_an_eighth_and_stay_inside(side: int, reach: int) -> None:
    # An eighth of the side, rounded up (Zhao et al. 2020 shift by a ratio of 1/8).
    found = shifts(torch.zeros(800, 1, side, side))
    rows, columns = zip(*found, strict=True)
    assert set(rows) == set(range(-reach, reach + 1))
    assert set(columns) == set(range(-reach, reach + 1))


def test_shifts_are_uniform_and_independent_in_both_directions() -> None:
    found = torch.tensor(shifts(torch.zeros(4500, 1, 8, 8)))
    counts = torch.bincount((found[:, 0] + 1) * 3 + found[:, 1] + 1, minlength=9).double()
    chi_squared = ((counts - 500) ** 2 / 500).sum().item()
    assert chi_squared < 26.1  # 99.9 % quantile of chi-squared with 8 degrees of freedom


def test_what_moves_in_is_mid_grey() -> None:
    moved = translation(torch.ones(64, 1, 8, 8), stream(0, "augment"))
    assert set(moved.unique().tolist()) == {0.0, 1.0}


def test_channels_move_together() -> None:
    images = torch.randn(16, 1, 8, 8).expand(-1, 3, -1, -1)
    moved = translation(images, stream(0, "augment"))
    assert torch.equal(moved[:, :1].expand(-1, 3, -1, -1), moved)


def test_real_and_generated_images_are_shifted_alike() -> None:
    real, fake = torch.rand(32, 1, 8, 8), -torch.rand(32, 1, 8, 8)
    assert torch.equal(translation(real, stream(0, "augment")) > 0, translation(fake, stream(0, "augment")) < 0)


def test_gradients_pass_and_are_those_of_a_shift() -> None:
    images = torch.randn(8, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    moved = translation(images, stream(0, "augment"))
    (gradient,) = torch.autograd.grad(moved.square().sum(), images, create_graph=True)
    kept = gradient != 0
    torch.testing.assert_close(gradient[kept], 2 * images[kept])
    assert kept.float().mean() > 0.7
    (second,) = torch.autograd.grad(gradient.sum(), images)
    assert torch.isfinite(second).all()


def test_the_stream_alone_decides_the_shift() -> None:
    images = torch.zeros(64, 1, 16, 16)
    assert shifts(images, seed=1) == shifts(images, seed=1)
    assert shifts(images, seed=1) != shifts(images, seed=2)

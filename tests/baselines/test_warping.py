"""Do pixels move where they should, and does an image keep its fine detail on the way?"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional

from baselines.blocks import ada, warping
from baselines.blocks.ada import matrices
from baselines.blocks.warping import PHASE, START, SYM6, copied, filtered, moved, resampled

ALWAYS = torch.ones(())
Warp = Callable[[Tensor, Tensor], Tensor]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.default_generator.manual_seed(0)


def shift(across: float, down: float, n: int = 1) -> Tensor:
    return matrices([[1, 0, torch.full((n,), across)], [0, 1, torch.full((n,), down)], [0, 0, 1]])


def anywhere(n: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turns by any angle with shifts by up to half a pixel."""
    turned = ada.turn(n, 1, ALWAYS)
    turned[:, :2, 2] = torch.rand(n, 2) - 0.5
    return turned.to(dtype)


def test_the_filter_is_orthogonal_to_its_even_shifts_with_six_vanishing_moments() -> None:
    # Daubechies 1992, sections 6.1 and 8.1: what defines the family; published to 12 digits, moments grow with 11^order
    taps = torch.tensor(SYM6, dtype=torch.float64)
    place = torch.arange(12, dtype=torch.float64)
    assert taps.sum().item() == pytest.approx(2**0.5, abs=1e-12)
    for lag in range(6):
        assert (taps[2 * lag :] @ taps[: 12 - 2 * lag]).item() == pytest.approx(float(lag == 0), abs=1e-11), lag
    moments = [(taps * (-1) ** place * place**order).sum().item() for order in range(7)]
    assert moments[:6] == pytest.approx([0.0] * 6, abs=1e-8)
    assert abs(moments[6]) > 1
    # several filters have these properties; of the least asymmetric the centre of mass is close to the largest tap
    assert SYM6.index(max(SYM6)) == START
    assert pytest.approx((place @ taps).item() / taps.sum().item()) == START + PHASE
    assert abs(PHASE) < 0.1


@pytest.mark.parametrize("side", [3, 7, 8, 28])
def test_enlarging_and_reducing_give_the_image_back_up_to_its_border(side: int) -> None:
    images = torch.randn(4, 3, side, side, dtype=torch.float64)
    torch.testing.assert_close(filtered(images, torch.eye(3, dtype=torch.float64).expand(4, 3, 3)), images, rtol=0, atol=1e-10)
    # a whole shift looks beyond the border: the image is mirrored at its outermost pixels, as often as it takes
    across, down = side // 2 - side, 3 * side
    moves = shift(across, down, 4).double()
    axis = torch.arange(side)
    wanted = images[:, :, warping.mirrored(axis + down, side)][:, :, :, warping.mirrored(axis + across, side)]
    # its fine pixels lie between fine pixels only by PHASE, which cancels
    torch.testing.assert_close(filtered(images, moves), wanted, rtol=0, atol=1e-10)
    assert torch.equal(resampled(images, moves), wanted)


def test_pixels_that_land_on_pixels_are_copied() -> None:
    images = torch.randn(200, 3, 8, 8)
    mirrored = resampled(images, ada.flip(200, 8, ALWAYS))
    turned = resampled(images, ada.quarter_turn(200, 8, ALWAYS))
    kinds = set()
    for image, flipped, turn in zip(images, mirrored, turned, strict=True):
        assert torch.equal(flipped, image) or torch.equal(flipped, image.flip(2))
        kinds |= {k for k in range(4) if torch.equal(turn, image.rot90(k, (1, 2)))}
    assert kinds == {0, 1, 2, 3}
    # from two to the right and one above; beyond its border the image is mirrored at the outermost pixels
    expected = functional.pad(images[:1], (2, 2, 2, 2), mode="reflect")[:, :, 1:9, 4:12]
    assert torch.equal(resampled(images[:1], shift(2, -1)), expected)
    mixed = torch.cat([shift(2, -1), anywhere(1), torch.eye(3)[None]])
    three = resampled(images[:1].expand(3, -1, -1, -1), mixed)
    assert torch.equal(three[0], expected[0]) and torch.equal(three[2], images[0])
    assert not torch.equal(three[1], copied(images[:1], moved(mixed[1:2], torch.arange(8) - 3.5) + 3.5)[0])


@pytest.mark.parametrize("side", [28, 31])
def test_smooth_images_move_by_the_distance_and_the_angle_asked_for(side: int) -> None:
    # cosines whose half periods fit in go on beyond the border as the mirrored image does: what they move to is known in closed form
    axis = torch.arange(side, dtype=torch.float64) - (side - 1) / 2

    def waves(x: Tensor, y: Tensor) -> Tensor:
        return torch.cos(math.pi * (x / (side - 1) + 0.5)) * torch.cos(2 * math.pi * (y / (side - 1) + 0.5))

    images = waves(axis, axis[:, None]).expand(20, 1, -1, -1)
    sources = torch.cat([anywhere(19, torch.float64), shift(0.25, 0.5).double()])
    x, y = moved(sources, axis).unbind(1)
    # linear interpolation between places half a pixel apart errs by h^2 / 8 times the curvature along both axes
    bound = 0.25 / 8 * 5 * (math.pi / (side - 1)) ** 2
    assert (resampled(images, sources)[:, 0] - waves(x, y)).abs().max() < 1.2 * bound


def test_a_ramp_is_sampled_exactly_away_from_the_border() -> None:
    side = 32
    ramp = torch.arange(float(side), dtype=torch.float64).expand(1, 1, side, side)
    inner = slice(8, -8)
    shifted = resampled(ramp, shift(0.25, 0.5).double())
    torch.testing.assert_close(shifted[..., inner], ramp[..., inner] + 0.25)
    doubled = resampled(ramp, matrices([[torch.tensor([0.5]), 0, 0], [0, 0.5, 0], [0, 0, 1]]).double())
    torch.testing.assert_close(doubled[..., inner], (15.5 + (ramp - 15.5) / 2)[..., inner])


def top_octave_kept(warp: Warp) -> float:
    """Share of white noise's power above a quarter of the sampling rate that is left by turns and shifts of a fraction of a pixel.

    Of 128 images of 64x64, frequencies by their length, in the inner half of the side under a Hann window.
    """
    images = torch.randn(128, 1, 64, 64)
    turned = warp(images, anywhere(128))
    window = torch.hann_window(32, periodic=False)
    frequency = torch.fft.fftfreq(32)
    top = torch.hypot(frequency[:, None], frequency) > 0.25
    before, after = (torch.fft.fft2(one[..., 16:-16, 16:-16] * window[:, None] * window).abs().square() for one in (images, turned))
    return (after[..., top].sum() / before[..., top].sum()).item()


def bilinear(images: Tensor, sources: Tensor) -> Tensor:
    """Torch's own, at the image's resolution."""
    axis = torch.arange(images.shape[2]) - (images.shape[2] - 1) / 2
    grid = moved(sources, axis).movedim(1, 3) * 2 / (images.shape[2] - 1)
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=True)


def test_fine_detail_survives_turns_and_fractional_shifts() -> None:
    # measured by the same function: 0.35 is left by bilinear sampling of the image, and 0.55 to 0.56 by the authors' own pipeline
    # (NVlabs' AugmentPipe, rotate = 1, with and without xfrac), which was run beside this and not read
    assert top_octave_kept(bilinear) == pytest.approx(0.35, abs=0.015)
    assert top_octave_kept(resampled) == pytest.approx(0.55, abs=0.015)


@pytest.mark.parametrize("side", [3, 7, 8])
def test_warping_is_linear_and_differentiable_twice(side: int) -> None:
    sources = anywhere(2, torch.float64)
    images, others = (torch.randn(2, 1, side, side, dtype=torch.float64, requires_grad=True) for _ in range(2))
    together = resampled(2 * images - others, sources)
    torch.testing.assert_close(together, 2 * resampled(images, sources) - resampled(others, sources), rtol=0, atol=1e-10)
    small = images[..., :3, :3].detach().requires_grad_()
    assert gradcheck(lambda x: resampled(x, sources), small)
    assert gradgradcheck(lambda x: resampled(x, sources).square(), small)


def test_what_an_evaluation_needed_first_serves_training_too() -> None:
    images, sources = torch.randn(2, 1, 11, 11, requires_grad=True), anywhere(2)
    with torch.inference_mode():
        resampled(images, sources)
    resampled(images, sources).sum().backward()
    assert images.grad is not None

"""Do equalised layers, minibatch statistics and filters do what their papers say?"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradgradcheck
from torch.nn import functional

from baselines.blocks import resampling
from baselines.blocks.equalised import RELU_GAIN, EqualisedConv, EqualisedLinear, MinibatchStddev, pixel_norm
from baselines.blocks.resampling import (
    blurred,
    box_conv_down,
    box_conv_up,
    box_down,
    box_up,
    filtered_conv_down,
    filtered_conv_up,
    filtered_down,
    filtered_up,
)

KERNEL = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64).outer(torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64))
"""Karras et al. 2020 ("Analyzing and improving", appendix B): a binomial filter of four taps along each axis."""


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=["products", "depthwise"])
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either way of filtering, whatever the side."""
    monkeypatch.setattr(resampling, "LARGEST_PRODUCT", 1 << 10 if request.param == "products" else 0)


def test_the_scale_at_run_time_is_hes_constant() -> None:
    # Karras et al. 2018, section 4.1, with He et al. 2015: sqrt(2 / fan_in).
    linear, conv = EqualisedLinear(50, 3, gain=RELU_GAIN), EqualisedConv(8, 3, 3, gain=RELU_GAIN)
    torch.testing.assert_close(linear(torch.eye(50)).t(), linear.weight * (2 / 50) ** 0.5)
    impulse = torch.zeros(1, 8, 3, 3)
    impulse[0, 5, 1, 1] = 1
    assert conv.bias is not None
    torch.testing.assert_close(conv(impulse)[0, :, 1, 1], conv.weight[:, 5, 1, 1] * (2 / (8 * 9)) ** 0.5)


def test_unit_inputs_give_unit_outputs() -> None:
    x = torch.randn(2_000, 256)
    assert EqualisedLinear(256, 256)(x).var().item() == pytest.approx(1, rel=0.03)
    assert functional.relu(EqualisedLinear(256, 256, gain=RELU_GAIN)(x)).square().mean().item() == pytest.approx(1, rel=0.03)
    assert EqualisedLinear(256, 256, rate=0.01)(x).var().item() == pytest.approx(1, rel=0.03)
    maps = torch.randn(64, 64, 16, 16)
    inner = EqualisedConv(64, 64, 3)(maps)[:, :, 1:-1, 1:-1]
    assert inner.var().item() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_one_step_of_adam_moves_every_effective_weight_by_its_own_scale(rate: float) -> None:
    # Adam's first step has the length of the learning rate, whatever the gradient.
    layers = [EqualisedLinear(inputs, 4, bias=1.0, rate=rate) for inputs in (16, 400)]
    optimizer = torch.optim.Adam([p for layer in layers for p in layer.parameters()], lr=0.1, eps=1e-30)
    for layer in layers:
        before = layer(torch.eye(layer.weight.shape[1])).detach()
        start = layer(torch.zeros(1, layer.weight.shape[1])).detach()
        torch.testing.assert_close(start, torch.ones(1, 4))
        layer(torch.randn(7, layer.weight.shape[1])).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        bias = layer(torch.zeros(1, layer.weight.shape[1])).detach()
        moved = (layer(torch.eye(layer.weight.shape[1])).detach() - bias - (before - start)).abs()
        torch.testing.assert_close(moved, torch.full_like(moved, 0.1 * rate / layer.weight.shape[1] ** 0.5), rtol=1e-3, atol=1e-6)
        torch.testing.assert_close((bias - start).abs(), torch.full((1, 4), 0.1 * rate), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 16), (3, 16, 4, 4)])
def test_pixel_norm_leaves_directions_and_makes_lengths_one(shape: tuple[int, ...]) -> None:
    x = 7 * torch.randn(shape)
    y = pixel_norm(x)
    torch.testing.assert_close(y.square().mean(1), torch.ones_like(y[:, 0]))
    assert functional.cosine_similarity(x, y, dim=1).min() > 1 - 1e-5


def test_minibatch_stddev_of_identical_images_is_its_floor() -> None:
    image = torch.randn(1, 3, 4, 4)
    extended = MinibatchStddev(4)(image.expand(8, -1, -1, -1))
    assert extended.shape == (8, 4, 4, 4)
    assert torch.equal(extended[:, :3], image.expand(8, -1, -1, -1))
    torch.testing.assert_close(extended[:, 3], torch.full((8, 4, 4), 1e-4), rtol=1e-3, atol=0)


def test_minibatch_stddev_is_the_mean_deviation_within_a_group() -> None:
    x = torch.zeros(4, 2, 3, 3)
    x[1] = 2.0  # 0 and 2 deviate by 1 everywhere
    x[2, 0], x[3, 0] = 10.0, 4.0  # 3 in one channel of two
    added = MinibatchStddev(2)(x)[:, 2]
    torch.testing.assert_close(added[:2], torch.ones(2, 3, 3))
    torch.testing.assert_close(added[2:], torch.full((2, 3, 3), 1.5), rtol=1e-4, atol=0)
    whole = MinibatchStddev(1 << 30)(x)[:, 2]
    first, second = (torch.tensor(values).std(correction=0) for values in ([0.0, 2, 10, 4], [0.0, 2, 0, 0]))
    torch.testing.assert_close(whole, ((first + second) / 2).expand(4, 3, 3))


@pytest.mark.parametrize(("n", "size"), [(6, 3), (7, 1), (8, 4), (2, 2), (1, 1)])
def test_a_batch_that_the_group_does_not_divide_falls_into_the_largest_groups_that_do(n: int, size: int) -> None:
    x = torch.randn(n, 2, 2, 2)
    torch.testing.assert_close(MinibatchStddev(4)(x), MinibatchStddev(size)(x))
    assert MinibatchStddev(4)(x)[:, 2].amax().item() == pytest.approx(1e-4, rel=1e-3) if size == 1 else True


def test_boxes_copy_and_average() -> None:
    x = torch.arange(4.0).view(1, 1, 2, 2)
    assert box_up(x)[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert box_down(x).item() == 1.5
    y = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(box_down(box_up(y)), y)


@pytest.mark.usefixtures("route")
def test_filtered_up_is_bilinear_interpolation_and_down_is_the_binomial_kernel() -> None:
    x = torch.randn(2, 3, 10, 10, dtype=torch.float64)
    up = filtered_up(x)
    torch.testing.assert_close(up[:, :, 1:-1, 1:-1], functional.interpolate(x, scale_factor=2, mode="bilinear")[:, :, 1:-1, 1:-1])
    # place by place: output (i, j) weighs the 4x4 pixels from (2i - 1, 2j - 1) on, zeros outside
    padded = functional.pad(x, (1, 1, 1, 1))
    expected = torch.stack(
        [(padded[:, :, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] * KERNEL).sum((2, 3)) / 64 for i in range(5) for j in range(5)], 2
    )
    torch.testing.assert_close(filtered_down(x).flatten(2), expected)


@pytest.mark.usefixtures("route")
def test_convolutions_between_resolutions_equal_filter_and_convolution_away_from_the_border() -> None:
    x, weight = torch.randn(2, 3, 12, 12, dtype=torch.float64), torch.randn(4, 3, 3, 3, dtype=torch.float64)
    up = functional.conv2d(filtered_up(x), weight.flip(2, 3), padding=1)
    assert filtered_conv_up(x, weight).shape == (2, 4, 24, 24)
    torch.testing.assert_close(filtered_conv_up(x, weight)[:, :, 2:-2, 2:-2], up[:, :, 2:-2, 2:-2])
    # [1, 3, 3, 1] / 8 between the pixels, then every other place of a plain convolution
    smooth = functional.conv2d(x.flatten(0, 1)[:, None], KERNEL[None, None] / 64, padding=2).view(2, 3, 13, 13)
    assert filtered_conv_down(x, weight).shape == (2, 4, 6, 6)
    torch.testing.assert_close(filtered_conv_down(x, weight), functional.conv2d(smooth, weight)[:, :, ::2, ::2])


@pytest.mark.parametrize("filtering", [filtered_up, filtered_down, blurred])
def test_maps_that_are_stored_channels_last_are_filtered_alike_and_stay_so(filtering: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    found = filtering(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, filtering(x))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_boxes_and_convolutions_in_one_equal_both_one_after_the_other_also_at_borders() -> None:
    x, weight = torch.randn(2, 3, 6, 6, dtype=torch.float64), torch.randn(4, 3, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(box_conv_up(x, weight), functional.conv2d(box_up(x), weight, padding=1))
    torch.testing.assert_close(box_conv_down(x, weight), box_down(functional.conv2d(x, weight, padding=1)))


@pytest.mark.usefixtures("route")
def test_blurring_weighs_neighbours_by_one_two_one() -> None:
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    row = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
    kernel = (row.outer(row) / 16)[None, None]
    torch.testing.assert_close(blurred(x), functional.conv2d(x.flatten(0, 1)[:, None], kernel, padding=1).view_as(x))
    # behind copied pixels it is bilinear interpolation with zeros outside, as the wide filter is (Karras et al. 2019, appendix C)
    torch.testing.assert_close(blurred(box_up(x)), filtered_up(x))


def test_a_gain_behind_the_activation_scales_the_bias_too() -> None:
    # Karras et al. 2020: sqrt(2) leaky_relu(w x + b), here leaky_relu((sqrt(2) w) x + sqrt(2) b).
    linear = EqualisedLinear(16, 4, gain=RELU_GAIN, bias_gain=RELU_GAIN, rate=0.5)
    conv = EqualisedConv(3, 4, 3, gain=RELU_GAIN, bias_gain=RELU_GAIN)
    assert conv.bias is not None
    with torch.no_grad():
        linear.bias.normal_()
        conv.bias.normal_()
    x, maps = torch.randn(5, 16), torch.randn(5, 3, 6, 6)
    plain = functional.linear(x, linear.weight * 0.5 / 16**0.5, linear.bias * 0.5)
    torch.testing.assert_close(linear(x), RELU_GAIN * plain)
    torch.testing.assert_close(conv(maps), RELU_GAIN * functional.conv2d(maps, conv.weight / 27**0.5, conv.bias, padding=1))


@pytest.mark.usefixtures("route")
@pytest.mark.parametrize(
    "change", [filtered_up, filtered_down, filtered_conv_up, filtered_conv_down, box_up, box_down, blurred, box_conv_up, box_conv_down]
)
def test_a_change_of_resolution_is_differentiable_twice(change: Callable[..., Tensor]) -> None:
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    inputs = (x, torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)) if "conv" in change.__name__ else (x,)
    assert gradgradcheck(lambda *args: change(*args).square(), inputs)


def test_a_filter_first_used_in_an_evaluation_serves_training() -> None:
    resampling._band.cache_clear()
    resampling._taps.cache_clear()
    with torch.inference_mode():
        filtered_down(torch.randn(1, 1, 22, 22))
    x = torch.randn(1, 1, 22, 22, requires_grad=True)
    filtered_down(x).square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0

"""How do feature maps and images change their resolution by a factor of two?

By copying and averaging pixels (Karras et al. 2018); with the binomial filter [1, 2, 1] on top of that (Karras et al. 2019, table 1, B); or
through [1, 3, 3, 1] (Karras et al. 2020), which is the same away from the borders, and bilinear interpolation on the way up. All of it is
convolutions and matrix products: deterministic on every device and differentiable as often as one likes, which interpolation kernels are
not. Outside of the images there are zeros.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

Taps = tuple[float, ...]
WIDE: Taps = (1.0, 3.0, 3.0, 1.0)
NARROW: Taps = (1.0, 2.0, 1.0)
LARGEST_PRODUCT = 64
"""Largest side that is filtered by products with a banded matrix: at 16 and 32 pixels these take about half the time of a depthwise
convolution on a CPU, at 128 the same; above, their cost grows with the cube of the side."""


def box_up(x: Tensor) -> Tensor:
    """(n, c, h, w) to (n, c, 2h, 2w): every pixel becomes four."""
    n, c, h, w = x.shape
    return x[:, :, :, None, :, None].expand(n, c, h, 2, w, 2).reshape(n, c, 2 * h, 2 * w)


def box_down(x: Tensor) -> Tensor:
    """(n, c, 2h, 2w) to (n, c, h, w): every pixel is the mean of four."""
    return functional.avg_pool2d(x, 2)


def blurred(x: Tensor) -> Tensor:
    """(n, c, h, w) to the same: [1, 2, 1] / 4 along both axes."""
    if _small(x):
        return _banded(x, x.shape[2], taps=NARROW)
    return functional.conv2d(x, _kernel(x, 1.0, NARROW), padding=1, groups=x.shape[1])


def box_conv_up(x: Tensor, weight: Tensor) -> Tensor:
    """:func:`box_up`, then a 3x3 convolution, as one 4x4 convolution: (n, c, h, w) to (n, outputs, 2h, 2w).

    Args:
        x: Feature maps.
        weight: (outputs, c, 3, 3).
    """
    return functional.conv_transpose2d(x, _widened(weight.flip(2, 3)).transpose(0, 1), stride=2, padding=1)


def box_conv_down(x: Tensor, weight: Tensor) -> Tensor:
    """A 3x3 convolution, then :func:`box_down`, as one 4x4 convolution: (n, c, 2h, 2w) to (n, outputs, h, w).

    Args:
        x: Feature maps.
        weight: (outputs, c, 3, 3).
    """
    return functional.conv2d(x, _widened(weight) / 4, stride=2, padding=1)


def filtered_up(x: Tensor) -> Tensor:
    """(n, c, h, w) to (n, c, 2h, 2w): zeros in between, then [1, 3, 3, 1] / 4 along both axes."""
    if _small(x):
        return _banded(x, 2 * x.shape[2], spread=2, padding=2)
    return functional.conv_transpose2d(x, _kernel(x, 2.0), stride=2, padding=1, groups=x.shape[1])


def filtered_down(x: Tensor) -> Tensor:
    """(n, c, 2h, 2w) to (n, c, h, w): [1, 3, 3, 1] / 8 along both axes, then every other pixel."""
    if _small(x):
        return _banded(x, x.shape[2] // 2, stride=2)
    return functional.conv2d(x, _kernel(x, 1.0), stride=2, padding=1, groups=x.shape[1])


def filtered_conv_up(x: Tensor, weight: Tensor) -> Tensor:
    """Zeros in between, a 3x3 convolution, then the filter: (n, c, h, w) to (n, outputs, 2h, 2w).

    It costs a quarter of a convolution behind :func:`filtered_up` and, away from the border, gives the same.

    Args:
        x: Feature maps.
        weight: (outputs, c, 3, 3), taken mirrored along both axes, which a learned weight does not mind.
    """
    up = functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2)  # one pixel more than twice the side
    if _small(up):
        return _banded(up, up.shape[2] - 1, gain=2.0)
    return functional.conv2d(up, _kernel(up, 2.0), padding=1, groups=up.shape[1])


def filtered_conv_down(x: Tensor, weight: Tensor) -> Tensor:
    """The filter, then a 3x3 convolution of stride 2: (n, c, 2h, 2w) to (n, outputs, h, w).

    Args:
        x: Feature maps.
        weight: (outputs, c, 3, 3).
    """
    banded = _small(x)
    smooth = _banded(x, x.shape[2] + 1, padding=2) if banded else functional.conv2d(x, _kernel(x, 1.0), padding=2, groups=x.shape[1])
    return functional.conv2d(smooth, weight, stride=2)


def _widened(weight: Tensor) -> Tensor:
    """A kernel (..., 3, 3) convolved with a 2x2 box of ones, (..., 4, 4)."""
    shifts = ((left, 1 - left, top, 1 - top) for left in (0, 1) for top in (0, 1))
    return torch.stack([functional.pad(weight, shift) for shift in shifts]).sum(0)


def _small(x: Tensor) -> bool:
    return x.shape[2] <= LARGEST_PRODUCT + 1


def _kernel(x: Tensor, gain: float, taps: Taps = WIDE) -> Tensor:
    """The filter over both axes for a depthwise convolution: (c, 1, k, k), the sum of its taps along an axis is ``gain``."""
    filtering = _taps(taps, gain, x.dtype, x.device)
    return (filtering[:, None] * filtering).expand(x.shape[1], 1, -1, -1)


def _banded(
    x: Tensor, side: int, *, stride: int = 1, spread: int = 1, padding: int = 1, gain: float | None = None, taps: Taps = WIDE
) -> Tensor:
    """Square maps (n, c, h, h), filtered along both axes to (n, c, side, side); the options are those of :func:`_band`."""
    matrix = _band(side, x.shape[2], stride, spread, padding, gain or float(spread), taps, x.dtype, x.device)
    if x.is_contiguous():
        return matrix @ (x @ matrix.t())
    # stored channels-last, every axis is filtered for all channels in one product, and the result lies so too
    n, channels, height, width = x.shape
    rows = matrix @ x.permute(0, 2, 3, 1).reshape(n, height, width * channels)
    return (matrix @ rows.view(n * side, width, channels)).view(n, side, side, channels).permute(0, 3, 1, 2)


@lru_cache(maxsize=256)
def _band(
    outputs: int, inputs: int, stride: int, spread: int, padding: int, gain: float, taps: Taps, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """The filter along one axis as a matrix (outputs, inputs); outside of the inputs there are zeros.

    Args:
        outputs: Pixels behind the filter.
        inputs: Pixels ahead of it.
        stride: One out of so many filtered pixels is kept.
        spread: Distance of two inputs at the resolution that is filtered.
        padding: By how much the filter starts ahead of the first input.
        gain: Sum of the taps.
        taps: The filter up to that.
        dtype: Of the maps.
        device: Of the maps.
    """
    with torch.inference_mode(False):  # a constant that was first needed by an evaluation must also serve training
        filtering = _taps(taps, gain, dtype, device)
        index = spread * torch.arange(inputs, device=device) - stride * torch.arange(outputs, device=device)[:, None] + padding
        inside = (index >= 0) & (index < len(taps))
        return torch.where(inside, filtering[index.clamp(0, len(taps) - 1)], torch.zeros((), dtype=dtype, device=device))


@lru_cache(maxsize=256)
def _taps(taps: Taps, gain: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor([tap * gain / sum(taps) for tap in taps], dtype=dtype, device=device)

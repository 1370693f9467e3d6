"""How does a feature map change its sampling rate without aliasing? (Karras et al. 2021, "Alias-free GANs", appendix C)

Filters are windowed ideal low-passes, designed by Kaiser's formulas in float64; frequencies and rates are per canvas, as in
:mod:`~baselines.blocks.bandlimits`. Resampling is a product with a banded matrix along each axis, so that it is deterministic on every
device and differentiable as often as one likes. Outside of the maps there are zeros.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.blocks.bandlimits import Band
from baselines.blocks.equalised import RELU_GAIN
from baselines.blocks.growth import SLOPE

SIZE = 6
"""Pixels of the lower rate that a filter spans (section 3.2: n = 6)."""
OVERSAMPLING = 2
"""How much higher than a layer's rate is the one at which its nonlinearity acts (section 3.2: m = 2)."""


def attenuation(taps: int, half_width: float, rate: float) -> float:
    """What a Kaiser window can take off the stopband, in dB (equation 7).

    Args:
        taps: Length of the filter.
        half_width: Of the transition band.
        rate: Sampling rate that the filter works at.
    """
    return 2.285 * (taps - 1) * math.pi * (2 * half_width / (rate / 2)) + 7.95


def kaiser_beta(decibels: float) -> float:
    """The Kaiser window's parameter for an attenuation (equation 8)."""
    if decibels > 50:
        return 0.1102 * (decibels - 8.7)
    return 0.5842 * (decibels - 21) ** 0.4 + 0.07886 * (decibels - 21) if decibels >= 21 else 0.0


def sinc_filter(taps: int, cutoff: float, half_width: float, rate: float) -> Tensor:
    """A low-pass along one axis: sinc times a Kaiser window, (taps,) in float64, with the sum 1 (equations 4 to 6).

    Args:
        taps: Length of the filter.
        cutoff: Middle of the transition band.
        half_width: Of the transition band.
        rate: Sampling rate that the filter works at.
    """
    filtering = torch.sinc(2 * cutoff * _positions(taps, rate)) * _window(taps, half_width, rate)
    return filtering / filtering.sum()


def jinc_filter(taps: int, cutoff: float, half_width: float, rate: float) -> Tensor:
    """A low-pass with one cutoff in every direction: jinc times the window of both axes, (taps, taps), with the sum 1 (equation 12).

    Args:
        taps: Length of the filter along each axis; even, so that no tap is at the centre.
        cutoff: See :func:`sinc_filter`.
        half_width: See :func:`sinc_filter`.
        rate: See :func:`sinc_filter`.
    """
    positions, window = _positions(taps, rate), _window(taps, half_width, rate)
    x = math.pi * 2 * cutoff * torch.hypot(positions[:, None], positions)
    filtering: Tensor = 2 * torch.special.bessel_j1(x) / x * window[:, None] * window
    return filtering / filtering.sum()


def banded(taps: Tensor, longer: int, shorter: int, factor: int, start: int) -> Tensor:
    """A filter between two rates along one axis as a matrix (longer, shorter).

    ``matrix @ x`` puts ``factor - 1`` zeros between the pixels of x and filters them; ``matrix.T @ y`` filters y and keeps every
    ``factor``-th pixel. A pixel covers the same part of the canvas as its ``factor`` pixels at the higher rate (appendix C.3).

    Args:
        taps: The filter, (SIZE * factor,) with an even factor.
        longer: Pixels at the higher rate.
        shorter: Pixels at the lower rate.
        factor: Ratio of the rates.
        start: Pixels at the higher rate that lie ahead of the first one at the lower rate.
    """
    ahead = (len(taps) - factor) // 2
    index = torch.arange(longer)[:, None] - start - factor * torch.arange(shorter) + ahead
    inside = (index >= 0) & (index < len(taps))
    return torch.where(inside, taps[index.clamp(0, len(taps) - 1)], 0.0)


class FilteredLeakyReLU(nn.Module):
    """A leaky ReLU at a higher sampling rate, between an upsampling and a downsampling low-pass (section 3.2).

    A nonlinearity makes frequencies that its own rate cannot hold. At the higher rate they do no harm, and the second filter removes them.
    The change from the input's rate to the output's, and from the input's margin to the output's, is part of it.

    Args:
        source: What comes in.
        target: What goes out.
        radial: Whether the second filter is radially symmetric, so that what it keeps does not depend on how a map is rotated.
    """

    up: Tensor
    down: Tensor

    def __init__(self, source: Band, target: Band, *, radial: bool) -> None:
        super().__init__()
        rate = OVERSAMPLING * max(source.rate, target.rate)
        self.radial, self.factor = radial, rate // target.rate
        taps = SIZE * self.factor
        reach = target.margin * self.factor + (taps - self.factor) // 2  # of the second filter, from the canvas outwards
        around = min(reach, source.margin * (rate // source.rate))  # beyond the source there is next to nothing
        self.padding, side = reach - around, rate + 2 * around
        up = upsampling(source, rate, side, around)
        down = jinc_filter(taps, target.cutoff, target.half_width, rate) if radial else downsampling(target, rate, side, around)
        self.register_buffer("up", up.float(), persistent=False)
        self.register_buffer("down", down.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, source.side, source.side) to (n, c, target.side, target.side)."""
        x = functional.leaky_relu(self.up @ (x @ self.up.t()), SLOPE, inplace=True)
        if not self.radial:
            return RELU_GAIN * (self.down @ (x @ self.down.t()))
        kernel = self.down.expand(x.shape[1], 1, -1, -1)
        return RELU_GAIN * functional.conv2d(x, kernel, stride=self.factor, padding=self.padding, groups=x.shape[1])


def upsampling(source: Band, rate: int, side: int, around: int) -> Tensor:
    """The matrix (side, source.side) that brings an axis from the source's rate to a higher one.

    Args:
        source: What comes in.
        rate: The higher rate.
        side: Pixels of the output.
        around: Pixels of the output ahead of the canvas.
    """
    factor = rate // source.rate
    taps = factor * sinc_filter(SIZE * factor, source.cutoff, source.half_width, rate)  # makes up for the zeros in between
    return banded(taps, side, source.side, factor, around - factor * source.margin)


def downsampling(target: Band, rate: int, side: int, around: int) -> Tensor:
    """The matrix (target.side, side) that brings an axis from a higher rate to the target's; see :func:`upsampling`."""
    factor = rate // target.rate
    taps = sinc_filter(SIZE * factor, target.cutoff, target.half_width, rate)
    return banded(taps, side, target.side, factor, around - factor * target.margin).t().contiguous()


def gaussian_blurred(images: Tensor, sigma: float) -> Tensor:
    """Square images (n, c, h, h) behind a Gaussian filter; its weights on pixels inside the image sum to 1.

    Args:
        images: They are returned as they are where sigma is 0.
        sigma: In pixels.
    """
    if sigma == 0:
        return images
    places = torch.arange(images.shape[2], device=images.device, dtype=images.dtype)
    weights = torch.softmax(-((places[:, None] - places) / sigma).square() / 2, 1)
    return weights @ (images @ weights.t())


def _positions(taps: int, rate: float) -> Tensor:
    return (torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2) / rate


def _window(taps: int, half_width: float, rate: float) -> Tensor:
    beta = kaiser_beta(attenuation(taps, half_width, rate))
    return torch.kaiser_window(taps, periodic=False, beta=beta, dtype=torch.float64)

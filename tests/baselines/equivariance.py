"""How well does an image move with the Fourier features that it is made from? (Karras et al. 2021, appendix E, in dB)"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.blocks.bandlimits import Band
from baselines.blocks.lowpass import upsampling
from baselines.blocks.stylegan3_networks import Synthesis

LANCZOS = 3
"""Pixels that the filter of fractional translations reaches (appendix E.2: a)."""
BLUR = 1.0
"""Standard deviation in pixels of the Gaussian ahead of rotations."""


class Moved(nn.Module):
    """A rotation and a translation behind those that a style asks for.

    Args:
        affine: Styles to cosine, sine and translation.
        angle: From x, to the right, towards y, down.
        shift: In canvases, x first.
    """

    def __init__(self, affine: nn.Module, angle: float, shift: tuple[float, float]) -> None:
        super().__init__()
        self.affine = affine
        cosine, sine = math.cos(angle), math.sin(angle)
        self.turn = torch.tensor([[cosine, -sine], [sine, cosine]])
        self.shift = torch.tensor(shift)

    def forward(self, style: Tensor) -> Tensor:
        values: Tensor = self.affine(style)
        scale = values[:, :2].square().sum(1, keepdim=True).sqrt()
        return torch.cat([values[:, :2] @ self.turn.t(), values[:, 2:] @ self.turn.t() + scale * self.shift], 1)


def moved(synthesis: Synthesis, styles: Tensor, angle: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Images of moved Fourier features, not clamped."""
    affine, mode = synthesis.input.affine, synthesis.training
    try:
        synthesis.train().input.affine = Moved(affine, angle, shift)  # type: ignore[assignment]
        with torch.no_grad():
            return synthesis(styles)
    finally:
        synthesis.train(mode).input.affine = affine


def psnr(found: Tensor, expected: Tensor) -> float:
    """Peak signal-to-noise ratio; images reach from -1 to 1 (equation 18)."""
    return -10 * torch.log10((found - expected).square().mean() / 4).item()


def valid(side: int, offset: int, border: int = 0) -> tuple[slice, slice]:
    """Along one axis: places in the moved image that the image has too, and the same places in the image (equation 24)."""
    start, stop = max(offset, 0) + border, side + min(offset, 0) - border
    return slice(start, stop), slice(start - offset, stop - offset)


def translation(synthesis: Synthesis, styles: Tensor, side: int, offset: tuple[int, int]) -> float:
    """EQ-T for one offset in whole pixels, x first (appendix E.1)."""
    (xs, xr), (ys, yr) = (valid(side, one) for one in offset)
    there = moved(synthesis, styles, shift=(offset[0] / side, offset[1] / side))
    return psnr(there[..., ys, xs], moved(synthesis, styles)[..., yr, xr])


def fractional_translation(synthesis: Synthesis, styles: Tensor, side: int, offset: tuple[float, float]) -> float:
    """EQ-T_frac for one offset in pixels, x first: the image is moved by a Lanczos filter (appendix E.2)."""
    images = moved(synthesis, styles)
    for axis, one in ((3, offset[0]), (2, offset[1])):
        distance = torch.arange(side)[:, None] - torch.arange(side) - one
        weights = torch.sinc(distance) * torch.sinc(distance / LANCZOS) * (distance.abs() < LANCZOS)
        weights = weights / weights.sum(1, keepdim=True)
        images = (weights @ images.transpose(2, axis)).transpose(2, axis)
    reach = [math.ceil(abs(one)) + LANCZOS for one in offset]
    inner = (..., slice(reach[1], -reach[1]), slice(reach[0], -reach[0]))
    return psnr(moved(synthesis, styles, shift=(offset[0] / side, offset[1] / side))[inner], images[inner])


def rotation(synthesis: Synthesis, styles: Tensor, side: int, angle: float) -> float:
    """EQ-R for one angle, on images behind a Gaussian.

    The paper takes off with its rotation filters what either image cannot hold (appendix E.3). A Gaussian takes off the same and more, and
    does not mind rotations either. What it takes off counts as no error: these values are higher than the paper's EQ-R.
    """
    band = Band(rate=side, cutoff=side / 2, half_width=side / 4, margin=0)
    factor, kernel = 8, _gaussian()

    def smooth(images: Tensor) -> Tensor:
        pad = len(kernel) // 2
        weight = (kernel[:, None] * kernel).expand(images.shape[1], 1, -1, -1)
        return functional.conv2d(images, weight, padding=pad, groups=images.shape[1])

    up = upsampling(band, factor * side, factor * side, 0).float()
    fine = up @ smooth(moved(synthesis, styles)) @ up.t()
    cosine, sine = math.cos(angle), math.sin(angle)
    back = torch.tensor([[cosine, sine, 0.0], [-sine, cosine, 0.0]]).expand(len(styles), 2, 3)
    places = functional.affine_grid(back, [len(styles), 1, side, side], align_corners=False)
    expected = functional.grid_sample(fine, places, align_corners=False)
    centre = torch.arange(side) + 0.5 - side / 2
    inside = torch.hypot(centre[:, None], centre) < side / 2 - 4 * BLUR - LANCZOS
    return psnr(smooth(moved(synthesis, styles, angle))[..., inside], expected[..., inside])


def _gaussian() -> Tensor:
    places = torch.arange(-4, 5) / BLUR
    weights = torch.exp(-places.square() / 2)
    return weights / weights.sum()

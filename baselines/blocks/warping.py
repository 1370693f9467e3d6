"""How do pixels move anywhere without a loss of fine detail? (Karras et al. 2020, "Training GANs with limited data", appendix B)

The image, mirrored beyond its border, is enlarged to twice its resolution through a wavelet's low-pass filter, looked up there with
bilinear weights, and reduced through the same filter. The filter is orthogonal to its own even shifts: enlarging and reducing alone give
the image back. Changes that put pixels on pixels copy them.

All is linear in the images: products with constant matrices and gathering, differentiable as often as one likes, and deterministic on
every device where torch's deterministic algorithms are on, as they are in a run.
"""

from functools import lru_cache

import torch
from torch import Tensor

SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
"""Low-pass filter of Daubechies' least asymmetric wavelet with 6 vanishing moments ("Ten lectures on wavelets", table 6.3; PyWavelets'
``sym6``). Its sum is sqrt(2)."""
START = 5
"""Taps that lie ahead of a pixel's own place: so many of the fine pixels that a pixel is reduced from are to its left."""
PHASE = sum(place * tap for place, tap in enumerate(SYM6)) / sum(SYM6) - START
"""Pixel i lies at 2 i + PHASE on the fine grid: by the filter's centre of mass, which moves even a ramp to where it belongs exactly."""


def resampled(images: Tensor, sources: Tensor) -> Tensor:
    """Every pixel from where its matrix says that it comes from, the image mirrored at its outermost pixels.

    Args:
        images: (n, channels, side, side).
        sources: (n, 3, 3), of the images' type, from a pixel's homogeneous place, seen from the image's centre, to where it comes from.
            Where one puts pixels on pixels, as the identity, a flip or a whole shift does, they are copied.
    """
    side = images.shape[2]
    axis = torch.arange(side, device=images.device, dtype=images.dtype) - (side - 1) / 2
    places = moved(sources, axis) + (side - 1) / 2
    on_pixels = (places == places.round()).flatten(1).all(1)[:, None, None, None]
    return torch.where(on_pixels, copied(images, places), filtered(images, sources))


def moved(sources: Tensor, axis: Tensor) -> Tensor:
    """Where the points of a square grid come from: across and down, (n, 2, k, k).

    Args:
        sources: (n, 3, 3).
        axis: The grid's coordinates along both axes, seen from the centre, (k,).
    """
    across, down, constant = sources[:, :2, :, None, None].unbind(2)
    return across * axis + down * axis[:, None] + constant  # no matrix product, which a device may round coarsely


def copied(images: Tensor, places: Tensor) -> Tensor:
    """The pixels nearest to places (n, 2, side, side), counted from the first pixel."""
    column, row = mirrored(places.round().long(), images.shape[2]).flatten(2).unbind(1)
    return looked_up(images, row * images.shape[2] + column).view_as(images)


def filtered(images: Tensor, sources: Tensor) -> Tensor:
    """See :func:`resampled`: enlarged, looked up and reduced, whatever the matrix is."""
    n, channels, side, _ = images.shape
    enlarging, reducing = enlarging_matrix(side, images.dtype, images.device), reducing_matrix(side, images.dtype, images.device)
    fine = enlarging @ (images @ enlarging.t())
    period, points = len(enlarging) - 1, reducing.shape[1]
    axis = (torch.arange(points, device=images.device, dtype=images.dtype) - START - PHASE - (side - 1)) / 2
    places = (2 * moved(sources, axis) + (side - 1) + PHASE).flatten(2)
    places = places - period * (places / period).floor()
    lower = places.floor().clamp(0, period - 1)  # rounding may have put a place on the period's end
    across, down = (places - lower)[:, :, None].unbind(1)
    column, row = lower.long().unbind(1)
    first = row * (period + 1) + column
    corners = torch.cat([first, first + 1, first + period + 1, first + period + 2], 1)
    left, right, left_below, right_below = looked_up(fine, corners).view(n, channels, 4, -1).unbind(2)
    found = torch.lerp(torch.lerp(left, right, across), torch.lerp(left_below, right_below, across), down)
    return reducing @ (found.view(n, channels, points, points) @ reducing.t())


def looked_up(images: Tensor, index: Tensor) -> Tensor:
    """Pixels (n, channels, k) by their numbers (n, k), row by row."""
    return images.flatten(2).gather(2, index[:, None].expand(-1, images.shape[1], -1))


def mirrored(place: Tensor, side: int) -> Tensor:
    """The pixel at a whole place in an image that is mirrored at its outermost pixels over and over."""
    return (side - 1) - (place % (2 * side - 2) - (side - 1)).abs()


@lru_cache(maxsize=64)
def enlarging_matrix(side: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """From an axis of the image to one of twice its resolution, (4 side - 3, side), the image mirrored.

    The mirrored image is periodic, and so is what the filter makes of it: a period and its first pixel again are all that there is to see.
    """
    row, tap = torch.meshgrid(torch.arange(4 * side - 3), torch.arange(len(SYM6)), indexing="ij")
    twice = (row + START - tap).flatten()  # between two pixels there are zeros
    weights = torch.tensor(SYM6, dtype=torch.float64).expand(row.shape).flatten() * 2**0.5
    matrix = torch.zeros(4 * side - 3, side, dtype=torch.float64)
    matrix.index_put_((row.flatten(), mirrored(twice // 2, side)), torch.where(twice % 2 == 0, weights, 0.0), accumulate=True)
    return _lasting(matrix, dtype, device)


@lru_cache(maxsize=64)
def reducing_matrix(side: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """From an axis of twice the image's resolution, which begins ``START`` ahead of the image and ends behind it, to the image's."""
    index = torch.arange(2 * side + len(SYM6) - 2) - 2 * torch.arange(side)[:, None]
    inside = (index >= 0) & (index < len(SYM6))
    taps = torch.tensor(SYM6, dtype=torch.float64) / 2**0.5
    return _lasting(torch.where(inside, taps[index.clamp(0, len(SYM6) - 1)], 0.0), dtype, device)


def _lasting(matrix: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # what an evaluation needed first must also serve training
        return matrix.clone().to(device, dtype)

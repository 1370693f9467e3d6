"""How does adaptive augmentation change images, and how strongly? (Karras et al. 2020, "Training GANs with limited data", appendix B)

Pixel blitting, geometric and colour transformations, the paper's choice ("bgc"), and beside them cutout. Each of the former has a function
that draws a matrix for every image: its own kind of change with probability p, else exactly the identity. The products of the matrices
are then applied once, to places by :func:`baselines.blocks.warping.resampled`. An image whose product is the identity is returned bit for
bit, so that p = 0 changes nothing. All is linear in the images, and differentiable as often as one likes.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn

from baselines.blocks.warping import resampled
from ganbench.spans import span

GREY = (1.0, 1.0, 1.0, 0.0)
"""Of homogeneous colours."""
CROSS = ((0.0, -1.0, 1.0, 0.0), (1.0, 0.0, -1.0, 0.0), (-1.0, 1.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0))
"""The cross product with that axis."""
Draw = Callable[[int, int, Tensor], Tensor]
"""(number of images, side in pixels, probability p) to matrices: (n, 3, 3) from a pixel's homogeneous place, seen from the image's
centre, to where it comes from; or (n, 4, 4) from a homogeneous colour to another."""


def chosen(values: Tensor, neutral: float, p: Tensor) -> Tensor:
    """Values (n,), each replaced by ``neutral`` with probability 1 - p."""
    return torch.where(torch.rand(len(values), device=p.device) < p, values, neutral)


def normal(n: int, p: Tensor) -> Tensor:
    """Standard normal numbers (n,), 0 with probability 1 - p."""
    return chosen(torch.randn(n, device=p.device), 0.0, p)


def angles(n: int, p: Tensor) -> Tensor:
    """Uniform angles in [-pi, pi) (n,), 0 with probability 1 - p."""
    return chosen((2 * torch.rand(n, device=p.device) - 1) * math.pi, 0.0, p)


def matrices(rows: list[list[Tensor | float]]) -> Tensor:
    """Numbers and tensors (n,), in rows, as matrices (n, rows, columns)."""
    like = next(item for row in rows for item in row if isinstance(item, Tensor))
    return torch.stack(
        [torch.stack([item if isinstance(item, Tensor) else torch.full_like(like, item) for item in row], 1) for row in rows], 1
    )


def rotation(angle: Tensor) -> Tensor:
    """Rotations of the plane by angles (n,): (n, 3, 3)."""
    cos, sin = angle.cos(), angle.sin()
    return matrices([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def flip(n: int, side: int, p: Tensor) -> Tensor:
    """With probability p a coin decides whether to mirror left and right."""
    sign = 1 - 2 * torch.randint(0, 2, (n,), device=p.device).float()
    return matrices([[chosen(sign, 1.0, p), 0, 0], [0, 1, 0], [0, 0, 1]])


def quarter_turn(n: int, side: int, p: Tensor) -> Tensor:
    """A turn by 0, 90, 180 or 270 degrees, exact."""
    turns = chosen(torch.randint(0, 4, (n,), device=p.device).float(), 0.0, p)
    return rotation(turns * (math.pi / 2)).round()


def whole_shift(n: int, side: int, p: Tensor) -> Tensor:
    """A shift by up to an eighth of the side along both axes, rounded to whole pixels."""
    shift = ((2 * torch.rand(2, n, device=p.device) - 1) * 0.125 * side).round()
    shift = torch.where(torch.rand(n, device=p.device) < p, shift, 0.0)
    return matrices([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])


def isotropic_scale(n: int, side: int, p: Tensor) -> Tensor:
    """A scale whose binary logarithm is N(0, 0.2^2)."""
    scale = torch.exp2(0.2 * normal(n, p))
    return matrices([[scale, 0, 0], [0, scale, 0], [0, 0, 1]])


def turn(n: int, side: int, p: Tensor) -> Tensor:
    """A turn by any angle. It comes twice, around the anisotropic scale, so that one of both happens with probability p."""
    return rotation(angles(n, 1 - (1 - p).clamp(min=0).sqrt()))


def anisotropic_scale(n: int, side: int, p: Tensor) -> Tensor:
    """One axis by a scale whose binary logarithm is N(0, 0.2^2), the other by its inverse."""
    power = 0.2 * normal(n, p)
    return matrices([[torch.exp2(power), 0, 0], [0, torch.exp2(-power), 0], [0, 0, 1]])


def shift(n: int, side: int, p: Tensor) -> Tensor:
    """A shift along both axes, each N(0, (side / 8)^2)."""
    drawn = torch.where(torch.rand(n, device=p.device) < p, torch.randn(2, n, device=p.device) * (0.125 * side), 0.0)
    return matrices([[1, 0, drawn[0]], [0, 1, drawn[1]], [0, 0, 1]])


def brightness(n: int, side: int, p: Tensor) -> Tensor:
    """An addition of N(0, 0.2^2) to all channels."""
    b = 0.2 * normal(n, p)
    return matrices([[1, 0, 0, b], [0, 1, 0, b], [0, 0, 1, b], [0, 0, 0, 1]])


def contrast(n: int, side: int, p: Tensor) -> Tensor:
    """A factor whose binary logarithm is N(0, 0.5^2), around mid grey."""
    c = torch.exp2(0.5 * normal(n, p))
    return matrices([[c, 0, 0, 0], [0, c, 0, 0], [0, 0, c, 0], [0, 0, 0, 1]])


def luma_flip(n: int, side: int, p: Tensor) -> Tensor:
    """With probability p a coin decides whether to mirror colours at the plane of no luma; grey is inverted."""
    flipped = chosen(torch.randint(0, 2, (n,), device=p.device).float(), 0.0, p)[:, None, None]
    return _identity(4, p) - 2 * flipped * _luma(p)


def hue(n: int, side: int, p: Tensor) -> Tensor:
    """A turn of colours around the grey axis by any angle (Rodrigues' formula)."""
    angle = angles(n, p)[:, None, None]
    return _identity(4, p) + (angle.cos() - 1) * _chroma(p) + angle.sin() * _constant(CROSS, p.device) / 3**0.5


def saturation(n: int, side: int, p: Tensor) -> Tensor:
    """A factor on the distance from the grey axis whose binary logarithm is N(0, 1)."""
    return _identity(4, p) + (torch.exp2(normal(n, p))[:, None, None] - 1) * _chroma(p)


BLITTING: tuple[Draw, ...] = (flip, quarter_turn, whole_shift)
GEOMETRY: tuple[Draw, ...] = (isotropic_scale, turn, anisotropic_scale, turn, shift)
COLOUR: tuple[Draw, ...] = (brightness, contrast, luma_flip, hue, saturation)


def product(draws: tuple[Draw, ...], n: int, side: int, p: Tensor) -> Tensor:
    """Matrices of several changes, one after the other, drawn for every image."""
    result = draws[0](n, side, p)
    for draw in draws[1:]:
        result = result @ draw(n, side, p)
    return result


def augmented(images: Tensor, p: Tensor) -> Tensor:
    """Images after all transformations of the paper's choice, each of which comes with probability p.

    Args:
        images: (n, 1 or 3, side, side).
        p: (), on the images' device.
    """
    return coloured(moved(images, p), p)


def moved(images: Tensor, p: Tensor) -> Tensor:
    """Images after pixel blitting and geometric transformations; the arguments are those of :func:`augmented`."""
    return resampled(images, product(BLITTING + GEOMETRY, len(images), images.shape[2], p).to(images.dtype))


def coloured(images: Tensor, p: Tensor) -> Tensor:
    """Images after colour transformations; the arguments are those of :func:`augmented`."""
    # a change of colours stands to the left of those before it, a change of places, which is looked up backwards, to the right
    return recoloured(images, product(COLOUR[::-1], len(images), images.shape[2], p).to(images.dtype))


def cut_out(images: Tensor, p: Tensor) -> Tensor:
    """With probability p a square of half the side is set to zero, mid grey; its centre lies anywhere in the image."""
    n, side = len(images), images.shape[2]
    centre = torch.where(torch.rand(n, device=p.device) < p, torch.rand(2, n, device=p.device), -1.0)  # -1: too far away to meet a pixel
    inside = ((torch.arange(side, device=p.device) + 0.5) / side - centre[..., None]).abs() < 0.25
    return torch.where((inside[0][:, None, :] & inside[1][:, :, None])[:, None], 0.0, images)


def recoloured(images: Tensor, colours: Tensor) -> Tensor:
    """Colours through a matrix. One channel is taken as grey: hue and saturation leave it, the luma flip inverts it.

    Args:
        images: (n, 1 or 3, h, w).
        colours: (n, 4, 4), of the images' type; where one is the identity, the image stays as it is.
    """
    linear, constant = colours[:, :3, :3], colours[:, :3, 3:]
    if images.shape[1] == 1:
        linear, constant = linear.sum((1, 2)).view(-1, 1, 1) / 3, constant.mean(1, keepdim=True)
    changed = (linear @ images.flatten(2) + constant).view_as(images)
    return torch.where(_changes(colours), changed, images)


class AdaptiveProbability(nn.Module):
    """The probability p, moved so that a share of the real images' logits stays positive (section 3: r_t near its target).

    Everything stays on the device; what decides when to move is the caller's counter.

    Args:
        target: Of r_t, the mean sign of the discriminator's logits of real training images.
        adjust_images: Images in which p can go from 0 to 1.
    """

    p: Tensor
    signs: Tensor

    def __init__(self, target: float, adjust_images: int) -> None:
        super().__init__()
        self.target, self.adjust_images = target, adjust_images
        self.register_buffer("p", torch.zeros(()))
        self.register_buffer("signs", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        """Images after the transformations, real and generated alike."""
        with span("augmentation"):
            return augmented(images, self.p)

    def observe(self, mean_sign: Tensor) -> None:
        """Adds a minibatch's mean sign ()."""
        self.signs += mean_sign.detach()

    def adjust(self, minibatches: int, images: int) -> None:
        """Moves p up where r_t was above its target, else down, not below 0.

        Args:
            minibatches: Observed since the last call.
            images: In these minibatches together.
        """
        direction = (self.signs / minibatches - self.target).sign()
        self.p.add_(direction * (images / self.adjust_images)).clamp_(min=0)
        self.signs.zero_()


def _changes(matrix: Tensor) -> Tensor:
    """Which matrices are not the identity, (n, 1, 1, 1)."""
    return (matrix != torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)).any(2).any(1)[:, None, None, None]


def _identity(size: int, like: Tensor) -> Tensor:
    return torch.eye(size, device=like.device)


def _luma(like: Tensor) -> Tensor:
    """Projection on the grey axis, (4, 4)."""
    grey = _constant(GREY, like.device) / 3**0.5
    return grey[:, None] * grey


def _chroma(like: Tensor) -> Tensor:
    """Projection of colours on the plane across the grey axis, (4, 4)."""
    return torch.diag(_constant(GREY, like.device)) - _luma(like)


@lru_cache
def _constant(values: tuple[float, ...] | tuple[tuple[float, ...], ...], device: torch.device) -> Tensor:
    """Numbers that were copied to the device once: a copy in every step would wait for it."""
    with torch.inference_mode(False):  # what an evaluation needed first must also serve training
        return torch.tensor(values, device=device)

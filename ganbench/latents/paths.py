"""How do images change on the way from one latent to another?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.metrics.path_length import slerp


def path(start: Tensor, end: Tensor, steps: int, *, straight: bool) -> Tensor:
    """Points from one latent to another, both included.

    Args:
        start: (n, d).
        end: (n, d).
        steps: Points on each way, at least 2.
        straight: Along the line, as in a style space; otherwise along the great circle, since a normal latent of d dimensions lies near
            the sphere of radius sqrt(d) and the middle of a chord does not (White 2016, "Sampling generative networks").

    Returns:
        (n, steps, d).
    """
    shares = torch.linspace(0, 1, steps, dtype=start.dtype, device=start.device)
    points = [torch.lerp(start, end, share) if straight else slerp(start, end, share.expand(len(start), 1)) for share in shares]
    return torch.stack(points, 1)


@dataclass(frozen=True, kw_only=True)
class Smoothness:
    """How evenly images change along paths."""

    jump: float
    """Median over paths of the largest step over the mean step: 1 is even, the number of steps is one jump."""
    length: float
    """Mean over paths of their length over the distance of their ends: 1 is straight."""


def smoothness(images: Tensor) -> Smoothness | None:
    """Pixel distances between neighbours on paths.

    Args:
        images: (paths, steps, channels, height, width), or (paths, steps, d) of points; in any unit.

    Returns:
        None where nothing moves.
    """
    flat = images.double().flatten(2)
    steps = (flat[:, 1:] - flat[:, :-1]).norm(dim=2)
    chord = (flat[:, -1] - flat[:, 0]).norm(dim=1)
    moving = (chord > 0) & (steps.sum(1) > 0)
    if not bool(moving.any()):
        return None
    steps, chord = steps[moving], chord[moving]
    return Smoothness(jump=float((steps.amax(1) / steps.mean(1)).median()), length=float((steps.sum(1) / chord).mean()))

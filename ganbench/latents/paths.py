"""How smoothly do images change along a path between two latents?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.metrics.path_length import slerp


def path(start: Tensor, end: Tensor, steps: int, *, straight: bool) -> Tensor:
    """Points on paths between latents, both ends included.

    Args:
        start: (n, d).
        end: (n, d).
        steps: Number of points on each path, at least 2.
        straight: True for straight lines, as in a style space; False for great circles, since a normal latent of d dimensions lies near
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
    """Median over paths of the largest step over the mean step: 1 for equal steps, the number of steps for a single jump."""
    length: float
    """Mean over paths of the length over the distance between the ends: 1 for a straight path in pixel space."""


def smoothness(images: Tensor) -> Smoothness | None:
    """Measures smoothness by pixel distances between consecutive images on paths.

    Args:
        images: (paths, steps, channels, height, width), or (paths, steps, d) for points; in any unit.

    Returns:
        The smoothness over the paths on which images change; None if there are none.
    """
    flat = images.double().flatten(2)
    steps = (flat[:, 1:] - flat[:, :-1]).norm(dim=2)
    chord = (flat[:, -1] - flat[:, 0]).norm(dim=1)
    moving = (chord > 0) & (steps.sum(1) > 0)
    if not bool(moving.any()):
        return None
    steps, chord = steps[moving], chord[moving]
    return Smoothness(jump=float((steps.amax(1) / steps.mean(1)).median()), length=float((steps.sum(1) / chord).mean()))

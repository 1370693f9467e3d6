"""How smoothly do images change along a path between two latents?

Perceptual path length (Karras, Laine and Aila 2019, section 4.1): the perceptual distance of two images a small step
apart, divided by the squared step. Images are not rounded to 8 bits, which would exceed the effect of so small a step.

The authors' code follows great circles of the unit sphere, because StyleGAN normalises its latents first. Generators that do
not, such as a DCGAN, have never seen latents that short: their latents lie near the sphere of radius sqrt(d). Here directions
follow great circles and lengths are interpolated, which gives the authors' path where the generator normalises, and stays
among the latents of training where it does not.
"""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.intervals import normal_estimate
from ganbench.metrics.pairs_of_images import Distance, perceptual
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import LatentModel

STEP = 1e-4
"""Length of the step, as a fraction of the path between two latents."""
LOWER, UPPER = 1, 99
"""Percentiles outside of which path lengths are discarded."""
RESOLUTION = 256
"""Height, in pixels, to which larger images are reduced by average pooling before they are compared."""
_BOUNDS = (0.0, torch.inf)
_CHUNK = 16
"""Number of pairs of images generated at a time."""


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Spherical interpolation: directions follow great circles, and norms are interpolated linearly.

    Args:
        start: (n, d), none at the origin.
        end: (n, d).
        share: Position on the path, from 0 to 1 (n, 1).
    """
    lengths = [side.norm(dim=1, keepdim=True) for side in (start, end)]
    here, there = start / lengths[0], end / lengths[1]
    cosine: Tensor = (here * there).sum(1, keepdim=True)
    across = there - cosine * here
    side = across / across.norm(dim=1, keepdim=True).clamp(min=torch.finfo(start.dtype).tiny)
    angle = share * torch.atan2(across.norm(dim=1, keepdim=True), cosine)
    direction = angle.cos() * here + angle.sin() * side
    points: Tensor = torch.lerp(lengths[0], lengths[1], share) * direction
    return points


def _steps(model: LatentModel, pairs: int, styles: bool, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields latents (or intermediate latents) at random positions of random paths, and those one step further."""
    for start in range(0, pairs, _CHUNK):
        n = min(_CHUNK, pairs - start)
        ends = [model.latents(n, generator) for _ in range(2)]
        if styles:
            mapped = [model.styles(end) for end in ends]
            if mapped[0] is None or mapped[1] is None:
                raise RequestError("ppl_w needs a generator with intermediate latents, and this one has none; take ppl_z")
            ends = [mapped[0], mapped[1]]
        place = torch.rand(n, 1, generator=generator, device=generator.device, dtype=torch.float64).to(ends[0].device)
        first, last = (end.double().flatten(1) for end in ends)
        between = torch.lerp if styles else slerp
        here, there = (between(first, last, place + step).to(ends[0].dtype).view_as(ends[0]) for step in (0.0, STEP))
        yield here, there


def _prepared(images: Tensor) -> Tensor:
    """RGB images, average-pooled if they are at least twice as high as the resolution."""
    factor = images.shape[2] // RESOLUTION
    smaller = F.avg_pool2d(images, factor) if factor > 1 else images
    return smaller.expand(-1, 3, -1, -1)


def trimmed_estimate(lengths: Tensor) -> Estimate:
    """Trimmed mean of the lengths (n,), with the variance of a trimmed mean (Tukey and McLaughlin 1963)."""
    values = lengths.double().cpu().numpy()
    low, high = np.percentile(values, LOWER, method="lower"), np.percentile(values, UPPER, method="higher")
    kept = values[(values >= low) & (values <= high)]
    share = (UPPER - LOWER) / 100
    variance = float(values.clip(low, high).var(ddof=1)) / (len(values) * share**2)
    return normal_estimate(float(kept.mean()), variance, _BOUNDS, "winsorised variance")


def path_length(comparison: Comparison, generator: torch.Generator, distance: Distance, styles: bool) -> Estimate:
    """Mean length of as many random steps as there are generated examples.

    Args:
        comparison: A comparison whose generated set has its generator.
        generator: Draws the paths and the positions on them.
        distance: Compares two batches of images in [-1, 1].
        styles: Whether paths are straight lines between intermediate latents instead of great circles between latents.

    Raises:
        RequestError: There is no generator, or it has no intermediate latents.
    """
    model = comparison.fake.generator
    if model is None:
        raise RequestError(
            f"{'ppl_w' if styles else 'ppl_z'} needs the generator itself, and only its examples are known; give a run or a program"
        )
    lengths = []
    for here, there in _steps(model, comparison.n_fake, styles, generator):
        # noise inputs and classes depend on the position in the batch, so both ends get the same ones
        first, second = (_prepared(model.images(end, styles).cpu()) for end in (here, there))
        lengths.append(distance(first, second).double() / STEP**2)
    return trimmed_estimate(torch.cat(lengths))


_PARAMETERS = (("step", STEP), ("lower", LOWER), ("upper", UPPER), ("resolution", RESOLUTION))

PPL_Z = Metric(
    name="ppl_z",
    version=2,
    higher_is_better=False,
    needs_real=(),
    needs_fake=("generator",),
    minimum_n=100,
    minimum_side=16,
    network=perceptual,
    bounds=_BOUNDS,
    parameters=(*_PARAMETERS, ("path", "great circles, lengths interpolated")),
    estimate=lambda comparison, generator: path_length(comparison, generator, perceptual(comparison.weights), styles=False),
)
"""Perceptual path length along great circles between latents, one step per example (Karras, Laine and Aila 2019)."""

PPL_W = Metric(
    name="ppl_w",
    version=2,
    higher_is_better=False,
    needs_real=(),
    needs_fake=("generator", "styles"),
    minimum_n=100,
    minimum_side=16,
    network=perceptual,
    bounds=_BOUNDS,
    parameters=(*_PARAMETERS, ("path", "lines")),
    estimate=lambda comparison, generator: path_length(comparison, generator, perceptual(comparison.weights), styles=True),
)
"""Perceptual path length along lines between intermediate latents, one step per example (Karras, Laine and Aila 2019)."""

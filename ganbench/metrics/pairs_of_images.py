"""How different are two generated images on average?

The random pairs are disjoint and therefore independent, so the variance of the mean is the ordinary one. ``perfect`` is
the same mean over real images, where those are available.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric, OwnNetwork
from ganbench.metrics.intervals import normal_estimate
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

Distance = Callable[[Tensor, Tensor], Tensor]
"""Maps two batches of images in [-1, 1] (n, 3, height, width) to one number per pair (n,)."""

PAIRS = 1000
"""Largest number of pairs."""
CHUNK = 20
"""Number of pairs compared at a time."""
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first (Wang, Simoncelli and Bovik 2003, section 3.2)."""
WINDOW, SIGMA = 11, 1.5
"""Side and standard deviation of the Gaussian window, in pixels. At a scale with smaller images the window has their side, and the same
shape, as in TensorFlow's code in numpy (msssim.py of 2016), so that images of 128 pixels can be
compared, as by Odena, Olah and Shlens (2017)."""
SMALLEST = 2 ** (len(SCALE_WEIGHTS) - 1)
"""Smallest height and width, in pixels, at which the coarsest scale has a pixel."""
_LUMINANCE, _CONTRAST = 0.01**2, 0.03**2
"""Stabilising constants of the luminance and contrast terms, for levels from 0 to 1."""


class Perceptual(OwnNetwork, Protocol):
    """A network that compares images."""

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """See :data:`Distance`."""


@cache
def perceptual(weights: Path | None) -> Perceptual:
    """LPIPS on VGG16, with weights from a folder, or from the default locations if None; loaded once."""
    # imported here because features import metrics, and only these metrics need the network
    from ganbench.features.lpips import Lpips

    return Lpips(weights)


def random_pairs(n: int, labels: Tensor | None, generator: torch.Generator) -> Tensor:
    """Indices (pairs, 2) of at most ``PAIRS`` disjoint random pairs of n examples, within a class if labels (n,) are given."""
    order = torch.randperm(n, generator=generator, device=generator.device).cpu()
    groups = [order] if labels is None else [order[labels.cpu()[order] == label] for label in torch.unique(labels.cpu())]
    pairs = torch.cat([group[: len(group) // 2 * 2].view(-1, 2) for group in groups])
    return pairs[torch.randperm(len(pairs), generator=generator, device=generator.device).cpu()[:PAIRS]]


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """Multi-scale structural similarity of pairs of images (Wang, Simoncelli and Bovik 2003, equation 7).

    At every scale the maps of all channels are averaged together, windows lie inside the image, and an odd last row or column is
    kept. torchmetrics averages the coarsest scale over mirrored borders too, and pytorch-msssim averages the channels' products
    instead: 100 pairs of CIFAR-10 images enlarged to 192 pixels score 0.0836 here, 0.0870 and 0.0837 there.

    Args:
        first: float64 (n, channels, height, width) with levels from 0 to 1, at least ``SMALLEST`` pixels per side.
        second: Likewise.

    Returns:
        (n,), 1 for equal images; a negative correlation at any scale counts as 0.
    """
    result = torch.ones(len(first), dtype=first.dtype, device=first.device)
    for scale, weight in enumerate(SCALE_WEIGHTS):
        luminance, structure = _similarity(first, second)
        coarsest = scale == len(SCALE_WEIGHTS) - 1
        mean = (luminance * structure if coarsest else structure).mean((1, 2, 3))
        result = result * mean.clamp(min=0) ** weight
        # an odd last row or column is averaged alone, equivalent to the authors' symmetric padding
        first, second = (F.avg_pool2d(images, 2, ceil_mode=True, count_include_pad=False) for images in (first, second))
    return result


def _similarity(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of the luminance term, and of the product of the contrast and structure terms."""
    mean1, mean2 = _windowed(first), _windowed(second)
    variances = _windowed(first**2 + second**2) - mean1**2 - mean2**2
    covariance = _windowed(first * second) - mean1 * mean2
    luminance = (2 * mean1 * mean2 + _LUMINANCE) / (mean1**2 + mean2**2 + _LUMINANCE)
    return luminance, (2 * covariance + _CONTRAST) / (variances + _CONTRAST)


def _windowed(images: Tensor) -> Tensor:
    """Means under the Gaussian window, without padding."""
    n, channels, height, width = images.shape
    side = min(WINDOW, height, width)
    offsets = torch.arange(side, dtype=images.dtype, device=images.device) - (side - 1) / 2
    window = torch.exp(-(offsets**2) / (2 * (SIGMA * side / WINDOW) ** 2))
    window = window / window.sum()
    rows = F.conv2d(images.reshape(n * channels, 1, height, width), window.view(1, 1, -1, 1))
    means = F.conv2d(rows, window.view(1, 1, 1, -1))
    return means.view(n, channels, *means.shape[2:])


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """Distances of random pairs."""

    values: Tensor
    """float64 (pairs,)."""
    labels: Tensor | None
    """Class of both images of a pair (pairs,); None if classes do not matter."""

    @property
    def mean(self) -> float:
        return self.values.mean().item()

    def by_class(self) -> tuple[tuple[str, float], ...]:
        """Mean of every class."""
        if self.labels is None:
            return ()
        return tuple((f"class {label}", self.values[self.labels == label].mean().item()) for label in torch.unique(self.labels).tolist())


def _measured(features: Features, side: str, same_class: bool, distance: Distance, metric: str, generator: torch.Generator) -> _Pairs:
    """Distances of random pairs."""
    images, labels = features.images, features.labels if same_class else None
    if images is None:
        raise RequestError(f"{metric} needs the {side} images themselves, and only their features are known; give the images")
    pairs = random_pairs(len(features.values), labels, generator)
    if len(pairs) < 2:
        raise RequestError(f"{metric} needs at least 2 pairs of {side} images, and there are {len(pairs)}; generate more of every class")
    found = torch.cat([distance(_levels(images(part[:, 0])), _levels(images(part[:, 1]))) for part in torch.split(pairs, CHUNK)]).double()
    return _Pairs(values=found.cpu(), labels=None if labels is None else labels.cpu()[pairs[:, 0]])


def _levels(images: Tensor) -> Tensor:
    """uint8 images as float32 RGB in [-1, 1]."""
    return (images.float() / 127.5 - 1).expand(-1, 3, -1, -1)


def diversity(
    comparison: Comparison, generator: torch.Generator, distance: Distance, metric: str, bounds: tuple[float, float], same_class: bool
) -> Estimate:
    """Mean over random pairs of generated images; ``perfect`` is that over real ones.

    Args:
        comparison: A comparison whose generated set has images.
        generator: Draws the pairs.
        distance: Compares two batches of images in [-1, 1].
        metric: The metric's name, for error messages and the shared result.
        bounds: Smallest and largest possible value.
        same_class: Whether both images of a pair have the same class, if there are labels.

    Raises:
        RequestError: There are no images, or too few.
    """
    found = _measured(comparison.fake, "generated", same_class, distance, metric, generator)
    variance = found.values.var().item() / len(found.values)
    estimate = replace(normal_estimate(found.mean, variance, bounds, "disjoint pairs"), details=found.by_class())
    reference = comparison.reference
    if not reference.has_features or reference.features.images is None:
        return estimate
    perfect = reference.shared(metric, lambda: _measured(reference.features, "real", same_class, distance, metric, generator).mean)
    return replace(estimate, perfect=perfect)


def _structural(first: Tensor, second: Tensor) -> Tensor:
    """MS-SSIM of images in [-1, 1]; raises if they are too small."""
    height, width = first.shape[2:]
    if min(height, width) < SMALLEST:  # planning checks this too, but a comparison can be made without a plan
        raise RequestError(f"ms_ssim needs images of at least {SMALLEST} pixels a side, these are {height}x{width}; take lpips or vendi")
    return ms_ssim((first.double() + 1) / 2, (second.double() + 1) / 2)


MS_SSIM = Metric(
    name="ms_ssim",
    version=1,
    higher_is_better=False,
    needs_real=(),
    needs_fake=("images",),
    minimum_n=20,
    minimum_side=16,
    bounds=(0.0, 1.0),
    parameters=(("pairs", PAIRS), ("scales", len(SCALE_WEIGHTS)), ("window", WINDOW), ("sigma", SIGMA)),
    estimate=lambda comparison, generator: diversity(comparison, generator, _structural, "ms_ssim", (0.0, 1.0), same_class=True),
)
"""Mean structural similarity of generated pairs, within a class if labelled: low is diverse (Odena, Olah and Shlens 2017)."""

LPIPS = Metric(
    name="lpips",
    version=1,
    higher_is_better=True,
    needs_real=(),
    needs_fake=("images",),
    minimum_n=20,
    minimum_side=16,
    network=perceptual,
    bounds=(0.0, torch.inf),
    parameters=(("pairs", PAIRS),),
    estimate=lambda comparison, generator: diversity(
        comparison, generator, perceptual(comparison.weights), "lpips", (0.0, torch.inf), same_class=False
    ),
)
"""Mean perceptual distance of generated pairs, of any class: high is diverse (Zhang et al. 2018)."""

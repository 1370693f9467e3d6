"""What is known of one set of examples?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ganbench.sets.moments import Moments, moments


class LatentModel(Protocol):
    """A generator that can be asked for images at chosen latents."""

    has_styles: bool
    """Whether it has intermediate latents (StyleGAN's w), in which lines are straight."""

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Latents of the model's own law (n, latent_dim)."""

    def styles(self, latents: Tensor) -> Tensor | None:
        """The intermediate latents of a model that has them; None of any other."""

    def images(self, latents: Tensor, styles: bool) -> Tensor:
        """Float images in [-1, 1] (n, channels, height, width) at latents, or at intermediate ones. Noise inputs are the same for all."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """What is known of one set of examples, most of it by one extractor."""

    values: Tensor
    """float32 or float64 (n, d), as the extractor gave them; metrics compute in float64."""
    log_probabilities: Tensor | None = None
    """float64 (n, classes), log-softmax; None where the extractor is no classifier."""
    spatial: Tensor | None = None
    """float32 or float64 (n, positions * channels) of an inner layer, for sFID; None where the extractor gives none."""
    labels: Tensor | None = None
    """int64 (n,), class of every example; None without labels."""
    images: Callable[[Tensor], Tensor] | None = None
    """The uint8 images (k, channels, height, width) at indices (k,); None where only features are known."""
    generator: LatentModel | None = None
    """What generated the examples; None where only the examples are known."""

    def __len__(self) -> int:
        return len(self.values)

    def moments(self) -> Moments:
        """Mean and covariance of all examples."""
        return moments(self.values)


@dataclass(frozen=True, kw_only=True)
class Sketch(Features):
    """What is kept of many examples where metrics need no more than moments: ``values`` are only some evenly spaced ones."""

    of_all: Moments
    """Mean and covariance of all examples."""

    def __len__(self) -> int:
        return len(self.of_all)

    def moments(self) -> Moments:
        """Mean and covariance of all examples."""
        return self.of_all

"""What can metrics know about one set of examples?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ganbench.sets.moments import Moments, moments


class LatentModel(Protocol):
    """A generator that gives images for chosen latents."""

    has_styles: bool
    """Whether it has intermediate latents (StyleGAN's w), between which paths are straight lines."""

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Latents (n, latent_dim) from the model's prior."""

    def styles(self, latents: Tensor) -> Tensor | None:
        """Intermediate latents, or None if the model has none."""

    def images(self, latents: Tensor, styles: bool) -> Tensor:
        """Float images in [-1, 1] (n, channels, height, width) for latents or intermediate latents, with fixed noise inputs."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """Features of one set of examples by one extractor, and what else metrics may need of the set.

    >>> found = Features(values=torch.eye(3), labels=torch.tensor([0, 1, 1]))
    >>> len(found), found.moments().mean.shape
    (3, torch.Size([3]))
    """

    values: Tensor
    """float32 or float64 (n, d), as returned by the extractor; metrics compute in float64."""
    log_probabilities: Tensor | None = None
    """float64 (n, classes), log-softmax; None if the extractor is not a classifier."""
    spatial: Tensor | None = None
    """float32 or float64 (n, positions * channels) of an inner layer, for sFID; None if the extractor gives none."""
    labels: Tensor | None = None
    """int64 (n,), class of every example; None without labels."""
    class_names: tuple[str, ...] = ()
    """Name of every class, in the order of the labels; empty if classes have only numbers."""
    images: Callable[[Tensor], Tensor] | None = None
    """Returns the uint8 images (k, channels, height, width) at indices (k,); None if only features are known."""
    generator: LatentModel | None = None
    """The generator of the examples; None if only the examples are known."""

    def __len__(self) -> int:
        return len(self.values)

    def moments(self) -> Moments:
        """Mean and covariance of all examples."""
        return moments(self.values)

    def part(self, rows: Tensor) -> "Features":
        """The examples at some indices (k,), with all that is known of them."""
        chosen = {
            name: None if (found := getattr(self, name)) is None else found[rows.to(found.device)]
            for name in ("log_probabilities", "spatial", "labels")
        }
        images = self.images
        return Features(
            values=self.values[rows.to(self.values.device)],
            class_names=self.class_names,
            images=None if images is None else lambda which: images(rows[which]),
            generator=self.generator,
            **chosen,
        )

    def class_name(self, label: int) -> str:
        """The name of a class in messages."""
        return repr(self.class_names[label]) if label < len(self.class_names) else str(label)


@dataclass(frozen=True, kw_only=True)
class Sketch(Features):
    """Moments of many examples; ``values`` holds only a few evenly spaced examples, so memory does not grow with n."""

    of_all: Moments
    """Mean and covariance of all examples."""

    def __len__(self) -> int:
        return len(self.of_all)

    def moments(self) -> Moments:
        """Mean and covariance of all examples."""
        return self.of_all

"""How are examples drawn from a generator?

Example i depends only on the weights, the seed and i: latents come from CPU streams in chunks of a fixed
size, and the forward pass always runs on whole chunks.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ganbench import seeding
from ganbench.errors import Diverged, RequestError
from ganbench.precision import exact
from ganbench.sets.features import LatentModel
from ganbench.training.variant import Variant

CHUNK = 256
"""Number of latents in one forward pass; it affects rounding and is therefore part of the sampling protocol."""
SAMPLING_VERSION = 1
"""Raised whenever the same weights and seed would give different examples."""


@contextmanager
def observed(variant: Variant, generator: nn.Module | None = None) -> Iterator[Variant]:
    """The method in eval and inference mode, optionally with the EMA generator; restores both on exit.

    Args:
        variant: The method, possibly during training.
        generator: The EMA generator, or None for the raw weights.
    """
    modes = [(module, module.training) for module in variant.modules()]
    own = variant.generator
    variant.eval()
    if generator is not None:
        variant.generator = generator
    try:
        with torch.inference_mode(), exact():
            yield variant
    finally:
        variant.generator = own
        for module, training in modes:
            module.training = training


def sample(
    variant: Variant, n: int, seed: int, device: torch.device, *, generator: nn.Module | None = None, class_shares: Tensor | None = None
) -> Tensor:
    """Draws examples from a generator.

    Args:
        variant: The method.
        n: Number of examples.
        seed: Root seed; the streams are ``eval-latents``, ``eval-labels`` and ``eval-noise``.
        device: Device of the generator.
        generator: The EMA generator, or None for the raw weights.
        class_shares: Probability of every class (classes,) on the CPU, or None without labels.

    Returns:
        uint8 images (n, channels, height, width), rounded to the nearest level, or float32 points
        (n, dimensions); on the device.

    Raises:
        Diverged: The generator gave a non-finite value.
    """
    chunks = []
    with observed(variant, generator) as ready:
        for chunk in range(-(-n // CHUNK)):
            chunks.append(draw(ready, chunk, seed, device, class_shares))
    examples = torch.cat(chunks)[:n]
    if not bool(torch.isfinite(examples).all()):
        raise Diverged("the generator gave non-finite values")
    return to_uint8(examples) if variant.shape.is_image else examples


def to_uint8(images: Tensor) -> Tensor:
    """Converts images in [-1, 1] to levels 0 to 255, clamped and rounded to the nearest."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def draw(
    variant: Variant, chunk: int, seed: int, device: torch.device, class_shares: Tensor | None = None, truncation: float | None = None
) -> Tensor:
    """Draws one chunk as floats, (CHUNK, channels, height, width) or (CHUNK, dimensions).

    Raises:
        RequestError: A truncation is given, and the method defines none.
    """
    latents = torch.randn(CHUNK, variant.config.latent_dim, generator=seeding.stream(seed, "eval-latents", chunk))
    labels = None if class_shares is None else drawn_labels(chunk, seed, class_shares)
    with seeding.global_stream(seed, "eval-noise", chunk, device=device):
        given = None if labels is None else labels.to(device)
        if truncation is not None:
            return variant.generate_truncated(latents.to(device), truncation, given)
        return variant.generate(latents.to(device), given)


def drawn_labels(chunk: int, seed: int, class_shares: Tensor) -> Tensor:
    """The labels (CHUNK,) with which :func:`draw` generates a chunk, on the CPU."""
    return torch.multinomial(class_shares, CHUNK, replacement=True, generator=seeding.stream(seed, "eval-labels", chunk))


def asked_labels(variant: Variant, n: int, seed: int, device: torch.device, class_shares: Tensor | None) -> Tensor | None:
    """The labels (n,) with which n examples are generated, on the CPU; None if the generator ignores labels."""
    if class_shares is None or not heeds_labels(variant, device):
        return None
    return torch.cat([drawn_labels(chunk, seed, class_shares) for chunk in range(-(-n // CHUNK))])[:n]


def heeds_labels(variant: Variant, device: torch.device) -> bool:
    """Whether the generator's output depends on the label; unconditional methods ignore labels."""
    classes = variant.shape.classes
    if not classes:
        return False
    with observed(variant) as ready, seeding.global_stream(0, "eval-noise", device=device):
        latents = torch.ones(2, variant.config.latent_dim, device=device)
        labels = torch.zeros(2, dtype=torch.int64, device=device)
        labels[1] = classes - 1
        try:
            ready.generate(latents)
        except RequestError:
            return True  # the generator requires labels
        return not torch.equal(ready.generate(latents, labels), ready.generate(latents, labels.flip(0)))


class VariantLatents(LatentModel):
    """A variant's generator of images for chosen latents; if no labels are given, the class depends on the position in the batch.

    Args:
        variant: The method.
        device: Device of the generator.
        generator: The EMA generator, or None for the raw weights.
    """

    def __init__(self, variant: Variant, device: torch.device, generator: nn.Module | None = None) -> None:
        self.variant, self.device, self.generator = variant, device, generator
        self.has_styles = isinstance(getattr(variant.generator, "mapping", None), nn.Module)

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Standard normal latents (n, latent_dim)."""
        return torch.randn(n, self.variant.config.latent_dim, generator=generator)

    def styles(self, latents: Tensor) -> Tensor | None:
        """Intermediate latents, or None if the generator has no mapping network."""
        if not self.has_styles:
            return None
        labels = (self._labels(len(latents)),) if getattr(self.variant.config, "conditional", False) else ()
        with observed(self.variant, self.generator) as ready:
            styles: Tensor = ready.generator.mapping(latents.to(self.device), *labels)  # type: ignore[operator]
        return styles

    def images(self, latents: Tensor, styles: bool, labels: Tensor | None = None) -> Tensor:
        """Float images in [-1, 1] for latents and, if there are classes, labels (n,); noise inputs come from one fixed stream."""
        labels = self._labels(len(latents)) if labels is None else labels
        with observed(self.variant, self.generator) as ready, seeding.global_stream(0, "eval-noise", device=self.device):
            if styles:
                images: Tensor = ready.generator.synthesis(latents.to(self.device))  # type: ignore[operator]
            else:
                images = ready.generate(latents.to(self.device), labels)
        return images

    def _labels(self, n: int) -> Tensor | None:
        classes = self.variant.shape.classes
        return torch.arange(n, device=self.device) % classes if classes else None

"""How are real and generated examples augmented before the discriminator?"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """A random augmentation, split into drawing its random numbers and applying them."""

    numbers: Callable[[int, torch.Size, torch.Generator], Tensor]
    """Draws random numbers (n, ...) for n examples of a given size, on the generator's device."""
    applied: Callable[[Tensor, Tensor], Tensor]
    """Applies the numbers to examples; differentiable and shape-preserving."""

    def __call__(self, examples: Tensor, generator: torch.Generator) -> Tensor:
        """Draws and applies; the generator must be on the examples' device."""
        return self.applied(examples, self.numbers(len(examples), examples.shape[1:], generator))


def _shifts(n: int, size: torch.Size, generator: torch.Generator) -> Tensor:
    """Offsets (n, 2) of each image along height and width in the padded image; an eighth of the side means no shift."""
    reaches = [-(-side // 8) for side in size[1:]]
    return torch.stack([torch.randint(0, 2 * reach + 1, (n,), generator=generator, device=generator.device) for reach in reaches], 1)


def _shifted(images: Tensor, shifts: Tensor) -> Tensor:
    n, channels, height, width = images.shape
    reach_y, reach_x = -(-height // 8), -(-width // 8)
    padded = functional.pad(images, (reach_x, reach_x, reach_y, reach_y))
    rows = shifts[:, 0].view(n, 1, 1, 1) + torch.arange(height, device=images.device).view(1, 1, -1, 1)
    columns = shifts[:, 1].view(n, 1, 1, 1) + torch.arange(width, device=images.device).view(1, 1, 1, -1)
    shifted = padded.gather(2, rows.expand(n, channels, height, padded.shape[3]))
    return shifted.gather(3, columns.expand(n, channels, height, width))


none = Augmentation(numbers=lambda n, size, stream: torch.empty(n, 0, device=stream.device), applied=lambda examples, numbers: examples)
"""Leaves examples unchanged."""

translation = Augmentation(numbers=_shifts, applied=_shifted)
"""Shifts every image by up to an eighth of its side, filling with mid grey (Zhao et al. 2020, DiffAugment)."""

AUGMENTATIONS: dict[str, Augmentation] = {"none": none, "translation": translation}
"""The names that ``TrainingSpec.augmentation`` accepts."""

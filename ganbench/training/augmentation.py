"""How are real and generated examples augmented before the discriminator?"""

from collections.abc import Callable, Sequence
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


def shifts(n: int, reaches: Sequence[int], generator: torch.Generator) -> Tensor:
    """Offsets (n, 2) of each image along height and width in the padded image; an axis' reach means no shift."""
    return torch.stack([torch.randint(0, 2 * reach + 1, (n,), generator=generator, device=generator.device) for reach in reaches], 1)


def shifted(images: Tensor, offsets: Tensor, reaches: Sequence[int]) -> Tensor:
    """Images (n, channels, height, width) moved by at most ``reaches`` along height and width, filled with mid grey."""
    n, channels, height, width = images.shape
    reach_y, reach_x = reaches
    padded = functional.pad(images, (reach_x, reach_x, reach_y, reach_y))
    rows = offsets[:, 0].view(n, 1, 1, 1) + torch.arange(height, device=images.device).view(1, 1, -1, 1)
    columns = offsets[:, 1].view(n, 1, 1, 1) + torch.arange(width, device=images.device).view(1, 1, 1, -1)
    moved = padded.gather(2, rows.expand(n, channels, height, padded.shape[3]))
    return moved.gather(3, columns.expand(n, channels, height, width))


def eighths(sides: Sequence[int]) -> list[int]:
    """An eighth of every side, rounded up."""
    return [-(-side // 8) for side in sides]


none = Augmentation(numbers=lambda n, size, stream: torch.empty(n, 0, device=stream.device), applied=lambda examples, numbers: examples)
"""Leaves examples unchanged."""

translation = Augmentation(
    numbers=lambda n, size, stream: shifts(n, eighths(size[1:]), stream),
    applied=lambda images, numbers: shifted(images, numbers, eighths(images.shape[2:])),
)
"""Shifts every image by up to an eighth of its side, rounded up, filling with mid grey (after Zhao et al. 2020, DiffAugment, whose code
rounds to the nearest number: they differ where a side is 1 to 3 pixels above a multiple of 8)."""

AUGMENTATIONS: dict[str, Augmentation] = {"none": none, "translation": translation}
"""The names that ``TrainingSpec.augmentation`` accepts."""

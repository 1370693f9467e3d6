"""What happens to real and generated examples before the discriminator sees them?"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def none(examples: Tensor, generator: torch.Generator) -> Tensor:
    """Leaves examples as they are."""
    return examples


def translation(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shifts every image by up to an eighth of its side, filling with mid grey (Zhao et al. 2020, DiffAugment).

    Args:
        images: (n, channels, height, width), differentiable.
        generator: Stream on the images' device.

    Returns:
        Images of the same shape.
    """
    n, _, height, width = images.shape
    reach_y, reach_x = -(-height // 8), -(-width // 8)
    shift_y = torch.randint(0, 2 * reach_y + 1, (n, 1, 1, 1), generator=generator, device=images.device)
    shift_x = torch.randint(0, 2 * reach_x + 1, (n, 1, 1, 1), generator=generator, device=images.device)
    padded = functional.pad(images, (reach_x, reach_x, reach_y, reach_y))
    rows = shift_y + torch.arange(height, device=images.device).view(1, 1, -1, 1)
    columns = shift_x + torch.arange(width, device=images.device).view(1, 1, 1, -1)
    shifted = padded.gather(2, rows.expand(n, images.shape[1], height, padded.shape[3]))
    return shifted.gather(3, columns.expand(n, images.shape[1], height, width))


AUGMENTATIONS: dict[str, Augmentation] = {"none": none, "translation": translation}
"""The names that ``TrainingSpec.augmentation`` accepts."""

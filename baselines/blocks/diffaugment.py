"""Which fixed augmentations let a discriminator train on few images? (Zhao et al. 2020, "Differentiable augmentation", section 3.3)

Each takes images (n, channels, height, width) in [-1, 1], draws its numbers from torch's global generator, and is differentiable in the
images by multiplication, addition and gathering alone.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ganbench.spans import span
from ganbench.training import augmentation


def uniform(images: Tensor, low: float, high: float) -> Tensor:
    """A number for every image, (n, 1, 1, 1)."""
    return low + (high - low) * torch.rand(len(images), 1, 1, 1, device=images.device, dtype=images.dtype)


def brightness(images: Tensor) -> Tensor:
    """Adds a number in [-0.5, 0.5)."""
    return images + uniform(images, -0.5, 0.5)


def saturation(images: Tensor) -> Tensor:
    """Multiplies the distance from grey by a number in [0, 2); images of one channel stay as they are."""
    grey = images.mean(1, keepdim=True)
    return grey + uniform(images, 0.0, 2.0) * (images - grey)


def contrast(images: Tensor) -> Tensor:
    """Multiplies the distance from the image's mean by a number in [0.5, 1.5)."""
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + uniform(images, 0.5, 1.5) * (images - mean)


def color(images: Tensor) -> Tensor:
    """Brightness, then saturation, then contrast."""
    return contrast(saturation(brightness(images)))


def translation(images: Tensor) -> Tensor:
    """Shifts by up to an eighth of the side, rounded to the nearest number (a half up), filling with mid grey."""
    return shifted(images, [rounded(side / 8) for side in images.shape[2:]])


def shifted(images: Tensor, reaches: Sequence[int]) -> Tensor:
    """Shifts by up to ``reaches`` pixels along height and width, filling with mid grey."""
    device = images.device
    generator = torch.default_generator if device.type == "cpu" else torch.cuda.default_generators[device.index or 0]
    return augmentation.shifted(images, augmentation.shifts(len(images), reaches, generator), reaches)


def rounded(number: float) -> int:
    """The nearest whole number, a half up, as the authors' code rounds (mit-han-lab/data-efficient-gans)."""
    return int(number + 0.5)


def cutout(images: Tensor) -> Tensor:
    """Greys out a square of half the side, rounded up, whose centre lies anywhere in the image."""
    n, _, height, width = images.shape
    masks = []
    for side, axis in ((height, 2), (width, 3)):
        half = rounded(side / 2)
        start = torch.randint(0, side + 1 - half % 2, (n, 1), device=images.device) - half // 2
        place = torch.arange(side, device=images.device)
        inside = (place >= start) & (place < start + half)
        masks.append(inside.view(n, 1, side, 1) if axis == 2 else inside.view(n, 1, 1, side))
    return torch.where(masks[0] & masks[1], 0.0, images)


AUGMENTATIONS: dict[str, Callable[[Tensor], Tensor]] = {"color": color, "translation": translation, "cutout": cutout}
"""The parts of a policy, by name."""


def augmented(images: Tensor, policy: str) -> Tensor:
    """Images after every part of a policy such as ``color,translation,cutout``, in its order."""
    with span("augmentation"):
        for part in parts(policy):
            images = AUGMENTATIONS[part](images)
        return images


def parts(policy: str) -> list[str]:
    """The names in a policy."""
    return [part.strip() for part in policy.split(",") if part.strip()]

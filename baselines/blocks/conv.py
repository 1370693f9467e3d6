"""Which convolutional networks do the variants use? (DCGAN's, for any square size)

Radford et al. 2016 go from 4x4 to 64x64 by doubling. Here a side is halved, rounding up, until it is at
most 4: 64, 32, 16, 8, 4 or 28, 14, 7, 4. A 4x4 kernel of stride 2 takes an even side to its half and
back, a 3x3 kernel does so for an odd one, so that every size is met exactly. Channels double with every halving, from 64 pixels on
no more: 1024 is the paper's largest number.

The paper names no kernel size. Its first author's code has 5x5 (Newmu/dcgan_code), which needs a padding that differs between the two ends
of a side; 4x4 is that of another author (soumith/dcgan.torch), and of most code since.
"""

from typing import Literal

from torch import Tensor, nn

from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError

SMALLEST, LARGEST = 8, 256
"""Sides, in pixels, that this architecture is meant for."""
MOST_DOUBLINGS = 3
"""Of the channels, from the largest feature map to the smallest: the paper's at 64 pixels."""


def sides(shape: DataShape) -> list[int]:
    """Sides of the feature maps from the image down to the smallest.

    Raises:
        RequestError: The images are not square, or too small or large for this architecture.
    """
    _, height, width = shape.size
    if height != width:
        raise RequestError(f"images of {height}x{width} pixels are not square; give the data set a `resolution`, which crops and resizes")
    if not SMALLEST <= height <= LARGEST:
        raise RequestError(f"images of {height} pixels are outside {SMALLEST} to {LARGEST}; give the data set a `resolution` within")
    levels = [height]
    while levels[-1] > 4:
        levels.append(-(-levels[-1] // 2))
    return levels


def kernel(larger_side: int) -> int:
    """Kernel size that takes ``larger_side`` to its half, rounded up, with stride 2 and padding 1, and back."""
    return 4 if larger_side % 2 == 0 else 3


class Generator(nn.Module):
    """DCGAN's generator: project, then transposed convolutions with batch norm and ReLU, tanh at the end.

    Args:
        latent_dim: Width of a latent.
        shape: Form of the images.
        width: Channels before the last layer; doubled at each smaller size, three times at most.
    """

    def __init__(self, latent_dim: int, shape: DataShape, width: int) -> None:
        super().__init__()
        levels = sides(shape)[::-1]
        channels = [width * 2 ** min(level, MOST_DOUBLINGS) for level in reversed(range(len(levels) - 1))]
        self.project = nn.ConvTranspose2d(latent_dim, channels[0], levels[0], bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(channels[0]), nn.ReLU()]
        for inputs, outputs, side in zip(channels, channels[1:], levels[1:], strict=False):
            layers += [nn.ConvTranspose2d(inputs, outputs, kernel(side), 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.ConvTranspose2d(channels[-1], shape.size[0], kernel(levels[-1]), 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        """(n, latent_dim) to (n, channels, height, width) in [-1, 1]."""
        images: Tensor = self.layers(self.project(latents[:, :, None, None]))
        return images


class Discriminator(nn.Module):
    """DCGAN's discriminator: strided convolutions with leaky ReLU 0.2, one value an image.

    Args:
        shape: Form of the images.
        width: Channels behind the first layer; doubled at each smaller size, three times at most.
        norm: Batch norm behind every layer but the first and the last, or no normalisation at all.
    """

    def __init__(self, shape: DataShape, width: int, norm: Literal["batch", "none"]) -> None:
        super().__init__()
        levels = sides(shape)
        layers: list[nn.Module] = []
        inputs = shape.size[0]
        for level, side in enumerate(levels[:-1]):
            outputs = width * 2 ** min(level, MOST_DOUBLINGS)
            normed = norm == "batch" and level > 0
            layers.append(nn.Conv2d(inputs, outputs, kernel(side), 2, 1, bias=not normed))
            layers += [nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)] if normed else [nn.LeakyReLU(0.2)]
            inputs = outputs
        self.layers = nn.Sequential(*layers, nn.Conv2d(inputs, 1, levels[-1]), nn.Flatten(0))

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, height, width) to (n,)."""
        values: Tensor = self.layers(images)
        return values


def initialise_dcgan(module: nn.Module) -> None:
    """Weights from N(0, 0.02), biases 0 (Radford et al. 2016, section 4); batch-norm gains from N(1, 0.02), as in Newmu/dcgan_code."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)

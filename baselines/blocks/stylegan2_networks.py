"""What do StyleGAN2's networks look like? (Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN", section 4.1)"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.blocks.equalised import RELU_GAIN, EqualisedConv, EqualisedLinear, MinibatchStddev
from baselines.blocks.growth import SLOPE
from baselines.blocks.resampling import filtered_conv_down, filtered_down, filtered_up
from baselines.blocks.style import Mapping, ModulatedConv, ModulatedLayer, Output, by_layer, shown

Architecture = Literal["residual", "orig"]
"""Of the discriminator: with skip connections around every block, or StyleGAN's without."""


class Synthesis(nn.Module):
    """Layers on top of a learned constant; every level adds its image to that of the level below, doubled (figure 7b, left).

    The first level has one layer, the others two; every level's image takes the style of the layer that comes next, so that there are
    two styles a level.

    Args:
        style_dim: Width of a style.
        channels: Feature maps of every level, the smallest resolution first.
        image_channels: Of the images.
        sides: Of every level, in the same order.
        output: See :func:`~baselines.blocks.style.shown`.
    """

    def __init__(self, style_dim: int, channels: list[int], image_channels: int, sides: list[int], output: Output = "linear") -> None:
        super().__init__()
        self.output = output
        self.styles = 2 * len(channels)
        self.constant = nn.Parameter(torch.randn(channels[0], sides[0], sides[0]))
        self.layers = nn.ModuleList([ModulatedLayer(channels[0], channels[0], style_dim, sides[0], up=False)])
        for inputs, outputs, side in zip(channels, channels[1:], sides[1:], strict=False):
            self.layers.append(ModulatedLayer(inputs, outputs, style_dim, side, up=True))
            self.layers.append(ModulatedLayer(outputs, outputs, style_dim, side, up=False))
        self.to_rgb = nn.ModuleList(ModulatedConv(width, image_channels, 1, style_dim, demodulate=False) for width in channels)
        self.bias = nn.Parameter(torch.zeros(len(channels), image_channels))

    def forward(self, styles: Tensor) -> Tensor:
        """Styles (n, style_dim), or (n, layers, style_dim) with two layers a level, to images; outside of training within [-1, 1]."""
        styles = by_layer(styles, self.styles)
        x: Tensor = self.layers[0](self.constant.expand(styles.shape[0], -1, -1, -1), styles[:, 0])
        images: Tensor = self.to_rgb[0](x, styles[:, 1]) + self.bias[0][:, None, None]
        for level in range(1, len(self.to_rgb)):
            x = self.layers[2 * level - 1](x, styles[:, 2 * level - 1])
            x = self.layers[2 * level](x, styles[:, 2 * level])
            images = filtered_up(images) + self.to_rgb[level](x, styles[:, 2 * level + 1]) + self.bias[level][:, None, None]
        images = shown(images, self.output)
        return images if self.training else images.clamp(-1, 1)


class DiscriminatorBlock(nn.Module):
    """Two convolutions and half the resolution, with a skip connection around them or not (figure 7c, right).

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        architecture: See :data:`Architecture`.
    """

    def __init__(self, inputs: int, outputs: int, architecture: Architecture) -> None:
        super().__init__()
        self.first = EqualisedConv(inputs, inputs, 3, gain=RELU_GAIN, bias_gain=RELU_GAIN)
        self.second = EqualisedConv(inputs, outputs, 3, gain=RELU_GAIN, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.skip = EqualisedConv(inputs, outputs, 1, bias=False) if architecture == "residual" else None

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, 2h, 2w) to (n, outputs, h, w)."""
        y = functional.leaky_relu(self.first(x), SLOPE)
        y = filtered_conv_down(y, self.second.weight * self.second.scale) + RELU_GAIN * self.bias[:, None, None]
        y = functional.leaky_relu(y, SLOPE)
        return y if self.skip is None else (y + self.skip(filtered_down(x))) * 0.5**0.5  # the sum has twice the variance


class Discriminator(nn.Module):
    """A 1x1 convolution, blocks down to the smallest resolution, minibatch standard deviation, a head; with labels, a projection.

    Args:
        channels: Feature maps of every level, the smallest resolution first.
        image_channels: Of the images.
        root: Smallest side.
        group: Images in a group of the minibatch standard deviation.
        architecture: See :data:`Architecture`.
        labels: Maps labels to the vectors that the features are projected on, or None.
    """

    def __init__(
        self, channels: list[int], image_channels: int, root: int, group: int, architecture: Architecture, labels: Mapping | None = None
    ) -> None:
        super().__init__()
        self.from_rgb = EqualisedConv(image_channels, channels[-1], 1, gain=RELU_GAIN, bias_gain=RELU_GAIN)
        widths = channels[::-1]
        self.blocks = nn.ModuleList(DiscriminatorBlock(i, o, architecture) for i, o in zip(widths, widths[1:], strict=False))
        self.stddev = MinibatchStddev(group)
        self.conv = EqualisedConv(channels[0] + 1, channels[0], 3, gain=RELU_GAIN, bias_gain=RELU_GAIN)
        self.hidden = EqualisedLinear(channels[0] * root * root, channels[0], gain=RELU_GAIN, bias_gain=RELU_GAIN)
        self.labels = labels
        self.value = EqualisedLinear(channels[0], 1 if labels is None else len(labels.mean))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (n, channels, height, width) and labels (n,) to logits (n,)."""
        x = functional.leaky_relu(self.from_rgb(images), SLOPE)
        for block in self.blocks:
            x = block(x)
        x = functional.leaky_relu(self.conv(self.stddev(x)), SLOPE)
        values: Tensor = self.value(functional.leaky_relu(self.hidden(x.flatten(1)), SLOPE))
        if self.labels is None:
            return values.flatten()
        direction = self.labels(images.new_empty(len(images), 0), labels)
        logits: Tensor = (values * direction).sum(1) / direction.shape[1] ** 0.5
        return logits

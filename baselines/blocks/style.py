"""Which layers let a style control an image? (Karras et al. 2019, "A style-based generator"; 2020, "Analyzing and improving StyleGAN")

Styles are intermediate latents w: (n, style_dim) for one style in all layers, or (n, layers, style_dim).
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.blocks.equalised import NORM_EPSILON, RELU_GAIN, EqualisedConv, EqualisedLinear, pixel_norm
from baselines.blocks.growth import SLOPE
from baselines.blocks.resampling import blurred, box_conv_up, filtered_conv_up

Output = Literal["linear", "tanh"]
"""What follows the last layer of a generator: nothing, or a tanh for data that reach -1 and +1, such as the background of digits."""


def shown(images: Tensor, output: Output) -> Tensor:
    """Images behind a generator's last layer, (n, channels, height, width)."""
    return images.tanh() if output == "tanh" else images


class Mapping(nn.Module):
    """Latents to styles through fully connected layers (2019, section 2 and appendix C).

    With classes, an embedding of the label is normalised like the latent and stands beside it (Karras et al. 2020, "Training GANs with
    limited data", on CIFAR-10). With latents of width 0 it maps labels alone.

    Args:
        latent_dim: Width of a latent.
        style_dim: Width of a style.
        layers: Number of layers.
        rate: Their learning rate multiplier.
        classes: Number of labels; 0 for none.
        bias_gain: See :class:`~baselines.blocks.equalised.EqualisedLinear`: 1 in StyleGAN, He's gain in StyleGAN2.
    """

    mean: Tensor
    """Moving average of the styles (style_dim,)."""

    def __init__(self, latent_dim: int, style_dim: int, layers: int, rate: float, classes: int = 0, *, bias_gain: float = 1.0) -> None:
        super().__init__()
        self.embedding = EqualisedLinear(classes, style_dim) if classes else None
        widths = [latent_dim + (style_dim if classes else 0)] + [style_dim] * layers
        self.layers = nn.ModuleList(
            EqualisedLinear(i, o, gain=RELU_GAIN, rate=rate, bias_gain=bias_gain) for i, o in zip(widths, widths[1:], strict=False)
        )
        self.register_buffer("mean", torch.zeros(style_dim))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (n, latent_dim) and labels (n,) to styles (n, style_dim); where a class is due, None stands for no class."""
        x = pixel_norm(latents)
        if self.embedding is not None:
            classes = torch.arange(self.embedding.weight.shape[1], device=x.device)
            one_hot = x.new_zeros(len(x), len(classes)) if labels is None else (labels[:, None] == classes).to(x.dtype)
            x = torch.cat([x, pixel_norm(self.embedding(one_hot))], 1)
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
        return x

    def follow(self, mean: Tensor, decay: float) -> None:
        """Moves the average towards the mean style of a batch (style_dim,)."""
        self.mean.lerp_(mean.to(self.mean.dtype), 1 - decay)

    def truncated(self, styles: Tensor, truncation: float) -> Tensor:
        """``mean + truncation (w - mean)`` (2019, appendix B): 1 leaves styles as they are, 0 gives the average one."""
        return torch.lerp(self.mean, styles, truncation)


def mixed(first: Tensor, second: Tensor, layers: int, probability: float) -> Tensor:
    """Style mixing: up to a random layer an image's first style, from there on, with a probability, its second (2019, section 3.1).

    Args:
        first: (n, style_dim).
        second: (n, style_dim).
        layers: Number of layers, at least 2.
        probability: That an image mixes styles at all.

    Returns:
        (n, layers, style_dim).
    """
    n = len(first)
    crossover = torch.randint(1, layers, (n,), device=first.device)
    crossover = torch.where(torch.rand(n, device=first.device) < probability, crossover, layers)
    own = torch.arange(layers, device=first.device) < crossover[:, None]
    return torch.where(own[:, :, None], first[:, None], second[:, None])


def by_layer(styles: Tensor, layers: int) -> Tensor:
    """(n, style_dim) or (n, layers, style_dim) to (n, layers, style_dim)."""
    return styles[:, None].expand(-1, layers, -1) if styles.dim() == 2 else styles


class Noise(nn.Module):
    """Adds one channel of normal noise at a learned strength, 0 at first (2019, section 2).

    In training the noise is drawn afresh. In evaluation it is a constant image, so that an example depends on its latent alone.

    Args:
        channels: Strengths: one a channel in StyleGAN, a single one in StyleGAN2.
        side: Of the maps.
    """

    constant: Tensor

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels))
        self.register_buffer("constant", torch.randn(1, 1, side, side))

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, side, side) to the same shape."""
        noise = torch.randn(len(x), 1, *x.shape[2:], device=x.device, dtype=x.dtype) if self.training else self.constant
        return x + self.strength[:, None, None] * noise


class AdaptiveInstanceNorm(nn.Module):
    """Every map normalised by itself, then given a style's scale and shift (2019, equation 1). Scales start from 1.

    Args:
        style_dim: Width of a style.
        channels: Number of maps.
    """

    def __init__(self, style_dim: int, channels: int) -> None:
        super().__init__()
        self.scale = EqualisedLinear(style_dim, channels, bias=1.0)
        self.shift = EqualisedLinear(style_dim, channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(n, channels, h, w) and (n, style_dim) to (n, channels, h, w)."""
        normal = functional.instance_norm(x, eps=NORM_EPSILON)
        return torch.addcmul(self.shift(style)[:, :, None, None], normal, self.scale(style)[:, :, None, None])


class NormedLayer(nn.Module):
    """A layer of StyleGAN's synthesis: convolution, noise, activation, adaptive instance norm (2019, figure 1b).

    Args:
        inputs: Channels of the input; 0 for the first layer, which has no convolution.
        outputs: Channels of the output.
        style_dim: Width of a style.
        side: Of the output.
        up: Whether the convolution doubles the side.
    """

    def __init__(self, inputs: int, outputs: int, style_dim: int, side: int, *, up: bool) -> None:
        super().__init__()
        self.conv = EqualisedConv(inputs, outputs, 3, gain=RELU_GAIN, bias=False) if inputs else None
        self.up = up
        self.noise = Noise(outputs, side)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.norm = AdaptiveInstanceNorm(style_dim, outputs)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(n, inputs, h, w) and (n, style_dim) to (n, outputs, side, side)."""
        if self.conv is not None:
            x = blurred(box_conv_up(x, self.conv.weight * self.conv.scale)) if self.up else self.conv(x)
        x = functional.leaky_relu(self.noise(x) + self.bias[:, None, None], SLOPE)
        normed: Tensor = self.norm(x, style)
        return normed


def demodulation(weight: Tensor, scales: Tensor) -> Tensor:
    """What brings every filter of a modulated weight to unit norm (2020, equation 3): ``1 / |s_i w_oik|`` over i and k.

    Args:
        weight: (outputs, inputs, k, k).
        scales: Of the inputs, by example: (n, inputs).

    Returns:
        (n, outputs).
    """
    return (scales.square() @ weight.square().sum((2, 3)).t() + NORM_EPSILON).rsqrt()


class ModulatedConv(nn.Module):
    """A convolution whose weight is scaled by a style and, with demodulation, brought back to unit norm (2020, section 2.2).

    A convolution is linear, so scaling its inputs, convolving all examples with one weight, and scaling its outputs is the same as
    a weight of each example's own.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        kernel: Side of the kernel.
        style_dim: Width of a style.
        up: Whether the side doubles.
        demodulate: Whether filters are brought to unit norm.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, style_dim: int, *, up: bool = False, demodulate: bool = True) -> None:
        super().__init__()
        self.conv = EqualisedConv(inputs, outputs, kernel, bias=False)
        self.affine = EqualisedLinear(style_dim, inputs, bias=1.0)
        self.up, self.demodulate = up, demodulate

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(n, inputs, h, w) and (n, style_dim) to (n, outputs, h, w), or of twice the side."""
        scales = self.affine(style)
        weight = self.conv.weight * self.conv.scale
        x = x * scales[:, :, None, None]
        x = filtered_conv_up(x, weight) if self.up else functional.conv2d(x, weight, padding=weight.shape[2] // 2)
        return x * demodulation(weight, scales)[:, :, None, None] if self.demodulate else x


class ModulatedLayer(nn.Module):
    """A layer of StyleGAN2's synthesis: modulated convolution, noise, bias, activation (2020, figure 2d).

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        style_dim: Width of a style.
        side: Of the output.
        up: Whether the convolution doubles the side.
    """

    def __init__(self, inputs: int, outputs: int, style_dim: int, side: int, *, up: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, style_dim, up=up)
        self.noise = Noise(1, side)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(n, inputs, h, w) and (n, style_dim) to (n, outputs, side, side)."""
        x = self.noise(self.conv(x, style)) + self.bias[:, None, None]
        return functional.leaky_relu(x, SLOPE) * RELU_GAIN

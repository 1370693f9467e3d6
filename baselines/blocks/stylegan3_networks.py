"""What does StyleGAN3's generator look like? (Karras et al. 2021, "Alias-free GANs", figure 4b and appendix F.1)

No layer knows where it is: there is neither noise nor a border within reach, and no frequency folds onto another. So the image moves and
turns with the Fourier features that it is made from.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from baselines.blocks.bandlimits import Band
from baselines.blocks.equalised import EqualisedConv, EqualisedLinear
from baselines.blocks.lowpass import FilteredLeakyReLU
from baselines.blocks.style import ModulatedConv, Output, shown

RGB_SCALE = 0.25
"""Colours are made in -4 to 4 and divided by 4, for inputs that are normalised (appendix F.1, "normalization")."""


class FourierFeatures(nn.Module):
    """Waves of fixed random frequencies on an endless plane, moved and turned by the style, then mixed by a 1x1 convolution.

    The convolution is in the authors' printed table of layers (NVlabs/stylegan3#194), not in the text.

    Args:
        style_dim: Width of a style.
        channels: Number of waves.
        band: Rate and margin that they are sampled at; its cutoff bounds their frequencies.
    """

    frequencies: Tensor
    """In waves per canvas (channels, 2), x first."""
    phases: Tensor
    """In waves (channels,)."""
    places: Tensor
    """Of pixels along an axis, from the centre of the canvas (side,)."""

    def __init__(self, style_dim: int, channels: int, band: Band) -> None:
        super().__init__()
        radius, angle = band.cutoff * torch.rand(channels).sqrt(), 2 * math.pi * torch.rand(channels)  # uniform in a disc
        self.register_buffer("frequencies", torch.stack([radius * angle.cos(), radius * angle.sin()], 1))
        self.register_buffer("phases", torch.rand(channels))
        self.affine = EqualisedLinear(style_dim, 4)
        with torch.no_grad():  # no transformation at the start (appendix F.1)
            self.affine.weight.zero_()
            self.affine.bias[0] = 1.0
        self.conv = EqualisedConv(channels, channels, 1, bias=False)
        self.register_buffer("places", (torch.arange(band.side) - band.margin + 0.5) / band.rate - 0.5, persistent=False)

    def forward(self, style: Tensor) -> Tensor:
        """(n, style_dim) to (n, channels, side, side)."""
        cosine, sine, shift = rigid(self.affine(style))
        x, y = self.frequencies.unbind(1)
        turned = torch.stack([cosine * x - sine * y, sine * x + cosine * y], 2)  # (n, channels, 2)
        phases = self.phases - (turned * shift[:, None]).sum(2)
        across, down = turned[..., :1] * self.places, turned[..., 1:] * self.places + phases[..., None]  # (n, channels, side)
        waves = torch.sin(2 * math.pi * (across[:, :, None, :] + down[:, :, :, None]))
        features: Tensor = self.conv(waves)
        return features


def rigid(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Four numbers (n, 4) as a rotation about the centre of the canvas and a translation behind it (appendix F.1).

    Returns:
        Cosine (n, 1) and sine (n, 1) of the angle, and the translation in canvases (n, 2), x first.
    """
    cosine, sine, shift = values[:, :1], values[:, 1:2], values[:, 2:]
    scale = (cosine.square() + sine.square()).rsqrt()
    return cosine * scale, sine * scale, shift * scale


class AliasFreeLayer(nn.Module):
    """Modulated convolution, bias and filtered leaky ReLU (figure 4b).

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        kernel: Side of the convolution's kernel.
        style_dim: Width of a style.
        source: What the input holds.
        target: What the output holds.
        radial: Whether maps are filtered alike in all directions, but for those that hold all that their pixels can.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, style_dim: int, source: Band, target: Band, *, radial: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, kernel, style_dim)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.activation = FilteredLeakyReLU(source, target, radial=radial and not target.critical)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(n, inputs, source.side, source.side) and (n, style_dim) to (n, outputs, target.side, target.side)."""
        activated: Tensor = self.activation(self.conv(x, style) + self.bias[:, None, None])
        return activated


class Synthesis(nn.Module):
    """Fourier features, layers, colours.

    Args:
        style_dim: Width of a style.
        bands: What every layer's output holds.
        channels: Feature maps of every layer's output; the Fourier features have as many as the first.
        image_channels: Of the images.
        kernel: Side of the convolutions' kernels.
        radial: See :class:`AliasFreeLayer`.
        output: See :func:`~baselines.blocks.style.shown`.
    """

    magnitudes: Tensor
    """Moving averages of the mean square of every convolution's input (layers + 1,); inputs are divided by the root."""

    def __init__(
        self, style_dim: int, bands: list[Band], channels: list[int], image_channels: int, kernel: int, *, radial: bool, output: Output
    ) -> None:
        super().__init__()
        self.output = output
        self.input = FourierFeatures(style_dim, channels[0], bands[0])
        sources, inputs = [bands[0], *bands[:-1]], [channels[0], *channels[:-1]]
        self.layers = nn.ModuleList(
            AliasFreeLayer(i, o, kernel, style_dim, source, target, radial=radial)
            for i, o, source, target in zip(inputs, channels, sources, bands, strict=True)
        )
        self.to_rgb = ModulatedConv(channels[-1], image_channels, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(image_channels))
        self.register_buffer("magnitudes", torch.ones(len(bands) + 1))

    def forward(self, styles: Tensor, note: Callable[[Tensor], None] | None = None) -> Tensor:
        """Styles (n, style_dim) to images; outside of training within [-1, 1].

        Args:
            styles: One for all layers.
            note: Is called with every convolution's input, the first layer's first.
        """
        scales = self.magnitudes.rsqrt()
        x: Tensor = self.input(styles)
        for layer, scale in zip([*self.layers, self.to_rgb], scales, strict=True):
            if note is not None:
                note(x)
            x = layer(x * scale, styles)
        images = shown(RGB_SCALE * (x + self.bias[:, None, None]), self.output)
        return images if self.training else images.clamp(-1, 1)

    def follow(self, mean_squares: Tensor, decay: float) -> None:
        """Moves the magnitudes towards the mean squares of a batch (layers + 1,)."""
        self.magnitudes.lerp_(mean_squares.to(self.magnitudes.dtype), 1 - decay)

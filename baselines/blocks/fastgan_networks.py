"""Which networks does FastGAN use? (Liu et al. 2021, section 3, in the form of the authors' code, odegeasslbc/FastGAN-pytorch)

Theirs are for 256 pixels and more, and at 256 these are the same. Smaller images have the same networks cut off at their ends:

- Side lengths double from 4 to 7 pixels, channels belong to the number of doublings, and the kinds of blocks alternate.
- Skip-layer excitation leads over four doublings in the generator, between maps whose sides differ sixteenfold, and over three halvings in
  the discriminator. A network with fewer has one, from its first to its last map.
- The discriminator halves images until at most 8 pixels are left, at least once. A second path sees the generator's small images, of half
  the side, in the same way. Decoders draw images of half the side.

All convolutions are spectrally normalised and without biases. Both images of the generator pass a tanh, as at
1024 pixels in the code.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.blocks.conv import initialise_dcgan
from baselines.blocks.resampling import box_down, box_up
from baselines.blocks.spectral import normalise_spectrally
from baselines.blocks.style import Noise

UP_FACTORS = (16, 8, 4, 2, 2, 1, 0.5)
"""Channels of the generator by the number of doublings, in widths."""
DECODER_FACTORS = (4, 2, 2, 1)
"""Channels of the decoders behind each doubling, in halves of the discriminator's width: 32 there."""
GENERATOR_REACH, DISCRIMINATOR_REACH = 4, 3
"""Doublings or halvings that an excitation leads over."""
LAST_FACTOR = 8
"""Channels of the discriminator's last map, in widths; half as many at each map before. The small path has half of them."""
SMALLEST = 8
"""Largest side of the discriminator's last map."""
KERNEL = 4
"""Side of what a logit is computed from, and to which an excitation pools its source; the smallest maps have no less."""
SLOPE = 0.2
"""Of leaky ReLUs."""


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    """A convolution without biases."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)


class FromLatent(nn.Module):
    """A transposed convolution of one pixel: latents (n, inputs) to (n, outputs, side, side)."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        self.kernels = conv(inputs, outputs, side)  # spectrally normalised with the outputs' kernels as rows, like any convolution

    def forward(self, latents: Tensor) -> Tensor:
        """Every weight is used once for each latent."""
        weight = self.kernels.weight
        return (latents @ weight.transpose(0, 1).flatten(1)).view(latents.shape[0], *weight[:, 0].shape)


class Doubling(nn.Module):
    """Repeats pixels, then 3x3 convolution, batch norm and gated linear unit (section 3.1).

    Args:
        inputs: Channels.
        outputs: Channels.
        side: Of the output, for a second convolution and noise ahead of each norm; None for neither.
    """

    def __init__(self, inputs: int, outputs: int, side: int | None = None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels in (inputs,) if side is None else (inputs, outputs):
            layers.append(conv(channels, 2 * outputs, 3, padding=1))
            layers += [] if side is None else [Noise(1, side)]
            layers += [nn.BatchNorm2d(2 * outputs), nn.GLU(1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, 2h, 2w)."""
        h: Tensor = self.layers(box_up(x))
        return h


class Excitation(nn.Module):
    """Skip-layer excitation: a map from far off says how much each channel of another counts (section 3.1).

    The activation inside is Swish as in the code; the paper's figure has a leaky ReLU.

    Args:
        inputs: Channels of the source.
        outputs: Channels of the map that it excites.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(conv(inputs, outputs, KERNEL), nn.SiLU(), conv(outputs, outputs, 1), nn.Sigmoid())

    def forward(self, source: Tensor, x: Tensor) -> Tensor:
        """(n, inputs, ...) and (n, outputs, h, w) to (n, outputs, h, w)."""
        gated: Tensor = self.gate(pooled(source, KERNEL)) * x
        return gated


class ExcitedGenerator(nn.Module):
    """Latents to images, and from the map before the last to images of half the side.

    Args:
        latent_dim: Width of a latent.
        channels: Of the images.
        sides: Of the feature maps, from the image's downwards.
        width: Unit of the channels.
    """

    def __init__(self, latent_dim: int, channels: int, sides: list[int], width: int) -> None:
        super().__init__()
        doublings = len(sides) - 1
        widths = [max(1, int(width * factor)) for factor in UP_FACTORS]
        self.start = nn.Sequential(FromLatent(latent_dim, 2 * widths[0], sides[-1]), nn.BatchNorm2d(2 * widths[0]), nn.GLU(1))
        self.blocks = nn.ModuleList(
            Doubling(widths[i], widths[i + 1], None if i % 2 else sides[-2 - i])  # every other block has two convolutions
            for i in range(doublings)
        )
        self.reach = min(GENERATOR_REACH, doublings)
        self.excitations = nn.ModuleList(Excitation(widths[i], widths[i + self.reach]) for i in range(doublings - self.reach + 1))
        self.to_small = conv(widths[doublings - 1], channels, 1)
        self.to_image = conv(widths[doublings], channels, 3, padding=1)
        finished(self)

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """(n, latent_dim) to images in [-1, 1] and to those of half the side."""
        maps = [self.start(latents)]
        for i, block in enumerate(self.blocks, 1):
            x = block(maps[-1])
            maps.append(x if i < self.reach else self.excitations[i - self.reach](maps[i - self.reach], x))
        return self.to_image(maps[-1]).tanh(), self.to_small(maps[-2]).tanh()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the discriminator makes of images."""

    logits: Tensor
    """One for each place of both paths, (n, places)."""
    before: Tensor
    """The map before the last one, of twice its side."""
    last: Tensor
    """The last map."""
    small: Tensor
    """The last map of the path for images of half the side."""


class Halving(nn.Module):
    """The mean of two branches that halve the side: two convolutions, and averaging with a 1x1 convolution (section 3.2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(*halved(inputs, outputs), conv(outputs, outputs, 3, padding=1), *normed(outputs))
        self.direct = nn.Sequential(conv(inputs, outputs, 1), *normed(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, 2h, 2w) to (n, outputs, h, w)."""
        h: Tensor = (self.main(x) + self.direct(box_down(x))) / 2
        return h


class Decoder(nn.Module):
    """Doublings and a 3x3 convolution, from features to images in [-1, 1]."""

    def __init__(self, inputs: int, channels: int, doublings: int, width: int) -> None:
        super().__init__()
        widths = [inputs, *(max(1, factor * width // 2) for factor in DECODER_FACTORS[:doublings])]
        blocks = [Doubling(a, b) for a, b in zip(widths, widths[1:], strict=False)]
        self.layers = nn.Sequential(*blocks, conv(widths[-1], channels, 3, padding=1), nn.Tanh())

    def forward(self, features: Tensor) -> Tensor:
        """(n, inputs, side, side) to images."""
        images: Tensor = self.layers(features)
        return images


class SelfSupervisedDiscriminator(nn.Module):
    """Logits for places of an image and of its half size, and decoders of real images from features (section 3.2).

    Args:
        channels: Of the images.
        side: Of the images.
        width: Unit of the channels.
    """

    def __init__(self, channels: int, side: int, width: int) -> None:
        super().__init__()
        halvings = max(1, halvings_to(side))
        widths = [max(1, LAST_FACTOR * width >> i) for i in range(halvings, -1, -1)]
        self.stem = nn.Sequential(conv(channels, widths[0], 3, padding=1), nn.LeakyReLU(SLOPE))
        self.blocks = nn.ModuleList(Halving(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.reach = min(DISCRIMINATOR_REACH, halvings)
        self.excitations = nn.ModuleList(Excitation(widths[i], widths[i + self.reach]) for i in range(halvings - self.reach + 1))
        self.judge = nn.Sequential(conv(widths[-1], 2 * widths[-1], 1), *normed(2 * widths[-1]), conv(2 * widths[-1], 1, KERNEL))
        small_halvings, small_width = halvings_to(side // 2), LAST_FACTOR * width // 2
        self.small = small_path(channels, small_width, small_halvings)
        self.judge_small = conv(small_width, 1, KERNEL)
        self.decoder = Decoder(widths[-1], channels, halvings - 1, width)
        self.decoder_small = Decoder(small_width, channels, small_halvings, width)
        self.decoder_part = Decoder(widths[-2], channels, halvings - 1, width)
        finished(self)

    def see(self, images: Tensor, small: Tensor) -> Seen:
        """Images (n, channels, side, side) and others of half the side to logits and features."""
        maps = [self.stem(images)]
        for i, block in enumerate(self.blocks, 1):
            x = block(maps[-1])
            maps.append(x if i < self.reach else self.excitations[i - self.reach](maps[i - self.reach], x))
        logits, features = self.judge(maps[-1]).flatten(1), self.small(small)
        logits = torch.cat([logits, self.judge_small(features).flatten(1)], 1)
        return Seen(logits=logits, before=maps[-2], last=maps[-1], small=features)

    def decode(self, seen: Seen, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images of half the side: the whole from the last map, from the small path, and a quarter from the map before the last.

        Args:
            seen: Of the images.
            which: The quarter of each, (n,); see :func:`quarter`.
        """
        return self.decoder(seen.last), self.decoder_small(seen.small), self.decoder_part(quarter(seen.before, which))

    def forward(self, images: Tensor) -> Tensor:
        """Images to their mean logits over places, (n,)."""
        return self.see(images, thinned(images)).logits.mean(1)


def halvings_to(side: int) -> int:
    """How often a side is halved until at most :data:`SMALLEST` pixels are left."""
    return next(n for n in range(side) if side >> n <= SMALLEST)


def small_path(channels: int, width: int, halvings: int) -> nn.Sequential:
    """Convolutions that halve the side, to so many channels; where there is none to halve, one that keeps it."""
    if not halvings:
        return nn.Sequential(conv(channels, width, 3, padding=1), nn.LeakyReLU(SLOPE))
    widths = [max(1, width >> i) for i in range(halvings - 1, -1, -1)]
    layers = [conv(channels, widths[0], 4, 2, 1), nn.LeakyReLU(SLOPE)]
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += halved(inputs, outputs)
    return nn.Sequential(*layers)


def halved(inputs: int, outputs: int) -> list[nn.Module]:
    """A strided convolution, batch norm, leaky ReLU."""
    return [conv(inputs, outputs, 4, 2, 1), *normed(outputs)]


def normed(channels: int) -> list[nn.Module]:
    """Batch norm, leaky ReLU."""
    return [nn.BatchNorm2d(channels), nn.LeakyReLU(SLOPE)]


def finished(network: nn.Module) -> None:
    """Draws a network's weights as DCGAN's are drawn, and normalises its convolutions spectrally."""
    network.apply(initialise_dcgan)
    normalise_spectrally(network, (nn.Conv2d,))


def thinned(images: Tensor) -> Tensor:
    """Every other pixel along both axes, which is how the code makes images of half the side."""
    return images[:, :, ::2, ::2]


def quarter(x: Tensor, which: Tensor) -> Tensor:
    """(n, c, 2h, 2w) to (n, c, h, w): of every example one quarter, 0 to 3 by rows. Sums with zeros need no index on the host.

    Args:
        x: Feature maps or images.
        which: (n,).
    """
    n, channels, height, width = x.shape
    quarters = x.reshape(n, channels, 2, height // 2, 2, width // 2)
    chosen = (which[:, None] == torch.arange(4, device=x.device)).to(x.dtype).view(n, 1, 2, 1, 2, 1)
    part: Tensor = (quarters * chosen).sum((2, 4))
    return part


def pooled(x: Tensor, side: int) -> Tensor:
    """(n, c, h, w) to (n, c, side, side): means over windows that cover the map evenly, and overlap where they must.

    The same as PyTorch's adaptive pooling, whose gradient is not deterministic on a GPU.
    """
    if x.shape[2] % side == 0:
        return functional.avg_pool2d(x, x.shape[2] // side)
    place = torch.arange(x.shape[2], device=x.device)
    window = torch.arange(side, device=x.device)[:, None]
    inside = (place >= window * x.shape[2] // side) & (place < -(-(window + 1) * x.shape[2] // side))
    weights = inside.to(x.dtype) / inside.sum(1, keepdim=True)
    return weights @ x @ weights.t()

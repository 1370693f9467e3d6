"""Which residual networks do SNGAN and its descendants use? (blocks that activate first and change the size inside)

He et al. 2016 put normalisation and ReLU before each convolution; Gulrajani et al. 2017 and Miyato et al. 2018 made up- and down-sampling
blocks of it. A 1x1 convolution and up-sampling by repetition, or averaging, may change places without changing the result: each
shortcut has them in the cheaper order.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from baselines.blocks.attention import SelfAttention
from baselines.blocks.conditional import Norm, UnconditionalBatchNorm
from baselines.blocks.resampling import box_down, box_up


class UpBlock(nn.Module):
    """Norm, ReLU, doubling, 3x3, norm, ReLU, 3x3, beside a 1x1 shortcut (Miyato et al. 2018, figure 8b).

    Args:
        inputs: Channels.
        outputs: Channels.
        norm: Makes a normalisation for so many channels.
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        self.norm1 = norm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, 2h, 2w)."""
        h = self.conv1(box_up(self.norm1(x, condition).relu()))
        h = self.conv2(self.norm2(h, condition).relu())
        out: Tensor = h + box_up(self.shortcut(x))
        return out


class DownBlock(nn.Module):
    """ReLU, 3x3, ReLU, 3x3, averaging, beside a shortcut (Miyato et al. 2018, figure 8a).

    Args:
        inputs: Channels.
        outputs: Channels.
        down: Whether the block halves the size.
        first: The network's first block, which sees images and does not activate them.
    """

    def __init__(self, inputs: int, outputs: int, *, down: bool, first: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if down or inputs != outputs else nn.Identity()
        self.down = down
        self.first = first

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h, w), or half as high and wide."""
        h = self.conv2(self.conv1(x if self.first else x.relu()).relu())
        if self.down:
            h, x = box_down(h), box_down(x)
        out: Tensor = self.shortcut(x) + h
        return out


class ResNetGenerator(nn.Module):
    """A linear layer to the smallest feature map, blocks that double it, and tanh.

    Args:
        latent_dim: Inputs of the linear layer.
        channels: Of the images.
        sides: Of the feature maps, from the image's downwards.
        widths: Channels of the smallest map and behind each block, one for each of ``sides``.
        norm: Makes the normalisations inside the blocks; the last one is plain batch norm.
        attention: Side of the map with self-attention, or 0.
        pooled: Form of the self-attention.
    """

    def __init__(
        self,
        latent_dim: int,
        channels: int,
        sides: Sequence[int],
        widths: Sequence[int],
        norm: Norm = UnconditionalBatchNorm,
        attention: int = 0,
        pooled: bool = True,
    ) -> None:
        super().__init__()
        self.start = (widths[0], sides[-1], sides[-1])
        self.project = nn.Linear(latent_dim, widths[0] * sides[-1] ** 2)
        self.blocks = nn.ModuleList(UpBlock(inputs, outputs, norm) for inputs, outputs in zip(widths, widths[1:], strict=False))
        self.attention_before = list(sides[::-1]).index(attention) if attention else None
        self.attention = None if self.attention_before is None else SelfAttention(widths[self.attention_before], pooled)
        self.finish = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU(), nn.Conv2d(widths[-1], channels, 3, padding=1), nn.Tanh())

    def forward(self, latents: Tensor, conditions: Tensor | Sequence[Tensor] | None = None) -> Tensor:
        """Latents (n, latent_dim), and what the blocks are conditioned on, alike or each for itself, to images in [-1, 1]."""
        x = self.project(latents).unflatten(1, self.start)
        for i, block in enumerate(self.blocks):
            if self.attention is not None and i == self.attention_before:
                x = self.attention(x)
            x = block(x, conditions if conditions is None or isinstance(conditions, Tensor) else conditions[i])
        images: Tensor = self.finish(x)
        return images


class ResNetDiscriminator(nn.Module):
    """Residual blocks, ReLU, the sum over positions h, and w.h + b; with classes also their vector times h (Miyato & Koyama 2018, eq. 3).

    Args:
        channels: Of the images.
        side: Of the images.
        widths: Channels behind each block.
        halvings: So many blocks, the first ones, halve the size.
        classes: Number of classes, or 0 for values that depend on no label.
        attention: Side of the map with self-attention, or 0.
        pooled: Form of the self-attention.
    """

    def __init__(
        self, channels: int, side: int, widths: Sequence[int], halvings: int, classes: int = 0, attention: int = 0, pooled: bool = True
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(zip((channels, *widths), widths, strict=False)):
            layers.append(DownBlock(inputs, outputs, down=i < halvings, first=i == 0))
            if i < halvings and side // 2 ** (i + 1) == attention:
                layers.append(SelfAttention(outputs, pooled))
        self.blocks = nn.Sequential(*layers, nn.ReLU())
        self.classes = nn.Embedding(classes, widths[-1]) if classes else None
        if self.classes is not None:
            nn.init.xavier_uniform_(self.classes.weight)
        self.output = nn.Linear(widths[-1], 1)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (n, channels, side, side), and labels (n,) where there are classes, to values (n,)."""
        h = self.features(images)
        values: Tensor = self.output(h).squeeze(1)
        return values if self.classes is None else values + (self.classes(labels) * h).sum(1)

    def features(self, images: Tensor) -> Tensor:
        """Images to h, (n, widths[-1])."""
        features: Tensor = self.blocks(images).sum((2, 3))
        return features


def initialise_glorot(module: nn.Module) -> None:
    """Glorot's uniform weights, wider by sqrt 2 in 3x3 convolutions, and biases 0, after the code of Miyato et al. 2018.

    There the generator's last convolution is not wider; here it is like the others.
    """
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight, 2**0.5 if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3) else 1.0)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def initialise_orthogonal(module: nn.Module) -> None:
    """Orthogonal weights (Brock et al. 2019, section 3), biases 0."""
    if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
        nn.init.orthogonal_(module.weight)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)

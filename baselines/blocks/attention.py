"""How can distant parts of an image agree? (Zhang et al. 2019, "Self-attention GANs", ICML)"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Every position takes values of many positions, weighted by the softmax of how they match (section 3, eq. 1 to 3).

    1x1 convolutions without biases make keys f, queries g and values h, and another leads back. There are two forms of it. In the paper's
    text all three have an eighth of the channels, and every position attends to all. In the authors' code, which made their results
    (brain-research/self-attention-gan), and in that of BigGAN after it, values have half of the channels, and keys and values are thinned
    to the largest of every 2x2 positions. Where a side is odd, the last row or column is thinned by itself, so that no position is left
    out; the sides of published networks are even.

    Args:
        channels: Of the feature maps, at least 8.
        pooled: The form of the code; False is that of the text.
    """

    def __init__(self, channels: int, pooled: bool = True) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        values = max(1, channels // 2) if pooled else inner
        self.key = nn.Conv2d(channels, inner, 1, bias=False)
        self.query = nn.Conv2d(channels, inner, 1, bias=False)
        self.value = nn.Conv2d(channels, values, 1, bias=False)
        self.output = nn.Conv2d(values, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))
        """Weight of the attention: 0 at first, so that a network learns from neighbourhoods before it looks far."""
        self.thinned = nn.MaxPool2d(2, ceil_mode=True) if pooled else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to the same."""
        scores = self.thinned(self.key(x)).flatten(2).transpose(1, 2).bmm(self.query(x).flatten(2))
        # column j: how much position j takes of every position i; explicit, as the fused kernels have no second derivative
        mixed = self.thinned(self.value(x)).flatten(2).bmm(scores.softmax(1))
        attended: Tensor = self.output(mixed.unflatten(2, x.shape[2:]))
        return x + self.gamma * attended


def attention_side(sides: Sequence[int], largest: int) -> int:
    """The largest feature map of a network that attention is meant for.

    Args:
        sides: From the image's side downwards.
        largest: Side in the paper's network; smaller images have it at the first map below their own size.
    """
    return next((side for side in sides[1:] if side <= largest), sides[-1])

"""How can distant parts of an image agree? (Zhang et al. 2019, "Self-attention GANs", ICML)"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Every position takes values of all positions, weighted by the softmax of how they match (section 3, eq. 1 to 3).

    Keys f, queries g and values h have an eighth of the channels; 1x1 convolutions without biases make them, and another leads back.
    All positions attend to all, as in the equations; the authors' code thins keys and values by pooling, which saves memory.

    Args:
        channels: Of the feature maps, at least 8.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        self.key = nn.Conv2d(channels, inner, 1, bias=False)
        self.query = nn.Conv2d(channels, inner, 1, bias=False)
        self.value = nn.Conv2d(channels, inner, 1, bias=False)
        self.output = nn.Conv2d(inner, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))
        """Weight of the attention: 0 at first, so that a network learns from neighbourhoods before it looks far."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to the same."""
        scores = self.key(x).flatten(2).transpose(1, 2).bmm(self.query(x).flatten(2))
        # column j: how much position j takes of every position i; explicit, as the fused kernels have no second derivative
        mixed = self.value(x).flatten(2).bmm(scores.softmax(1))
        attended: Tensor = self.output(mixed.unflatten(2, x.shape[2:]))
        return x + self.gamma * attended


def attention_side(sides: Sequence[int], largest: int) -> int:
    """The largest feature map of a network that attention is meant for.

    Args:
        sides: From the image's side downwards.
        largest: Side in the paper's network; smaller images have it at the first map below their own size.
    """
    return next((side for side in sides[1:] if side <= largest), sides[-1])

"""How does a class act on feature maps? (batch norm with gains and biases of a condition)

De Vries et al. 2017 and Dumoulin et al. 2017 had the idea; Miyato & Koyama 2018 and Brock et al. 2019 brought it to GANs.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

Norm = Callable[[int], nn.Module]
"""Channels to a layer that takes feature maps (n, channels, height, width) and a condition (n, ...) or None."""


class UnconditionalBatchNorm(nn.BatchNorm2d):
    """Plain batch norm where a condition may be handed in: it is ignored."""

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(n, channels, height, width) to the same."""
        return super().forward(x)


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose gain is 1 plus, and whose bias is, a function of the condition. Where both are 0, it is plain batch norm.

    Args:
        channels: Of the feature maps.
        gain: Condition (n, ...) to (n, channels).
        bias: The same, of layers of its own.
    """

    def __init__(self, channels: int, gain: nn.Module, bias: nn.Module) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = gain
        self.bias = bias

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(n, channels, height, width) and the condition to (n, channels, height, width)."""
        gain, bias = self.gain(condition)[:, :, None, None], self.bias(condition)[:, :, None, None]
        return torch.addcmul(bias, cast(Tensor, self.norm(x)), 1 + gain)


def class_batch_norm(classes: int) -> Norm:
    """A gain and a bias per class and channel, 1 and 0 at first; the condition is the label (Miyato & Koyama 2018)."""

    def table(channels: int) -> nn.Embedding:
        return nn.Embedding(classes, channels, _weight=torch.zeros(classes, channels))

    return lambda channels: ConditionalBatchNorm(channels, table(channels), table(channels))


def linear_batch_norm(inputs: int) -> Norm:
    """Gain and bias are linear in a condition (n, inputs), without a constant of their own (Brock et al. 2019, appendix B)."""
    return lambda channels: ConditionalBatchNorm(channels, nn.Linear(inputs, channels, bias=False), nn.Linear(inputs, channels, bias=False))

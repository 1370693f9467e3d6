"""How is a training step executed with the channels of every pixel side by side in memory?"""

from dataclasses import dataclass, replace

import torch
from torch import nn

from ganbench.training.context import HarnessContext
from ganbench.training.engines.eager import Eager
from ganbench.training.variant import Variant


@dataclass(frozen=True, kw_only=True)
class ChannelsLast(Eager):
    """Eager, with images and the weights of convolutions stored channels-last.

    Convolutions of many devices compute so, and otherwise reorder what they are given and what they return. They may sum in another order,
    so that results agree with those of eager only within rounding.
    """

    def __post_init__(self) -> None:
        """Reorders the weights in place, so that optimizers keep theirs."""
        for module in (self.variant, self.ema.module):
            reordered(module)

    def __call__(self, context: HarnessContext) -> None:
        """See :class:`~ganbench.training.engines.Engine`."""
        examples = context.real.examples.contiguous(memory_format=torch.channels_last)
        context.real = replace(context.real, examples=examples)
        super().__call__(context)

    @staticmethod
    def refuses(variant: Variant) -> str:
        """Why the engine cannot take a method, as far as that can be told without a step; empty if it can."""
        return "" if variant.shape.is_image else "points have no channels"


def reordered(module: nn.Module) -> None:
    """Stores a module's parameters and buffers of four dimensions channels-last."""
    module.to(memory_format=torch.channels_last)

"""How are the EMA weights of the generator computed?"""

import copy

import torch
from torch import Tensor, nn


class MovingAverage:
    """An exponential moving average of a network's parameters and floating-point buffers.

    Batch-norm statistics are averaged like the weights; integer and boolean buffers (counters, stages) are
    copied.

    Args:
        module: The network to average; its current state is the initial average.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, module: nn.Module, decay: float | Tensor) -> None:
        """Updates the average: ``average = decay * average + (1 - decay) * network``."""
        theirs = module.state_dict()
        weight = 1 - decay
        for name, ours in self.module.state_dict().items():
            if ours.is_floating_point():
                ours.lerp_(theirs[name], weight.to(ours.dtype) if isinstance(weight, Tensor) else weight)
            else:
                ours.copy_(theirs[name])

"""Which layers keep signals and learning speeds of one size? (Karras et al. 2018, "Progressive growing of GANs", sections 3 and 4)"""

import torch
from torch import Tensor, nn
from torch.nn import functional

RELU_GAIN = 2**0.5
"""He's gain: behind a (leaky) ReLU the second moment is that of the input."""
NORM_EPSILON = 1e-8
"""Below both roots (section 4.2; the paper states none for the standard deviation)."""


class EqualisedLinear(nn.Module):
    """A linear layer whose weights start from N(0, 1) and are scaled by He's constant at run time (section 4.1).

    Adam's steps are of one length for every weight, whatever its scale; with the scale outside of the weight all learn at one speed.

    Args:
        inputs: Width of the input.
        outputs: Width of the output.
        gain: The scale is ``gain / sqrt(inputs)``: :data:`RELU_GAIN` ahead of a leaky ReLU, else 1.
        bias: Value that the bias starts from.
        rate: Learning rate multiplier of weights and bias (Karras et al. 2019, appendix C); at the start it changes nothing.
        bias_gain: Factor of the bias: :data:`RELU_GAIN` where the gain belongs behind the activation, so that it scales the bias too.
    """

    def __init__(
        self, inputs: int, outputs: int, *, gain: float = 1.0, bias: float = 0.0, rate: float = 1.0, bias_gain: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.scale, self.bias_scale = gain * rate / inputs**0.5, bias_gain * rate

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs) to (n, outputs)."""
        return functional.linear(x, self.weight * self.scale, self.bias * self.bias_scale)


class EqualisedConv(nn.Module):
    """A convolution like :class:`EqualisedLinear`, with stride 1 and a side kept where the kernel is odd.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        kernel: Side of the kernel.
        gain: The scale is ``gain / sqrt(inputs x kernel x kernel)``.
        bias: Whether there is one; it starts from 0.
        bias_gain: See :class:`EqualisedLinear`.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, gain: float = 1.0, bias: bool = True, bias_gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale, self.bias_scale = gain / (inputs * kernel * kernel) ** 0.5, bias_gain

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h, w)."""
        bias = self.bias if self.bias is None or self.bias_scale == 1 else self.bias * self.bias_scale
        return functional.conv2d(x, self.weight * self.scale, bias, padding=self.weight.shape[2] // 2)


def pixel_norm(x: Tensor) -> Tensor:
    """Every vector along dimension 1 divided by its root mean square (section 4.2): (n, d) latents or (n, channels, h, w) maps."""
    return x * (x.square().mean(1, keepdim=True) + NORM_EPSILON).rsqrt()


class MinibatchStddev(nn.Module):
    """Appends one channel that says how much the images of a group differ (section 3).

    The standard deviation of every feature at every place over the group, averaged to one number. The paper takes the whole batch
    as one group; smaller groups are the authors' later practice. Identical images give the root of :data:`NORM_EPSILON`, 1e-4, which
    stands for 0. A batch that the group does not divide is taken in the largest groups that do divide it, so that any number of
    examples can be judged outside of training.

    Args:
        group: Images in a group.
    """

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to (n, channels + 1, h, w)."""
        n, _, height, width = x.shape
        size = max(m for m in range(1, min(self.group, n) + 1) if n % m == 0)
        groups = x.reshape(n // size, size, -1)
        deviation = ((groups - groups.mean(1, keepdim=True)).square().mean(1) + NORM_EPSILON).sqrt().mean(1)
        return torch.cat([x, deviation.view(-1, 1, 1, 1, 1).expand(-1, size, 1, height, width).reshape(n, 1, height, width)], 1)

"""How is the Inception network of the FID computed fast without changing its values?

The layers, their sizes and their TensorFlow peculiarities are torch-fidelity's; the operations are rearranged to
mathematically equivalent ones:

- batch normalisation is folded into the convolution before it, in float64;
- a 1x1 convolution after an average pool is applied before it (both are linear, and they act on different axes), so
  fewer channels are pooled; the shift of the batch normalisation is not changed by averaging;
- the ReLU before a max pool is applied after it (it is monotone), where there are fewer values;
- memory is laid out channels-last.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_fidelity import feature_extractor_inceptionv3 as definition

WIDTH = 2048
CLASSES = 1008
SPATIAL_CHANNELS = 7
"""Channels of the spatial features (guided-diffusion's sFID)."""
_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "MaxPool_2")
_BLOCKS = tuple(f"Mixed_{name}" for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"))
_SPATIAL_BLOCK = "Mixed_6d"
"""The block that TensorFlow calls ``mixed_6``."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Output of the network for a batch."""

    pooled: Tensor
    """(n, 2048), ``pool_3`` of the TensorFlow graph."""
    logits: Tensor
    """(n, 1008), without the bias of the last layer."""
    spatial: Tensor | None
    """(n, 17 * 17 * 7), ``mixed_6/conv:0`` of the TensorFlow graph, which lies behind batch normalisation and ReLU (openai/guided-diffusion
    issue 109), positions first; None if not wanted."""


class Definition(nn.Module):
    """torch-fidelity's layers under their published names; only their weights are read."""

    def __init__(self) -> None:
        super().__init__()
        convolution = definition.BasicConv2d
        self.Conv2d_1a_3x3 = convolution(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = convolution(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = convolution(32, 64, kernel_size=3, padding=1)
        self.Conv2d_3b_1x1 = convolution(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = convolution(80, 192, kernel_size=3)
        self.Mixed_5b = definition.InceptionA(192, pool_features=32)
        self.Mixed_5c = definition.InceptionA(256, pool_features=64)
        self.Mixed_5d = definition.InceptionA(288, pool_features=64)
        self.Mixed_6a = definition.InceptionB(288)
        self.Mixed_6b = definition.InceptionC(768, channels_7x7=128)
        self.Mixed_6c = definition.InceptionC(768, channels_7x7=160)
        self.Mixed_6d = definition.InceptionC(768, channels_7x7=160)
        self.Mixed_6e = definition.InceptionC(768, channels_7x7=192)
        self.Mixed_7a = definition.InceptionD(768)
        self.Mixed_7b = definition.InceptionE_1(1280)
        self.Mixed_7c = definition.InceptionE_2(2048)
        self.fc = nn.Linear(WIDTH, CLASSES)


class InceptionNetwork(nn.Module):
    """The function that torch-fidelity's extractor computes, with rearranged operations.

    Args:
        source: The layers with their weights.
    """

    def __init__(self, source: Definition) -> None:
        super().__init__()
        stem: list[nn.Module] = []
        for position, name in enumerate(_STEM):
            before_pool = _STEM[min(position + 1, len(_STEM) - 1)].startswith("MaxPool")
            stem.append(_PooledRectifier() if name.startswith("MaxPool") else Convolution(getattr(source, name), rectified=not before_pool))
        self.stem = nn.Sequential(*stem)
        self.blocks = nn.ModuleList(Block(getattr(source, name)) for name in _BLOCKS)
        # a copy, so that the rest of the last layer can be freed
        self.register_buffer("last", source.fc.weight.detach().clone())
        self.last: Tensor

    def forward(self, inputs: Tensor, with_spatial: bool = False) -> Seen:
        """Computes features and logits.

        Args:
            inputs: (n, 3, 299, 299), about [-1, 1]; convolutions are computed in this dtype.
            with_spatial: Whether spatial features are wanted.
        """
        maps, spatial = self.stem(inputs.contiguous(memory_format=torch.channels_last)), None
        for name, block in zip(_BLOCKS, self.blocks, strict=True):
            maps = block(maps)
            if with_spatial and name == _SPATIAL_BLOCK:  # the channels of the first branch come first
                spatial = maps[:, :SPATIAL_CHANNELS].permute(0, 2, 3, 1).flatten(1).float()
        pooled = maps.float().mean((2, 3))
        return Seen(pooled=pooled, logits=pooled @ self.last.T, spatial=spatial)


class Convolution(nn.Module):
    """A convolution with the following batch normalisation folded in.

    Args:
        source: torch-fidelity's module of both.
        rectified: Whether a ReLU follows.
    """

    def __init__(self, source: Any, rectified: bool = True) -> None:
        super().__init__()
        conv, norm = source.conv, source.bn
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        weight = (conv.weight.double() * scale.view(-1, 1, 1, 1)).float()
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), requires_grad=False)
        self.bias = nn.Parameter((norm.bias.double() - norm.running_mean.double() * scale).float(), requires_grad=False)
        self.stride, self.padding, self.rectified = conv.stride, conv.padding, rectified

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (n, channels, height, width)."""
        out: Tensor = F.conv2d(maps, self.weight.to(maps.dtype), self.bias.to(maps.dtype), self.stride, self.padding)
        return out.relu_() if self.rectified else out


class Block(nn.Module):
    """One Inception block: parallel branches, the pooled one last.

    Args:
        source: torch-fidelity's block.
    """

    def __init__(self, source: nn.Module) -> None:
        super().__init__()
        self.averages = type(source) in (definition.InceptionA, definition.InceptionC, definition.InceptionE_1)
        self.shrinks = type(source) in (definition.InceptionB, definition.InceptionD)
        layers = {name: Convolution(child, rectified=name != "branch_pool" or not self.averages) for name, child in source.named_children()}
        self.pool = layers.pop("branch_pool", None)
        names = [name for name in layers if name[-1] not in "ab"]
        self.branches = nn.ModuleList(nn.Sequential(*[layers[name] for name in chain]) for chain in _chains(names))
        self.forks = nn.ModuleList(_Fork(layers[name + "a"], layers[name + "b"]) for name in _forked(layers))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (n, channels, height, width)."""
        outputs: list[Tensor] = [branch(maps) for branch in self.branches]
        # in the last two blocks, all branches but the first end in two parallel convolutions
        first_forked = len(outputs) - len(self.forks)
        for position, fork in enumerate(self.forks, first_forked):
            outputs[position] = fork(outputs[position])
        return torch.cat([*outputs, self._pooled(maps)], 1)

    def _pooled(self, maps: Tensor) -> Tensor:
        if self.pool is None:
            return F.max_pool2d(maps, 3, stride=2)
        if self.averages:
            return F.avg_pool2d(self.pool(maps), 3, stride=1, padding=1, count_include_pad=False).relu_()
        pooled: Tensor = self.pool(F.max_pool2d(maps, 3, stride=1, padding=1))
        return pooled


class _Fork(nn.Module):
    """Two parallel convolutions of the same maps."""

    def __init__(self, first: Convolution, second: Convolution) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([self.first(maps), self.second(maps)], 1)


class _PooledRectifier(nn.Module):
    """A max pool, followed by the ReLU that preceded it in the original."""

    def forward(self, maps: Tensor) -> Tensor:
        return F.max_pool2d(maps, 3, stride=2).relu_()


def _chains(names: Iterable[str]) -> list[list[str]]:
    """Names of the layers of every branch in order: ``branch7x7_1``, ``branch7x7_2`` ... form one branch."""
    chains: dict[str, list[str]] = {}
    for name in names:
        chains.setdefault(name.rpartition("_")[0] or name, []).append(name)
    return list(chains.values())


def _forked(names: Iterable[str]) -> list[str]:
    """Common prefixes of the layers that come in pairs ``a`` and ``b``."""
    return [name[:-1] for name in names if name.endswith("a")]

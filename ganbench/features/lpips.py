"""What is the perceptual distance of two images?"""

from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from ganbench.errors import DataError
from ganbench.features.archives import read
from ganbench.features.image_network import fill
from ganbench.features.published import Published, find
from ganbench.features.vgg import VGG16, vgg16
from ganbench.precision import convolutions

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
"""Mean and standard deviation of red, green and blue over ImageNet, for levels from -1 to 1."""
_CHANNELS = (64, 128, 256, 512, 512)
_TAPS = (3, 8, 15, 22, 29)
"""Indices of the ReLUs of VGG16 whose maps are compared: the last one before every pool."""
_EPSILON = 1e-10
_SMALLEST = 16
"""Smallest height and width, in pixels, at which the innermost maps are not empty."""


class Lpips:
    """Learned perceptual distance on VGG16 (Zhang et al. 2018, equation 1; weights of version 0.1).

    Args:
        weights: A folder that contains the files of both networks; None uses the default locations.

    Raises:
        DataError: A file is not on this machine, or belongs to another network.
    """

    name: ClassVar[str] = "lpips-vgg16"
    published: ClassVar[tuple[Published, ...]] = (
        VGG16,
        Published(
            file="weights-vgg16-lpips.pth",
            url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-vgg16-lpips.pth",
            sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
            megabytes=1,
        ),
    )

    def __init__(self, weights: Path | None = None) -> None:
        backbone, heads = (find(self.name, published, weights, alone=False) for published in self.published)
        layers = vgg16(self.name, backbone).features
        assert isinstance(layers, nn.Sequential)
        with torch.device("meta"):
            weighting = nn.ModuleDict({f"lin{position}": _Head(channels) for position, channels in enumerate(_CHANNELS)})
        self.heads = fill(self.name, weighting, read(self.name, heads.path), heads).eval().requires_grad_(False)
        negative = [key for key, weight in self.heads.state_dict().items() if (weight < 0).any()]
        if negative:
            raise DataError(f"{self.name}: {str(heads.path)!r} has negative weights in {negative[0]}; give {heads.published.file}")
        self.layers = layers[: _TAPS[-1] + 1].eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.found = (backbone, heads)
        self.notes = backbone.notes + heads.notes
        """Remarks for the reader of its distances, one line each."""

    def identity(self) -> dict[str, Any]:
        """What its distances depend on besides the images; part of the protocol of scores that rest on them."""
        return {"network": self.name, "network_weights_sha256": "+".join(one.sha256 for one in self.found)}

    def departures(self) -> list[str]:
        """Deviations from the network that the literature means, as labels in tables."""
        return [] if all(one.genuine for one in self.found) else ["other weights"]

    def to(self, device: torch.device | str) -> Self:
        """Moves the networks; images must be on the same device."""
        self.layers.to(device)
        self.heads.to(device)
        return self

    @torch.no_grad()
    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances of pairs of images.

        Args:
            first: float (n, 3, height, width) in [-1, 1], at least 16 pixels per side.
            second: Likewise.

        Returns:
            float32 (n,), at least 0.

        Raises:
            DataError: The images differ in shape, are not RGB, or are too small.
        """
        if first.shape != second.shape or first.ndim != 4 or first.shape[1] != 3 or min(first.shape[2:]) < _SMALLEST:
            raise DataError(
                f"{self.name} takes two equal shapes (n, 3, height, width) of {_SMALLEST} pixels a side or more, "
                f"not {tuple(first.shape)} and {tuple(second.shape)}"
            )
        with convolutions():
            return self._distance(torch.cat([first, second]).float())

    def _distance(self, maps: Tensor) -> Tensor:
        """Distances of the first half of a batch from the second."""
        shift, scale = (torch.tensor(values, device=maps.device).view(3, 1, 1) for values in (_SHIFT, _SCALE))
        maps = (maps - shift) / scale
        total = maps.new_zeros(len(maps) // 2)
        heads = iter(self.heads.children())
        for position, layer in enumerate(self.layers):
            maps = layer(maps)
            if position in _TAPS:
                one, other = (maps / (maps.square().sum(1, keepdim=True).sqrt() + _EPSILON)).chunk(2)
                total += next(heads)((one - other).square()).mean((1, 2, 3))
        return total


class _Head(nn.Module):
    """One weight per channel, under the name that it has in the published file."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Identity(), nn.Conv2d(channels, 1, 1, bias=False))

    def forward(self, maps: Tensor) -> Tensor:
        weighted: Tensor = self.model(maps)
        return weighted

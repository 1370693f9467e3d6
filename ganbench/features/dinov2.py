"""Which features does DINOv2 give?"""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganbench.features.archives import read
from ganbench.features.image_network import IMAGENET_MEAN, IMAGENET_STD, ImageNetwork, fill, normalised
from ganbench.features.published import Found, Published
from ganbench.sets.features import Features

_TRAINED_GRID = 37
"""Patches per side at 518 pixels, for which the position embedding was trained."""
_GRID = 16
"""Patches per side at 224 pixels."""
_OFFSET = 0.1
"""Added to the grid size by the authors' code against rounding; it shifts every position a little."""


class DinoV2VitL14(ImageNetwork):
    """DINOv2 ViT-L/14 (Meta's weights), class token, 1024 features; used by FD-DINOv2.

    Stein et al. (2023): 224 pixels, antialiased bicubic resize, the class token after the last normalisation.
    """

    name: ClassVar[str] = "dinov2-vitl14"
    width: ClassVar[int] = 1024
    size: ClassVar[int] = 14 * _GRID
    mode: ClassVar[str] = "bicubic"
    options: ClassVar[dict[str, Any]] = {"img_size": 14 * _GRID, "num_classes": 0}
    """Arguments of ``timm.create_model``."""
    published: ClassVar[Published | None] = Published(
        file="dinov2_vitl14_pretrain.pth",
        url="https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth",
        sha256="d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
        megabytes=1218,
    )

    def build(self, found: Found) -> nn.Module:
        """The vision transformer of timm with Meta's weights."""
        import timm

        tensors = read(self.name, found.path)
        tensors.pop("mask_token", None)  # used in training only
        positions = tensors.get("pos_embed")
        if positions is not None and positions.ndim == 3 and positions.shape[1] == 1 + _TRAINED_GRID**2:
            tensors["pos_embed"] = at_224(positions)
        with torch.device("meta"):
            network: nn.Module = timm.create_model("vit_large_patch14_dinov2", pretrained=False, **self.options)
        return fill(self.name, network, tensors, found)

    def seen(self, levels: Tensor) -> Features:
        """Class tokens (n, 1024)."""
        assert self.network is not None
        return Features(values=self.network(normalised(levels, IMAGENET_MEAN, IMAGENET_STD)))


def at_224(positions: Tensor) -> Tensor:
    """The position embedding for 518 pixels, resized to 224 as in the authors' code: bicubic, not antialiased.

    Args:
        positions: (1, 1 + 37 * 37, width), the class token's first.

    Returns:
        (1, 1 + 16 * 16, width).
    """
    width = positions.shape[2]
    grid = positions[:, 1:].float().view(1, _TRAINED_GRID, _TRAINED_GRID, width).permute(0, 3, 1, 2)
    scale = (_GRID + _OFFSET) / _TRAINED_GRID
    resampled = F.interpolate(grid, scale_factor=(scale, scale), mode="bicubic", align_corners=False)
    return torch.cat([positions[:, :1].float(), resampled.permute(0, 2, 3, 1).reshape(1, _GRID**2, width)], 1)

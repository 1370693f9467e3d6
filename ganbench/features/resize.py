"""How are images resized for a feature network?

None of the protocols rounds back to 8 bits, and all leave an image that already is N x N unchanged.

========================  ==============================================================================================
``torch-antialias-N``     levels divided by 255, torch's bilinear filter, half-pixel centres, antialiased
``tf1-N``                 bilinear, no half-pixel centres, not antialiased: TensorFlow 1, and with it TTUR and torch-fidelity
``torch-N``               bilinear, half-pixel centres, not antialiased: pytorch-fid
``clean-N``               PIL's bicubic filter on every channel in float32, clipped to [0, 255]: clean-fid
``clean-gpu-N``           torch's antialiased bicubic filter, clipped to [0, 255]: close to ``clean-N``, not equal to it
``bicubic-N``             torch's antialiased bicubic filter, overshoot kept: what EDM2 feeds to DINOv2
========================  ==============================================================================================
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

ITU_R_601 = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luma (ITU-R BT.601, section 2.5.1)."""


def antialiased(images: Tensor, size: int) -> Tensor:
    """Applies ``torch-antialias-<size>``.

    Args:
        images: uint8 (n, channels, height, width).
        size: Height and width of the result, in pixels.

    Returns:
        float32 (n, channels, size, size) in [0, 1].
    """
    scaled = images.float() / 255
    if images.shape[2:] == (size, size):
        return scaled
    return F.interpolate(scaled, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def grey(images: Tensor) -> Tensor:
    """Luma of RGB images (n, 3, h, w) as (n, 1, h, w); grey images pass unchanged."""
    if images.shape[1] == 1:
        return images
    red, green, blue = ITU_R_601
    return red * images[:, 0:1] + green * images[:, 1:2] + blue * images[:, 2:3]


def rgb(images: Tensor) -> Tensor:
    """Grey images (n, 1, h, w) repeated to (n, 3, h, w); RGB images pass unchanged."""
    return images.expand(-1, 3, -1, -1)


def resized(images: Tensor, mode: str, size: int) -> Tensor:
    """Applies ``<mode>-<size>``, one of :data:`MODES`.

    Args:
        images: uint8 (n, channels, height, width).
        mode: Name of the protocol without its size.
        size: Height and width of the result, in pixels.

    Returns:
        float32 levels (n, channels, size, size) from 0 to 255.
    """
    return MODES[mode](images, size)


def _tf1(images: Tensor, size: int) -> Tensor:
    """TensorFlow 1's ``resize_bilinear``: output pixel i samples position i * (in / out), in float32 as there."""
    levels = images.permute(0, 2, 3, 1).float()
    if images.shape[2:] == (size, size):
        return levels.permute(0, 3, 1, 2)
    # width first as in TensorFlow, since the other order rounds differently
    for dim in (2, 1):
        length = levels.shape[dim]
        positions = torch.arange(size, dtype=torch.float32, device=images.device) * torch.tensor(length / size, dtype=torch.float32)
        low = positions.long()
        share = (positions - low).view(-1, *[1] * (3 - dim))
        first = levels.index_select(dim, low)
        second = levels.index_select(dim, (low + 1).clamp_max(length - 1))
        levels = second.sub_(first).mul_(share).add_(first)
    return levels.permute(0, 3, 1, 2)


def _torch(images: Tensor, size: int) -> Tensor:
    return F.interpolate(images.float(), size=(size, size), mode="bilinear", align_corners=False)


def _clean(images: Tensor, size: int) -> Tensor:
    planes = images.flatten(0, 1).cpu().numpy().astype(np.float32)
    resample = Image.Resampling.BICUBIC
    pieces = [np.asarray(Image.fromarray(plane).resize((size, size), resample)) for plane in planes]
    return torch.from_numpy(np.stack(pieces)).clamp_(0, 255).view(*images.shape[:2], size, size).to(images.device)


def _clean_gpu(images: Tensor, size: int) -> Tensor:
    return _bicubic(images, size).clamp_(0, 255)


def _bicubic(images: Tensor, size: int) -> Tensor:
    return F.interpolate(images.float(), size=(size, size), mode="bicubic", align_corners=False, antialias=True)


MODES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "tf1": _tf1,
    "torch": _torch,
    "clean": _clean,
    "clean-gpu": _clean_gpu,
    "bicubic": _bicubic,
}
"""Resize protocols of networks with published weights, by their name without the size."""

"""What happens to an image before a network sees it?

Named protocol ``torch-antialias-N``: uint8 levels are divided by 255, then torch's bilinear filter with
half-pixel centres and antialiasing takes height and width to N in float32; nothing is rounded back to
8 bits. An image that already is N x N passes unchanged.
"""

import torch.nn.functional as F
from torch import Tensor

ITU_R_601 = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in luma (ITU-R BT.601, section 2.5.1)."""


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

"""How are real images resized to the resolution of a data set?

All data sets use one protocol: the largest centred square is cropped (of an odd margin, the extra row or column is
cut at the bottom or right), then Pillow's antialiased bicubic filter resizes the uint8 pixels. Its fixed-point
arithmetic gives the same bytes on every machine. An image that already has the resolution is not changed.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganbench.data.limits import check_decoded


def square(image: Image.Image, resolution: int) -> Image.Image:
    """Crops the centre of one 8-bit image and resizes it to ``resolution`` x ``resolution`` pixels."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    return image if side == resolution else image.resize((resolution, resolution), Image.Resampling.BICUBIC)


def squares(images: npt.NDArray[np.uint8], resolution: int | None, where: str) -> npt.NDArray[np.uint8]:
    """Applies :func:`square` to a stack of images.

    Args:
        images: uint8 (n, channels, height, width) with 1 or 3 channels.
        resolution: Height and width in pixels; None keeps them.
        where: Name of the data set or its path, for error messages.

    Returns:
        uint8 (n, channels, resolution, resolution).

    Raises:
        DataError: The result exceeds ``limits.DECODED_LIMIT_BYTES``.
    """
    if resolution is None or images.shape[2:] == (resolution, resolution):
        return images
    shape = (*images.shape[:2], resolution, resolution)
    check_decoded(where, shape)
    resized = np.empty(shape, np.uint8)
    for source, target in zip(images, resized, strict=True):
        pixels = source[0] if len(source) == 1 else source.transpose(1, 2, 0)
        target[:] = planes(square(Image.fromarray(pixels), resolution))
    return resized


def planes(image: Image.Image) -> npt.NDArray[np.uint8]:
    """The pixels of an "L" or "RGB" image as uint8 (channels, height, width)."""
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

"""Which forms of data can an architecture do?"""

from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError

SMALLEST, LARGEST = 8, 256
"""Sides, in pixels, of images that the variants are meant for."""
ROOTS = range(4, 8)
"""Sides of the smallest feature map."""


def image_sides(shape: DataShape, method: str, largest: int = LARGEST) -> list[int]:
    """Sides of the feature maps from the image down to the smallest, each half of the one before: 32, 16, 8, 4 or 28, 14, 7.

    Args:
        shape: Form of the data.
        method: Name of the variant, for messages.
        largest: Largest side that the architecture is meant for.

    Raises:
        RequestError: The data are points, not square, or of a side that halving does not take to between 4 and 7.
    """
    side = square_side(shape, method)
    possible = [root * 2**power for power in range(1, 9) for root in ROOTS if SMALLEST <= root * 2**power <= largest]
    if side not in possible:
        below, above = [n for n in possible if n < side][-1:], [n for n in possible if n > side][:1]
        nearest = " or ".join(str(n) for n in below + above)
        raise RequestError(
            f"{method}: images of {side} pixels are not 4 to 7 doubled until {largest} at most; "
            f"give the data set a `resolution` of {nearest}"
        )
    sides = [side]
    while sides[-1] not in ROOTS:
        sides.append(sides[-1] // 2)
    return sides


def square_side(shape: DataShape, method: str) -> int:
    """Side of square images.

    Raises:
        RequestError: The data are points, or not square.
    """
    if not shape.is_image:
        raise RequestError(f"{method} works on images; on {shape} take gan, wgan_gp, pacgan or another that does both")
    _, height, width = shape.size
    if height != width:
        raise RequestError(
            f"{method}: images of {height}x{width} pixels are not square; give the data set a `resolution`, which crops and resizes"
        )
    return height


def label_count(shape: DataShape, method: str, remedy: str = "take sngan, stylegan2 or another that needs none") -> int:
    """Number of classes.

    Raises:
        RequestError: The data have no labels.
    """
    if not shape.classes:
        raise RequestError(f"{method} needs labels and the data set has none; give it class sub-folders or a dataset.json, or {remedy}")
    return shape.classes

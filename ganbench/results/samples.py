"""What is kept of the examples that were scored? (a PNG grid of images, or the points themselves)"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

GRID_IMAGES = 64
"""Images in a grid: the first ones, never chosen."""
POINTS = 2_500
"""Points that are kept of a mixture."""


def write_samples(folder: Path, examples: npt.NDArray[Any], images_seen: int, weights: str) -> Path:
    """Writes the first examples of an evaluation.

    Args:
        folder: The run's ``samples`` folder; made if missing.
        examples: uint8 images (n, channels, height, width), or points (n, dimensions).
        images_seen: When.
        weights: Which weights they were drawn with ("raw" or "ema").

    Returns:
        The file: ``<images_seen>-<weights>.png`` or ``.npy``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{images_seen:010d}-{weights}"
    if examples.ndim != 4:
        np.save(path.with_suffix(".npy"), examples[:POINTS])
        return path.with_suffix(".npy")
    Image.fromarray(grid(examples[:GRID_IMAGES])).save(path.with_suffix(".png"))
    return path.with_suffix(".png")


def grid(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Images (n, channels, height, width) side by side, in rows of the square root of n: (rows, columns[, 3])."""
    n, channels, height, width = images.shape
    columns = max(1, int(np.ceil(np.sqrt(n))))
    rows = -(-n // columns)
    canvas = np.zeros((rows * columns, channels, height, width), np.uint8)
    canvas[:n] = images
    tiled = (
        canvas.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)
    )
    return tiled[:, :, 0] if channels == 1 else tiled

"""How are samples of the scored examples saved? (a PNG grid of images, or an array of points)"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

GRID_IMAGES = 64
"""Number of images in a grid: always the first ones, never selected."""
LINE = 96
"""Grey level of the lines between images."""
POINTS = 2_500
"""Number of points that are saved of point data."""


def write_samples(folder: Path, examples: npt.NDArray[Any], name: str) -> Path:
    """Writes the first examples of a set.

    Args:
        folder: The run's ``samples`` folder; created if missing.
        examples: uint8 images (n, channels, height, width), or points (n, dimensions).
        name: File name without a suffix.

    Returns:
        The file: ``<name>.png`` or ``<name>.npy``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if examples.ndim != 4:
        np.save(folder / f"{name}.npy", examples[:POINTS])
        return folder / f"{name}.npy"
    save_grid(examples[:GRID_IMAGES], folder / f"{name}.png")
    return folder / f"{name}.png"


def save_grid(images: npt.NDArray[np.uint8], path: Path, columns: int | None = None) -> None:
    """Writes images as a PNG grid; arguments as for :func:`grid`."""
    Image.fromarray(grid(images, columns)).save(path)


def grid(images: npt.NDArray[np.uint8], columns: int | None = None) -> npt.NDArray[np.uint8]:
    """Arranges images in a grid, with a grey line between them.

    Args:
        images: (n, channels, height, width), row by row.
        columns: Number of images in a row; about the square root of n by default.

    Returns:
        (rows, columns) for one channel, (rows, columns, 3) for three.
    """
    n, channels = images.shape[:2]
    columns = columns or max(1, int(np.ceil(np.sqrt(n))))
    rows = -(-n // columns)
    padded = np.pad(images, ((0, rows * columns - n), (0, 0), (0, 1), (0, 1)), constant_values=LINE)
    height, width = padded.shape[2:]
    tiled = padded.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    canvas = tiled.reshape(rows * height, columns * width, channels)[:-1, :-1]
    return canvas[:, :, 0] if channels == 1 else canvas

"""How is a grid of images labelled? (one PNG with a title and names of rows and columns)"""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt

from ganbench.results.samples import grid
from ganbench.text import drawn

matplotlib.use("Agg")

from matplotlib import pyplot as plt

CELL_PIXELS = 64
"""Smallest side of an image on the sheet; smaller images are enlarged by an integer factor without interpolation."""
DPI = 100


def sheet(images: npt.NDArray[np.uint8], columns: int, title: str, across: Sequence[str], down: Sequence[str], path: Path) -> None:
    """Writes a PNG of images in rows, with a title and names of rows and columns.

    Args:
        images: (rows x columns, channels, height, width), row by row.
        columns: Number of images in a row.
        title: Title above the grid.
        across: A name for each column, or empty.
        down: A name for each row, or empty.
        path: The PNG to write.
    """
    height, width = images.shape[2:]
    canvas = grid(images, columns)
    scale = -(-CELL_PIXELS // width)
    size = np.array(canvas.shape[1::-1]) * scale / DPI
    margins = np.array([1.2 if down else 0.4, 0.9 if across else 0.7])
    figure = plt.figure(figsize=tuple(size + margins), dpi=DPI)
    left = (margins[0] - 0.2) / (size + margins)[0]
    axes = figure.add_axes((left, 0.2 / (size + margins)[1], *(size / (size + margins))))
    axes.imshow(canvas, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
    axes.spines[:].set_visible(False)
    _name(axes.xaxis, across, width)
    _name(axes.yaxis, down, height)
    axes.xaxis.tick_top()
    letters = max(20, int((size[0] + margins[0]) * 12))
    figure.suptitle(textwrap.fill(drawn(title), letters), fontsize=9, y=1 - 0.1 / (size + margins)[1], va="top")
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def _name(axis: Any, names: Sequence[str], side: int) -> None:
    """Places names at the centres of images of this side, which are separated by lines of one pixel."""
    axis.set_ticks([i * (side + 1) + (side - 1) / 2 for i in range(len(names))], labels=[drawn(name) for name in names], fontsize=8)
    axis.set_tick_params(length=0)

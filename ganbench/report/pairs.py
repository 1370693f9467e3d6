"""How do generated images look beside their nearest training images? (one PNG of pairs, with their distances)"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt

from ganbench.results.diagnosis import Diagnosis, Pair

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

ACROSS = 4
"""Number of pairs in a row."""
SIDE = 0.95
"""Width and height of an image in inches."""
DPI = 110
Images = Sequence[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]


def draw_pairs(diagnosis: Diagnosis, path: Path) -> None:
    """Writes a PNG of the most suspicious pairs, with pairs of held-out examples below for comparison.

    Args:
        diagnosis: A diagnosis with pictures.
        path: The PNG to write.
    """
    assert diagnosis.pictures is not None
    shown = diagnosis.pictures
    groups = [
        ("Generated (left) beside its nearest training image (right), the most suspicious first", diagnosis.pairs, shown.generated),
        ("For comparison: held-out real (left) beside its nearest training image (right)", diagnosis.held_out_pairs, shown.held_out),
    ]
    rows = [-(-len(pairs) // ACROSS) for _, pairs, _ in groups]
    height = sum(rows) * (SIDE + 0.42) + 0.45 * len(groups) + 0.35
    figure = plt.figure(figsize=(ACROSS * (2 * SIDE + 0.25) + 0.3, height), dpi=DPI)
    top = height
    for (title, pairs, images), count in zip(groups, rows, strict=True):
        figure.text(0.15 / figure.get_figwidth(), (top - 0.25) / height, title, fontsize=9, fontweight="bold", va="center")
        top -= 0.45
        for place, (pair, both) in enumerate(zip(pairs, images, strict=True)):
            corner = 0.15 + place % ACROSS * (2 * SIDE + 0.25), top - (place // ACROSS + 1) * (SIDE + 0.42) + 0.42
            _pair(figure, corner, pair, both)
        top -= count * (SIDE + 0.42)
    words = "d: distance of features; ×: as a multiple of the training image's distance to its nearest other training image"
    figure.text(0.15 / figure.get_figwidth(), 0.15 / height, words, fontsize=7, color="0.3", va="center")
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def _pair(figure: Figure, corner: tuple[float, float], pair: Pair, images: tuple[npt.NDArray[Any], npt.NDArray[Any]]) -> None:
    """Draws both images of a pair from their lower left corner, in inches, with the distance below."""
    size = figure.get_size_inches()
    for column, image in enumerate(images):
        axes = figure.add_axes(((corner[0] + column * (SIDE + 0.03)) / size[0], corner[1] / size[1], SIDE / size[0], SIDE / size[1]))
        axes.imshow(image[0] if len(image) == 1 else image.transpose(1, 2, 0), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set(color="0.6", linewidth=0.6)
    ratio = "copied twice in training" if pair.ratio is None else f"× {pair.ratio:.2f}"
    first = "exact copy" if pair.distance == 0 else f"d {pair.distance:.3g}, {ratio}"
    place = (corner[0] + SIDE) / size[0], (corner[1] - 0.05) / size[1]
    figure.text(*place, f"{first}\n#{pair.example} and #{pair.training}", fontsize=7, ha="center", va="top")

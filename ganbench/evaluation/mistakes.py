"""Were generated images saved with wrong levels, channels or rows? (told from what each mistake would make of the real ones)

A mistake in saving a generator's output is a known map: floats in [-1, 1] times 255 lose all levels below the middle, BGR
images have two channels swapped. Each map is applied to the facts about the real images. A mistake is reported if the
generated images are far from the real ones and much nearer to the mistaken real ones; those of a generator that is merely
bad are far from both.

The limits were measured on digits, MNIST and CIFAR-10 (``tests/evaluation/test_mistakes.py`` repeats it): with one half of
the test images, a mistake that can be told is at most 0.28 times as far from the mistaken other half as from the honest one.
Blurred, noisy, pale, dark, tinted, collapsed and random images are at least 0.46 times as far, and no pair of honest subsets of
50 to 200 images gave an alarm, nor did 288 evaluations of four GANs on the three sets, from the first step on. What cannot be
told: a mirror image, and upside-down digits of 16x16.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ganbench.features.facts import BANDS, EDGES, Facts

Values = npt.NDArray[np.floating[Any]]

MINIMUM_N = 50
"""Smallest number of images on either side."""
RATIO = 0.3
"""Largest distance from the mistaken real images, relative to that from the real ones; see above."""
FAR_LEVELS = 4.0
"""Smallest distance from the real images, in levels of 255; honest halves of 50 images of MNIST and digits differ by 2."""
FAR_BANDS = 4.0
"""The same for the mean levels of bands."""
_QUANTILES = torch.linspace(0, 1, 33, dtype=torch.float64)

_LEVELS: tuple[tuple[str, Callable[[Values], Values]], ...] = (
    ("all levels below the middle are 0, as of floats in [-1, 1] times 255; save 127.5 x + 127.5", lambda v: np.clip(2 * v - 255, 0, 255)),
    ("levels wrap around, as of floats in [-1, 1] times 255 made uint8; save 127.5 x + 127.5", lambda v: np.trunc(2 * v - 255) % 256),
    ("levels wrap around at 256, as of images doubled in brightness; save levels from 0 to 255", lambda v: (2 * v) % 256),
    ("they have half the brightness of real ones; were floats in [0, 1] times 127.5?", lambda v: v / 2),
    ("they have twice the brightness of real ones, cut at 255; was the range applied twice?", lambda v: np.clip(2 * v, 0, 255)),
    ("they are negatives of real ones: black where these are white; save 255 - level", lambda v: 255 - v),
)  # fmt: skip
_BANDS: tuple[tuple[str, Callable[[Values], Values]], ...] = (
    ("red and blue are swapped, as of BGR images; reverse the channels", lambda bands: bands[::-1]),
    ("they are upside down; flip the rows", lambda bands: bands[:, ::-1]),
    ("they are upside down, and red and blue are swapped; flip the rows and the channels", lambda bands: bands[::-1, ::-1]),
)


def mistake(real: Facts, fake: Facts) -> str:
    """The mistake with which generated images were saved, in words; empty if none can be told.

    Args:
        real: Facts about real images.
        fake: Facts about generated images.
    """
    if min(len(real.levels), len(fake.levels)) < MINIMUM_N:
        return ""
    return _of_levels(real, fake) or _of_bands(real, fake)


def _of_levels(real: Facts, fake: Facts) -> str:
    theirs, ours = (side.levels.double().numpy() for side in (real, fake))
    honest = _apart(theirs, ours)
    if honest < FAR_LEVELS:
        return ""
    distance, found = min((_apart(theirs @ _moved(change), ours), text) for text, change in _LEVELS)
    return found if distance <= RATIO * honest else ""


def _of_bands(real: Facts, fake: Facts) -> str:
    if real.bands.shape[1] != fake.bands.shape[1]:
        return ""
    theirs, ours = (side.bands.double().mean(0).numpy().reshape(-1, BANDS) for side in (real, fake))
    honest = _root_mean_square(theirs - ours)
    if honest < FAR_BANDS:
        return ""
    possible = _BANDS if len(theirs) > 1 else _BANDS[1:2]
    distance, found = min((_root_mean_square(change(theirs) - ours), text) for text, change in possible)
    return found if distance <= RATIO * honest else ""


_CENTRES = (np.array(EDGES[:-1]) + np.array(EDGES[1:]) - 1) / 2


def _apart(first: Values, second: Values) -> float:
    """Distance of two sets by their levels (n, bins): Wasserstein-1 of all levels, plus that of the images' mean levels."""
    of_all = np.abs(np.cumsum(first.mean(0) - second.mean(0)))[:-1] @ np.diff(_CENTRES)
    means = [torch.quantile(torch.from_numpy(side @ _CENTRES), _QUANTILES) for side in (first, second)]
    return float(of_all + (means[0] - means[1]).abs().mean())


def _moved(change: Callable[[Values], Values]) -> Values:
    """The share of each bin (rows) that a change of levels moves to each bin (columns)."""
    shares = np.zeros((len(_CENTRES), len(_CENTRES)))
    for row, (start, stop) in enumerate(zip(EDGES[:-1], EDGES[1:], strict=True)):
        levels = np.rint(change(np.arange(start, stop, dtype=float)))
        np.add.at(shares[row], np.searchsorted(EDGES, levels, side="right") - 1, 1 / len(levels))
    return shares


def _root_mean_square(values: Values) -> float:
    return float(np.sqrt(np.square(values).mean()))

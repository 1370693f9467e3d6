"""Which images does an npz or npy file hold?"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganbench.data.images import Content, black
from ganbench.data.labels import Labels, checked
from ganbench.data.limits import check_decoded
from ganbench.data.resize import squares
from ganbench.data.stored import Stored, array_names, array_shapes, like_statistics, stored_arrays
from ganbench.errors import DataError


def load_npz(path: Path, resolution: int | None, headers_only: bool = False) -> Content:
    """Loads an npz: images from ``images``, ``arr_0`` or the only array, class labels from ``labels`` if present.

    Args:
        path: An existing file.
        resolution: Height and width in pixels; None keeps the images' own.
        headers_only: Whether the images are only black placeholders, and not read.

    Raises:
        DataError: The file is damaged or malicious, or its arrays are not uint8 images and labels.
    """
    where = repr(str(path))
    names = [name for name in array_names(path) if name != "labels"]
    name = next((known for known in ("images", "arr_0") if known in names), names[0] if len(names) == 1 else None)
    if name is None:
        found = ", ".join(map(repr, sorted(array_names(path)))) or "none"
        hint = like_statistics(array_shapes(path)) or "save it as np.savez(path, images=..., labels=...)"
        raise DataError(f"{where} has no array 'images' (arrays: {found}); {hint}")
    stored = stored_arrays(path, (name, "labels"))
    shape = _shape(stored[name])
    labels = _labels(stored["labels"], shape[0]) if "labels" in stored else None  # before the images, which take more memory
    images = black(shape) if headers_only else _images(stored[name], shape)
    images = black(images.shape, resolution) if headers_only else squares(images, resolution, where)
    return Content(images=images) if labels is None else Content(images=images, labels=labels.numbers, class_names=labels.names)


def load_npy(path: Path, resolution: int | None, headers_only: bool = False) -> Content:
    """Loads an npy file of images.

    Args:
        path: An existing file.
        resolution: Height and width in pixels; None keeps the images' own.
        headers_only: Whether the images are only black placeholders, and not read.

    Raises:
        DataError: The file is damaged or malicious, or does not contain uint8 images.
    """
    where = repr(str(path))
    stored = next(iter(stored_arrays(path).values()))
    shape = _shape(stored)
    return Content(images=black(shape, resolution) if headers_only else squares(_images(stored, shape), resolution, where))


def _shape(stored: Stored) -> tuple[int, int, int, int]:
    """The shape (n, channels, height, width) of images, from their header."""
    where, shape = stored.where, stored.shape
    if stored.dtype != np.uint8:
        raise DataError(f"{where} has type {stored.dtype}, whose range would be a guess; save images as uint8 from 0 to 255")
    if len(shape) not in (3, 4) or 0 in shape:
        raise DataError(f"{where} has shape {shape}; save images as (n, height, width), (n, height, width, c) or (n, c, height, width)")
    channels_last = len(shape) == 4 and shape[3] in (1, 3)
    channels_first = len(shape) == 4 and shape[1] in (1, 3)
    if len(shape) == 4 and channels_last == channels_first:
        problem = "could have its channels first or last" if channels_last else "has neither 1 nor 3 channels"
        raise DataError(f"{where} of shape {shape} {problem}; save images as (n, height, width, c) or (n, c, height, width), c = 1 or 3")
    check_decoded(where, shape)
    n, *sides = shape
    if len(shape) == 3:
        return n, 1, sides[0], sides[1]
    return (n, sides[2], sides[0], sides[1]) if channels_last else (n, sides[0], sides[1], sides[2])


def _images(stored: Stored, shape: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    """The array as (n, channels, height, width)."""
    values = stored.values()
    if values.ndim == 3:
        return values[:, None]
    return values if values.shape == shape else np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def _labels(stored: Stored, n: int) -> Labels:
    """Class labels, one for each image."""
    if stored.dtype.kind not in "iuU":
        raise DataError(f"{stored.where} has type {stored.dtype}; save labels as whole numbers (int64) or as names (str)")
    if stored.shape != (n,):
        raise DataError(f"{stored.where} has shape {stored.shape} and there are {n} images; save one label for each image, shape ({n},)")
    return checked(stored.small().tolist(), stored.where)

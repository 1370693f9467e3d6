"""How do image files become one array?"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganbench.data.decode import Encoded, encoded
from ganbench.data.limits import check_decoded
from ganbench.errors import DataError


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """An image in a folder or an archive, not yet read."""

    name: str
    """Path relative to the folder or archive, with forward slashes."""
    read: Callable[[], bytes]
    """Returns the file's bytes, at most ``limits.FILE_LIMIT_BYTES``."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The images of a folder or an archive, not yet read, with their labels."""

    where: str
    """Name of the folder or archive, for error messages."""
    files: tuple[ImageFile, ...]
    labels: npt.NDArray[np.int64] | None = None
    """(n,), from 0 to the number of classes - 1."""
    class_names: tuple[str, ...] = ()

    def content(self, resolution: int | None) -> "Content":
        """Decodes all images by :func:`stacked`."""
        images, notes = stacked(self.files, resolution, self.where)
        return Content(images=images, labels=self.labels, class_names=self.class_names, notes=notes)


@dataclass(frozen=True, kw_only=True)
class Content:
    """The decoded images and labels of a folder, archive or array file."""

    images: npt.NDArray[np.uint8]
    """(n, channels, height, width)."""
    labels: npt.NDArray[np.int64] | None = None
    """(n,), from 0 to the number of classes - 1."""
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def stacked(files: Sequence[ImageFile], resolution: int | None, where: str) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
    """Decodes image files into one array, whose size is checked before it is allocated.

    Args:
        files: At least one image.
        resolution: Height and width in pixels; None keeps the files' own, which must be equal.
        where: Name of the folder or archive, for error messages.

    Returns:
        uint8 (n, channels, height, width) in the order of ``files``, and notes on what decoding changed.

    Raises:
        DataError: A file is unusable, sizes or channel counts differ, or the images exceed the limit of memory.
    """
    first = encoded(files[0].read(), _at(where, files[0]))
    shape = (len(files), *first.size(resolution))
    check_decoded(where, shape)
    images = np.empty(shape, np.uint8)
    changes: Counter[str] = Counter()
    for index, file in enumerate(files):
        image = encoded(file.read(), _at(where, file)) if index else first
        _check_same(image, file, first, files[0], resolution)
        images[index] = image.pixels(resolution)
        changes.update(image.changes)
    return images, tuple(f"{change} in {count} of {len(files)} images" for change, count in sorted(changes.items()))


def _at(where: str, file: ImageFile) -> str:
    return f"{where}: image {file.name!r}"


def _check_same(image: Encoded, file: ImageFile, first: Encoded, first_file: ImageFile, resolution: int | None) -> None:
    """Raises if an image differs from the first one in channels or size."""
    if image.channels != first.channels:
        raise DataError(
            f"{image.where} has {image.channels} channel(s) and {first_file.name!r} has {first.channels}; convert all to grey or all to RGB"
        )
    if image.size(resolution) != first.size(resolution):
        width, height = image.image.size
        first_width, first_height = first.image.size
        raise DataError(
            f"{image.where} is {width}x{height} and {first_file.name!r} is {first_width}x{first_height} (width x height); "
            "set resolution = N to crop and resize all images"
        )

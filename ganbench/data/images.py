"""Which image files and labels does a folder or an archive hold?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ganbench.data.labels import from_json
from ganbench.errors import DataError
from ganbench.layout import LABEL_FILE, SUFFIXES, Layout


class Read(Protocol):
    """Reads a file."""

    def __call__(self, *, limit_bytes: int | None = None) -> bytes:
        """Returns the file's bytes, at most ``limits.FILE_LIMIT_BYTES``, or only about its first ``limit_bytes``."""


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """An image in a folder or an archive, not yet read."""

    name: str
    """Path relative to the folder or archive, with forward slashes."""
    read: Read


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The images of a folder or an archive, not yet read, with their labels."""

    where: str
    """Name of the folder or archive, for error messages."""
    files: tuple[ImageFile, ...]
    labels: npt.NDArray[np.int64] | None = None
    """(n,), from 0 to the number of classes - 1."""
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Which files are left out."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """The decoded images and labels of a folder, archive or array file."""

    images: npt.NDArray[np.uint8]
    """(n, channels, height, width)."""
    labels: npt.NDArray[np.int64] | None = None
    """(n,), from 0 to the number of classes - 1."""
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def black(shape: Sequence[int], resolution: int | None = None) -> npt.NDArray[np.uint8]:
    """Black placeholders for images (n, channels, height, width), which take no memory."""
    sides = (resolution, resolution) if resolution else tuple(shape[2:])
    return np.broadcast_to(np.uint8(0), (*shape[:2], *sides))


def listed(where: str, found: Layout, files: Sequence[ImageFile], label_file: bytes | None) -> Listing:
    """The images of a folder or archive with their labels.

    Args:
        where: Name of the folder or archive, for error messages.
        found: Which of its files are images.
        files: The images of the layout, in order.
        label_file: Content of the label file, if there is one.

    Raises:
        DataError: There are no images, or unusable labels.
    """
    if not found.images:
        raise DataError(f"{where} holds no images; put files with one of the endings {' '.join(SUFFIXES)} there")
    if label_file is None:
        numbers = None if found.labels is None else np.array(found.labels, np.int64)
        return Listing(where=where, files=tuple(files), labels=numbers, class_names=found.class_names, notes=found.notes)
    labels = from_json(label_file, found.images, f"{where}: {LABEL_FILE!r}")
    if labels is None:
        return Listing(where=where, files=tuple(files), notes=found.notes)
    return Listing(where=where, files=tuple(files), labels=labels.numbers, class_names=labels.names, notes=found.notes)

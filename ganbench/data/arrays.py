"""Which images does an npz or npy file hold, and is it safe to read?

Every array's header is read first: no memory is allocated for a type or size that is refused, and pickled
objects are never loaded.
"""

import math
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ganbench.data.images import Content, black
from ganbench.data.labels import Labels, checked
from ganbench.data.limits import check_decoded
from ganbench.data.resize import squares
from ganbench.data.zips import open_zip
from ganbench.errors import DataError

PICKLED = (
    "pickled Python objects, which are never loaded, because they could run anything; save images as a plain uint8 array, features "
    "(--features) as floats (n, d), statistics as np.savez(path, mu=..., sigma=...)"
)
_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """An array in a file, of which only the header has been read."""

    where: str
    open: Callable[[], IO[bytes]]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def values(self) -> npt.NDArray[Any]:
        """Reads the array; must be called only after its type and size have been accepted."""
        try:
            with self.open() as file:
                array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        except Exception as error:
            raise _damaged(self.where, error) from None
        return array


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
    with open_zip(path) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist() if member.filename.endswith(".npy")}
        names = [name for name in members if name != "labels"]
        name = next((known for known in ("images", "arr_0") if known in names), names[0] if len(names) == 1 else None)
        if name is None:
            found = ", ".join(map(repr, sorted(members))) or "none"
            hint = like_statistics(array_shapes(path)) or "save it as np.savez(path, images=..., labels=...)"
            raise DataError(f"{where} has no array 'images' (arrays: {found}); {hint}")
        images = _images(_stored_in(archive, members[name], f"{where}: array {name!r}"), headers_only)
        labels = _labels(_stored_in(archive, members["labels"], f"{where}: array 'labels'"), len(images)) if "labels" in members else None
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
    images = _images(_stored(lambda: path.open("rb"), path.stat().st_size, where), headers_only)
    return Content(images=black(images.shape, resolution) if headers_only else squares(images, resolution, where))


def array_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays of an npz by name, from their headers; empty for other and damaged files."""
    shapes = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if member.endswith(".npy"):
                    with archive.open(member) as file:
                        shapes[member.removesuffix(".npy")] = _READERS[np.lib.format.read_magic(file)](file)[0]
    except Exception:  # as in _stored; reading the file as what it is meant to be reports what is wrong
        return {}
    return shapes


def like_statistics(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """What to do with a mean (d,) and a covariance (d, d) that have other names than are read; empty if there are none."""
    for mean, shape in shapes.items():
        covariance = next((name for name, other in shapes.items() if len(shape) == 1 and other == shape * 2), None)
        if covariance and shape[0] > 1:
            return (
                f"{mean!r} {shape} and {covariance!r} {shape * 2} look like statistics, which are read under the names 'mu' and 'sigma': "
                f"np.savez(path, mu={mean}, sigma={covariance})"
            )
    return ""


def _stored_in(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> _Stored:
    return _stored(partial(archive.open, member), member.file_size, where)


def _stored(opener: Callable[[], IO[bytes]], file_bytes: int, where: str) -> _Stored:
    """Reads the header of an array; raises for pickles, and for shapes larger than the file."""
    try:
        with opener() as file:
            shape, _, dtype = _READERS[np.lib.format.read_magic(file)](file)
    except Exception as error:  # numpy parses the header as Python source, which raises many types of errors
        raise _damaged(where, error) from None
    if dtype.hasobject:
        raise DataError(f"{where} holds {PICKLED}")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > file_bytes:
        raise _damaged(where, ValueError(f"the header declares shape {shape}, and the file is shorter"))
    return _Stored(where=where, open=opener, shape=shape, dtype=dtype)


def _images(stored: _Stored, headers_only: bool) -> npt.NDArray[np.uint8]:
    """The array as (n, channels, height, width), or black placeholders of this shape."""
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
    if headers_only:
        n, *sides = shape
        return black((n, 1, *sides) if len(shape) == 3 else (n, shape[3], *shape[1:3]) if channels_last else shape)
    values = stored.values()
    if len(shape) == 3:
        return values[:, None]
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2)) if channels_last else values


def _labels(stored: _Stored, n: int) -> Labels:
    """Class labels, one for each image."""
    if stored.dtype.kind not in "iuU":
        raise DataError(f"{stored.where} has type {stored.dtype}; save labels as whole numbers (int64) or as names (str)")
    if stored.shape != (n,):
        raise DataError(f"{stored.where} has shape {stored.shape} and there are {n} images; save one label for each image, shape ({n},)")
    return checked(stored.values().tolist(), stored.where)


def _damaged(where: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{where} is no intact numpy array ({reason[:200]}); save it again")

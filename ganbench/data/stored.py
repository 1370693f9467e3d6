"""Which arrays does an npz or npy file hold, and is it safe to read them?

Every array's header is read first, and no memory is allocated for a type or size that is refused; an array is read when it
is used, and pickled objects never are.
"""

import math
import zipfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ganbench.data.limits import EXPANDED_LIMIT_BYTES, EXPANSION_LIMIT, FILE_LIMIT_BYTES
from ganbench.data.zips import open_zip
from ganbench.errors import DataError

PICKLED = (
    "pickled Python objects, which are never loaded, because they could run anything; save images as a plain uint8 array, features "
    "(--features) as floats (n, d), statistics as np.savez(path, mu=..., sigma=...)"
)
_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_LAST_CHARACTER = 0x10FFFF
"""The largest code point of Unicode."""
_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An array in a file, of which only the header has been read."""

    where: str
    """Name of the file and of the array, for error messages."""
    open: Callable[[], IO[bytes]]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size_bytes(self) -> int:
        """Memory that the array takes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def values(self) -> npt.NDArray[Any]:
        """Reads the array; must be called only after its type and size have been accepted.

        Raises:
            DataError: The file is damaged behind the header.
        """
        try:
            with self.open() as file:
                array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        except Exception as error:
            raise _damaged(self.where, error) from None
        return array

    def small(self) -> npt.NDArray[Any]:
        """Reads an array of labels or words, which may not be larger than one file.

        Raises:
            DataError: It is larger, or the file is damaged.
        """
        if self.size_bytes > FILE_LIMIT_BYTES:
            raise DataError(f"{self.where} takes {self.size_bytes / 2**20:,.0f} MiB; it may take {FILE_LIMIT_BYTES / 2**20:,.0f} MiB")
        found = self.values()
        if self.dtype.kind == "U" and self.size_bytes:
            codes = np.frombuffer(found.tobytes(), np.dtype(np.uint32).newbyteorder(found.dtype.byteorder))
            if bool((codes > _LAST_CHARACTER).any()):
                raise _damaged(self.where, ValueError("it holds what are no characters"))
        return found


def stored_arrays(path: Path, wanted: Collection[str] | None = None) -> dict[str, Stored]:
    """Reads the headers of arrays.

    Args:
        path: An existing npz or npy file, whatever it is called.
        wanted: Names of the arrays; None takes all. Others are not looked at, and missing ones are left out.

    Returns:
        The arrays by name; that of an npy file has the name "".

    Raises:
        DataError: The file is neither, is damaged or malicious, or would grow far beyond its size.
    """
    where = repr(str(path))
    if _starts_as_npy(path):
        return {"": _stored(lambda: path.open("rb"), path.stat().st_size, where)}
    if not zipfile.is_zipfile(path):
        raise DataError(f"{where} is no intact npz or npy file; save it again with np.savez")
    with open_zip(path) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist() if member.filename.endswith(".npy")}
        found = {
            name: _stored(partial(_member, path, member.filename), member.file_size, f"{where}: array {name!r}", archive, member)
            for name, member in members.items()
            if wanted is None or name in wanted
        }
    total_bytes = sum(one.size_bytes for one in found.values())
    if total_bytes > max(EXPANDED_LIMIT_BYTES, EXPANSION_LIMIT * path.stat().st_size):
        raise DataError(
            f"{where}: its arrays take {total_bytes / 2**30:,.1f} GiB, more than {EXPANSION_LIMIT} times the file, "
            "as if to fill the memory; if they are meant, save them uncompressed with np.savez"
        )
    return found


def array_names(path: Path) -> list[str]:
    """Names of the arrays of an npz, in order.

    Raises:
        DataError: The file is no intact zip archive.
    """
    with open_zip(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


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


def _starts_as_npy(path: Path) -> bool:
    """Whether a file is no archive of arrays but a single one, by its first bytes or its name."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read ({error.strerror}); check its permissions") from None
    return start == _MAGIC or path.suffix.lower() == ".npy"


def _member(path: Path, name: str) -> IO[bytes]:
    """Opens one member of an archive; the archive is closed with it."""
    with zipfile.ZipFile(path) as archive:
        return archive.open(name)  # zipfile keeps the file open until its last member is closed


def _stored(
    opener: Callable[[], IO[bytes]],
    file_bytes: int,
    where: str,
    archive: zipfile.ZipFile | None = None,
    member: zipfile.ZipInfo | None = None,
) -> Stored:
    """Reads the header of an array; raises for pickles, and for shapes larger than the file."""
    try:
        with archive.open(member) if archive and member else opener() as file:
            shape, _, dtype = _READERS[np.lib.format.read_magic(file)](file)
    except Exception as error:  # numpy parses the header as Python source, which raises many types of errors
        raise _damaged(where, error) from None
    if dtype.hasobject:
        raise DataError(f"{where} holds {PICKLED}")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > file_bytes:
        raise _damaged(where, ValueError(f"the header declares shape {shape}, and the file is shorter"))
    return Stored(where=where, open=opener, shape=shape, dtype=dtype)


def _damaged(where: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return DataError(f"{where} is no intact numpy array ({reason[:200]}); save it again")

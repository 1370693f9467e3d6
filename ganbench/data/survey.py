"""What do the headers of all image files of a set say? (read before any of them is decoded)"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ganbench.data.decode import Encoded, encoded
from ganbench.data.images import ImageFile
from ganbench.data.limits import STREAM_PIXELS_LIMIT
from ganbench.errors import DataError
from ganbench.layout import counted

HEADER_BYTES = 2**16
"""Bytes of a file that are read first; a file whose header does not fit is read whole."""
_HEADERS_FIRST = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6")
"""First bytes of the formats that tell everything in their header: JPEG, PNG, BMP and the portable maps."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The common form of a set's images, and what decoding will change."""

    size: tuple[int, int, int]
    """(channels, height, width) of every decoded image."""
    original: str
    """Width and height of the files, "32x32" or "24x24 to 64x48"."""
    notes: tuple[str, ...]


def survey(files: Sequence[ImageFile], resolution: int | None, where: str) -> Survey:
    """Reads the headers of all images.

    Args:
        files: At least one image.
        resolution: Height and width to which images are cropped and resized; None keeps the files' own, which must be equal.
        where: Name of the folder or archive, for error messages.

    Raises:
        DataError: Files are unusable, or of several sizes without a resolution; the message counts all of them.
    """
    changes, channels, sizes = Counter[str](), list[int](), list[tuple[int, int]]()
    unusable: list[DataError] = []
    for file in files:
        try:
            image = _header(file, f"{where}: image {file.name!r}")
        except DataError as error:
            unusable.append(error)
            continue
        changes.update(image.changes)
        channels.append(image.channels)
        sizes.append(image.image.size)
    if unusable:
        more = f" ({len(unusable):,} of {len(files):,} images cannot be used)" if len(unusable) > 1 else ""
        raise DataError(f"{unusable[0]}{more}")
    if resolution is None:
        _check_sizes(files, sizes, where)
    pixels = sum(map(_area, sizes))
    if pixels > STREAM_PIXELS_LIMIT:
        raise DataError(f"{where}: its images have {pixels:,} pixels together, and the limit is {STREAM_PIXELS_LIMIT:,}; use fewer images")
    width, height = (resolution, resolution) if resolution else sizes[0]
    notes = [f"{change} in {count:,} of {len(files):,} images" for change, count in sorted(changes.items())]
    grey = [file.name for file, number in zip(files, channels, strict=True) if number == 1]
    if 0 < len(grey) < len(files):
        notes.append(f"{counted(grey, 'grey image')} of {len(files):,} repeated to RGB")
    if len(set(sizes)) > 1:
        notes.append(f"images of {_range(sizes)} pixels cropped and resized to {width}x{height}")
    return Survey(size=(max(channels), height, width), original=_range(sizes), notes=tuple(notes))


def _header(file: ImageFile, where: str) -> Encoded:
    """Reads the header of one image, if possible without the rest of the file."""
    start = file.read(limit_bytes=HEADER_BYTES)
    if len(start) >= HEADER_BYTES:
        if start.startswith(_HEADERS_FIRST):
            try:
                return encoded(start, where)
            except DataError:
                pass  # the header may be longer
        start = file.read()
    return encoded(start, where)


def _check_sizes(files: Sequence[ImageFile], sizes: Sequence[tuple[int, int]], where: str) -> None:
    """Raises if images differ in size."""
    other = [index for index, size in enumerate(sizes) if size != sizes[0]]
    if not other:
        return
    first, differing = ("x".join(map(str, sizes[index])) for index in (0, other[0]))
    raise DataError(
        f"{where}: image {files[other[0]].name!r} is {differing} and {files[0].name!r} is {first} (width x height), and so "
        f"{len(other):,} of {len(files):,} differ from the first; set resolution = N (--resolution N) to crop and resize all images"
    )


def _range(sizes: Sequence[tuple[int, int]]) -> str:
    """The smallest and the largest size."""
    ends = ["x".join(map(str, size)) for size in (min(sizes, key=_area), max(sizes, key=_area))]
    return " to ".join(dict.fromkeys(ends))


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]

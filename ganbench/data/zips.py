"""Which images does a zip archive contain, and is it safe to read?

Nothing is unpacked to disk. Members are read in small bounded pieces, because an unbounded ``read`` of zipfile
inflates all data before it compares their size with the header's.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath

from ganbench.data.images import Content, ImageFile, Listing, listed
from ganbench.data.limits import FILE_LIMIT_BYTES, LABEL_FILE_LIMIT_BYTES
from ganbench.data.stacking import content_of
from ganbench.errors import DataError
from ganbench.layout import LABEL_FILE, layout

_PIECE_BYTES = 2**16
_DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)


def load_zip(path: Path, resolution: int | None, headers_only: bool = False) -> Content:
    """Loads a zip of images; labels come from ``dataset.json`` (the StyleGAN layout) if there is one, otherwise from sub-folders.

    Args:
        path: An existing file.
        resolution: Height and width in pixels; None keeps the files' own.
        headers_only: Whether the images are only black placeholders, and not decoded.

    Raises:
        DataError: The archive is damaged or malicious, or contains no usable images.
    """
    with open_zip(path) as archive:
        return content_of(list_zip(archive, repr(str(path))), resolution, headers_only)


def list_zip(archive: zipfile.ZipFile, where: str) -> Listing:
    """Lists the images of an open archive, sorted by name; they can be read only while it is open.

    Args:
        archive: From :func:`open_zip`.
        where: Name of the archive, for error messages.

    Raises:
        DataError: It contains no images, or unusable labels.
    """
    members = {member.filename: member for member in archive.infolist() if not member.is_dir() and _visible(member.filename)}
    found = layout(members, archive=True)
    label_file = _read(archive, members[LABEL_FILE], where, largest_bytes=LABEL_FILE_LIMIT_BYTES) if found.has_label_file else None
    return listed(
        where, found, [ImageFile(name=name, read=partial(_read, archive, members[name], where)) for name in found.images], label_file
    )


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens an archive after checking the names, encryption and compression of its members.

    Raises:
        DataError: The file is not a zip archive, or its members cannot be read safely.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGED as error:
        raise DataError(f"{str(path)!r} is no intact zip archive ({_brief(error)}); write it again") from None
    with archive:
        _check(archive, repr(str(path)))
        yield archive


def _check(archive: zipfile.ZipFile, where: str) -> None:
    """Raises for unsafe or duplicate names, encryption and rare compression."""
    seen: set[str] = set()
    for member in archive.infolist():
        name = member.orig_filename
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if name.startswith(("/", "\\")) or PureWindowsPath(name).drive or ".." in parts or "\0" in name:
            raise DataError(f"{where}: member {name!r} points outside the archive; write the archive again with relative names")
        if member.flag_bits & 0x1:
            raise DataError(f"{where}: member {name!r} is encrypted; write the archive again without a password")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{where}: member {name!r} uses a rare compression; write the archive again with deflate or none")
        if name in seen:
            raise DataError(f"{where}: member {name!r} is there twice; write the archive again with each name once")
        seen.add(name)


def _visible(name: str) -> bool:
    """Whether neither the member nor any of its parent folders is hidden."""
    return not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _read(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str, limit_bytes: int | None = None, largest_bytes: int | None = None
) -> bytes:
    """Reads one member of at most ``largest_bytes``, by default ``FILE_LIMIT_BYTES``, or only its first bytes."""
    largest_bytes = FILE_LIMIT_BYTES if largest_bytes is None else largest_bytes
    pieces, length = [], 0
    try:
        with archive.open(member) as file:
            while (limit_bytes is None or length < limit_bytes) and (piece := file.read(_PIECE_BYTES)):
                pieces.append(piece)
                length += len(piece)
                if length > largest_bytes:
                    raise DataError(f"{where}: member {member.filename!r} is larger than {largest_bytes / 2**20:,.0f} MiB; shrink it")
    except _DAMAGED as error:
        raise DataError(f"{where}: member {member.filename!r} is damaged ({_brief(error)}); write the archive again") from None
    return b"".join(pieces)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

"""Which images and labels does a folder contain?"""

from functools import partial
from pathlib import Path

from ganbench.content import layout_at
from ganbench.data.images import Content, ImageFile, Listing, listed
from ganbench.data.limits import FILE_LIMIT_BYTES, LABEL_FILE_LIMIT_BYTES
from ganbench.data.stacking import content_of
from ganbench.errors import DataError
from ganbench.layout import LABEL_FILE


def list_folder(path: Path) -> Listing:
    """Lists the images of a folder, sorted by name.

    Labels come from ``dataset.json`` if there is one (an unpacked StyleGAN archive), otherwise from the sub-folders, as
    :func:`ganbench.layout.layout` takes them.

    Args:
        path: An existing folder.

    Raises:
        DataError: The folder contains no images, or unusable labels.
    """
    found = layout_at(path)
    label_file = _read(path / LABEL_FILE, largest_bytes=LABEL_FILE_LIMIT_BYTES) if found.has_label_file else None
    return listed(repr(str(path)), found, [ImageFile(name=name, read=partial(_read, path / name)) for name in found.images], label_file)


def load_folder(path: Path, resolution: int | None, headers_only: bool = False) -> Content:
    """Loads the images that :func:`list_folder` lists.

    Args:
        path: An existing folder.
        resolution: Height and width in pixels; None keeps the files' own.
        headers_only: Whether the images are only black placeholders, and not decoded.

    Raises:
        DataError: The folder contains no images, or unusable images or labels.
    """
    return content_of(list_folder(path), resolution, headers_only)


def _read(path: Path, limit_bytes: int | None = None, largest_bytes: int | None = None) -> bytes:
    """Reads a regular file of at most ``largest_bytes``, by default ``FILE_LIMIT_BYTES``, or only its first bytes."""
    largest_bytes = FILE_LIMIT_BYTES if largest_bytes is None else largest_bytes
    if not path.is_file():
        raise DataError(f"{str(path)!r} is not a regular file (or a link to nothing); remove it")
    size_bytes = path.stat().st_size
    if size_bytes > largest_bytes:
        raise DataError(f"{str(path)!r} is larger than {largest_bytes / 2**20:,.0f} MiB; shrink or remove it")
    try:
        with path.open("rb") as file:
            return file.read(size_bytes if limit_bytes is None else limit_bytes)
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read ({error.strerror}); check its permissions") from None

"""Which hash identifies the data at a path?"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from ganbench.errors import DataError, nearest
from ganbench.layout import LABEL_FILE, Layout, layout


def content_hash(path: str | Path) -> str:
    """SHA-256 of the data at a path: of a file's bytes, or of the sorted relative names and bytes of a folder's images and labels.

    Args:
        path: A folder or file of the kinds that :func:`relevant_files` lists. Other files in the folder are ignored.

    Returns:
        64 hexadecimal digits.

    Raises:
        DataError: The path does not exist, or a file cannot be read.
    """
    path = existing(Path(path))
    if path.is_file():
        return _file_hash(path)
    digest = hashlib.sha256()
    for name in relevant_files(path):
        digest.update(f"{_file_hash(path / name)} {name}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _file_hash(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise DataError(f"{str(path)!r} is no ordinary file; remove it from the folder")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read ({error.strerror}); check that it exists and its permissions") from None


def existing(path: Path) -> Path:
    """The path with ``~`` expanded; raises if it does not exist."""
    path = path.expanduser()
    if os.path.exists(path):  # unlike Path.exists, also False for names that no file can have
        return path
    try:
        siblings = [sibling.name for sibling in path.parent.iterdir()]
    except OSError:
        raise DataError(f"{str(path)!r} does not exist, nor does the folder {str(path.parent)!r}; check path") from None
    guess = nearest(path.name, siblings)
    raise DataError(f"{str(path)!r} does not exist; " + (f"did you mean {str(path.with_name(guess))!r}?" if guess else "check path"))


def relevant_files(path: Path) -> list[str]:
    """Sorted relative names of all images of a folder, and of its label file.

    Links are followed; hidden files and folders are skipped.
    """
    found = layout_at(path)
    return sorted([*found.images, *([LABEL_FILE] if found.has_label_file else [])])


def layout_at(path: Path) -> Layout:
    """The images and class folders below a folder."""
    return layout(_walk(path))


def _walk(path: Path) -> Iterator[str]:
    """Yields all files that are not hidden, relative to the folder; each real folder is visited once, since links may form a cycle."""
    seen: set[str] = set()
    for folder, subfolders, names in os.walk(path, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
        relative = Path(folder).relative_to(path)
        yield from ((relative / name).as_posix() for name in names if not name.startswith("."))


def ordinary(path: Path) -> Path:
    """An existing path; raises if it is a pipe or a device, whose content might never end.

    Raises:
        DataError: It is neither a file nor a folder.
    """
    if not (path.is_dir() or path.is_file()):
        raise DataError(f"{str(path)!r} is neither a file nor a folder; name one of them")
    return path

"""How do a user's own images become a data set?"""

import hashlib
from pathlib import Path

from ganbench.data.arrays import load_npy, load_npz
from ganbench.data.dataset import Dataset, DataShape
from ganbench.data.fingerprint import fingerprint
from ganbench.data.folders import load_folder, relevant_files
from ganbench.data.images import Content
from ganbench.data.split import held_out_split
from ganbench.data.zips import load_zip
from ganbench.errors import DataError, nearest
from ganbench.spec import DatasetSpec

MINIMUM_IMAGES = 10
"""Fewer leave nothing to hold out."""
_LOADERS = {".npy": load_npy, ".npz": load_npz, ".zip": load_zip}


def files(spec: DatasetSpec, root: Path) -> Dataset:
    """Your own images: a folder, a zip, an npz or an npy file (8-bit, grey or RGB).

    A fifth is held out (``split.held_out_split``). What each kind of file may hold stands in ``folders``,
    ``zips`` and ``arrays``; how an image is decoded and resized in ``decode`` and ``resize``.

    Args:
        spec: ``path`` says where; ``resolution`` None keeps the files' own size, square or not.
        root: Not used; a relative path starts at the working directory.

    Raises:
        DataError: Nothing is there, or it cannot be used as it is.
    """
    if spec.path is None:
        raise DataError(f"dataset {spec.name!r} has no path; set path to a folder of images, a zip, an npz or an npy file")
    content = content_at(Path(spec.path), spec.resolution)
    n, channels, height, width = content.images.shape
    if n < MINIMUM_IMAGES:
        raise DataError(f"{spec.path!r} holds {n} images; a data set needs at least {MINIMUM_IMAGES}")
    if spec.channels not in (None, channels):
        raise DataError(f"{spec.path!r} holds images of {channels} channel(s), not {spec.channels}; set channels = {channels} or remove it")
    train, held_out = held_out_split(content.images, content.labels)
    classes = len(content.class_names) or (0 if content.labels is None else int(content.labels.max()) + 1)
    return Dataset(
        name=spec.name,
        shape=DataShape(size=(channels, height, width), classes=classes),
        train=train,
        held_out=held_out,
        fingerprint=fingerprint(train, held_out),
        class_names=content.class_names,
        notes=content.notes,
    )


def content_at(path: Path, resolution: int | None = None) -> Content:
    """Loads images from a folder, zip, npz or npy file, without parting them.

    Args:
        path: Where they lie; ``~`` is the home folder.
        resolution: Height and width in pixels; None keeps the files' own.

    Returns:
        Images (in the order of sorted names, or of the array) with labels where there are any.

    Raises:
        DataError: Nothing is there, or it cannot be used as it is.
    """
    path = _existing(path)
    if path.is_dir():
        return load_folder(path, resolution)
    loader = _LOADERS.get(path.suffix.lower())
    if loader is None:
        raise DataError(f"{str(path)!r} is no folder, .zip, .npz or .npy file; put single images into a folder and name that")
    return loader(path, resolution)


def content_hash(path: str | Path) -> str:
    """SHA-256 of what lies at a path: a file's bytes, or sorted relative names and bytes of a folder's images and labels.

    Args:
        path: A folder or file of the kinds that :func:`files` loads. Other files in the folder do not count.

    Returns:
        64 hexadecimal digits.

    Raises:
        DataError: Nothing is there.
    """
    path = _existing(Path(path))
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


def _existing(path: Path) -> Path:
    """The path with ``~`` expanded, once it is known to lead somewhere."""
    path = path.expanduser()
    if path.exists():
        return path
    try:
        siblings = [sibling.name for sibling in path.parent.iterdir()]
    except OSError:
        raise DataError(f"{str(path)!r} does not exist, nor does the folder {str(path.parent)!r}; check path") from None
    guess = nearest(path.name, siblings)
    raise DataError(f"{str(path)!r} does not exist; " + (f"did you mean {str(path.with_name(guess))!r}?" if guess else "check path"))

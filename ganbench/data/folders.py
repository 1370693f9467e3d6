"""Which images and labels does a folder contain?"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from ganbench.content import LABEL_FILE, SUFFIXES, relevant_files
from ganbench.data.images import Content, ImageFile, Listing
from ganbench.data.labels import from_json
from ganbench.data.limits import FILE_LIMIT_BYTES
from ganbench.errors import DataError


def list_folder(path: Path) -> Listing:
    """Lists the images of a folder, sorted by name.

    Labels come from ``dataset.json`` if there is one (an unpacked StyleGAN archive); otherwise from the
    first-level sub-folders, numbered by sorted name, if there are two or more and every image is in one.

    Args:
        path: An existing folder.

    Raises:
        DataError: The folder contains no images, or unusable labels.
    """
    where, names = str(path), relevant_files(path)
    image_names = [name for name in names if name != LABEL_FILE]
    if not image_names:
        raise DataError(f"{where!r} holds no images; put files with one of the endings {' '.join(SUFFIXES)} there")
    labels, class_names = _labels(path, image_names)
    files = tuple(ImageFile(name=name, read=partial(_read, path / name)) for name in image_names)
    return Listing(where=repr(where), files=files, labels=labels, class_names=class_names)


def load_folder(path: Path, resolution: int | None) -> Content:
    """Loads the images that :func:`list_folder` lists.

    Args:
        path: An existing folder.
        resolution: Height and width in pixels; None keeps the files' own.

    Raises:
        DataError: The folder contains no images, or unusable images or labels.
    """
    return list_folder(path).content(resolution)


def _labels(path: Path, names: Sequence[str]) -> tuple[npt.NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels and class names, if the folder has any."""
    if (path / LABEL_FILE).is_file():
        return from_json(_read(path / LABEL_FILE), names, repr(str(path / LABEL_FILE))), ()
    tops = [PurePosixPath(name).parts[0] if "/" in name else None for name in names]
    classes = sorted({top for top in tops if top is not None})
    if None in tops or len(classes) < 2:
        return None, ()
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers[top] for top in tops if top is not None], np.int64), tuple(classes)


def _read(path: Path) -> bytes:
    """Reads a regular file of at most ``FILE_LIMIT_BYTES``."""
    if not path.is_file():
        raise DataError(f"{str(path)!r} is not a regular file (or a link to nothing); remove it")
    size_bytes = path.stat().st_size
    if size_bytes > FILE_LIMIT_BYTES:
        raise DataError(f"{str(path)!r} is larger than {FILE_LIMIT_BYTES / 2**20:,.0f} MiB; shrink or remove it")
    try:
        with path.open("rb") as file:
            return file.read(size_bytes)
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read ({error.strerror}); check its permissions") from None

"""How does a user's own set of images become a data set?"""

from pathlib import Path

from ganbench.content import existing, ordinary
from ganbench.data.arrays import load_npy, load_npz
from ganbench.data.dataset import Dataset, DataShape
from ganbench.data.fingerprint import fingerprint
from ganbench.data.folders import load_folder
from ganbench.data.images import Content
from ganbench.data.split import held_out_split, outlined_split
from ganbench.data.zips import load_zip
from ganbench.errors import DataError
from ganbench.plan.spec import DatasetSpec

MINIMUM_IMAGES = 10
"""Smallest number of images, so that enough can be held out."""
_LOADERS = {".npy": load_npy, ".npz": load_npz, ".zip": load_zip}


def files(spec: DatasetSpec, root: Path) -> Dataset:
    """Your own images: a folder, a zip, an npz or an npy file (8-bit, grey or RGB).

    A fifth is held out (``split.held_out_split``). The modules ``folders``, ``zips`` and ``arrays`` define the
    accepted contents, ``decode`` and ``resize`` how images are decoded and resized.

    Args:
        spec: ``path`` is the file or folder; ``resolution`` None keeps the images' own size, square or not.
        root: Not used; a relative path starts at the working directory.

    Raises:
        DataError: The path does not exist, or its content is unusable.
    """
    if spec.path is None:
        raise DataError(f"dataset {spec.name!r} has no path; set path to a folder of images, a zip, an npz or an npy file")
    return _dataset(spec, content_at(Path(spec.path), spec.resolution))


def outline(spec: DatasetSpec) -> Dataset:
    """The same data set as far as headers and labels tell: images are black and the fingerprint is empty.

    Args:
        spec: As for :func:`files`.

    Raises:
        DataError: As for :func:`files`, but for damage behind the headers.
    """
    assert spec.path is not None
    return _dataset(spec, content_at(Path(spec.path), spec.resolution, headers_only=True), outlined=True)


def _dataset(spec: DatasetSpec, content: Content, outlined: bool = False) -> Dataset:
    n, channels, height, width = content.images.shape
    if n < MINIMUM_IMAGES:
        raise DataError(f"{spec.path!r} holds {n} images; a data set needs at least {MINIMUM_IMAGES}")
    if spec.channels not in (None, channels):
        raise DataError(f"{spec.path!r} holds images of {channels} channel(s), not {spec.channels}; set channels = {channels} or remove it")
    train, held_out = (outlined_split if outlined else held_out_split)(content.images, content.labels)
    classes = len(content.class_names) or (0 if content.labels is None else int(content.labels.max()) + 1)
    return Dataset(
        name=spec.name,
        shape=DataShape(size=(channels, height, width), classes=classes),
        train=train,
        held_out=held_out,
        fingerprint="" if outlined else fingerprint(train, held_out),
        class_names=content.class_names,
        notes=content.notes,
    )


def content_at(path: Path, resolution: int | None = None, headers_only: bool = False) -> Content:
    """Loads all images from a folder, zip, npz or npy file, without a held-out split.

    Args:
        path: The folder or file; ``~`` is the home folder.
        resolution: Height and width in pixels; None keeps the files' own.
        headers_only: Whether the images are only black placeholders, and not decoded.

    Returns:
        Images (in the order of sorted names, or of the array), with labels if there are any.

    Raises:
        DataError: The path does not exist, or its content is unusable.
    """
    path = ordinary(existing(path))
    if path.is_dir():
        return load_folder(path, resolution, headers_only)
    loader = _LOADERS.get(path.suffix.lower())
    if loader is None:
        raise DataError(f"{str(path)!r} is no folder, .zip, .npz or .npy file; put single images into a folder and name that")
    return loader(path, resolution, headers_only)

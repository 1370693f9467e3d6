"""Which files of a folder or an archive are images, and which classes do its sub-folders name?"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

SUFFIXES = (
    ".apng", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
"""Suffixes of image files: the formats that Pillow decodes in this process, and whose number of bits a channel can be read."""
LABEL_FILE = "dataset.json"
"""Name of the label file in a folder or archive in the StyleGAN layout."""
SHOWN = 3
"""Number of names in a note; the others are only counted."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The files of a folder or an archive by their part in a set of images."""

    images: tuple[str, ...]
    """Names of the images, sorted."""
    labels: tuple[int, ...] | None = None
    """Class number of every image, from sub-folders; None if there are no class folders, or if a label file is there."""
    class_names: tuple[str, ...] = ()
    """Names of the class folders, sorted."""
    has_label_file: bool = False
    notes: tuple[str, ...] = ()
    """Which files are left out, and why sub-folders are not taken as classes."""


def layout(names: Iterable[str], archive: bool = False) -> Layout:
    """Sorts files into images, class folders and the rest.

    Classes are the first-level sub-folders if there are two or more of them, numbered by sorted name. Images beside
    class folders (a preview, say) are left out, as torchvision's ``ImageFolder`` does, if they are fewer than those of
    the smallest class; otherwise the sub-folders are no classes. A label file makes all of this void.

    >>> layout(["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "preview.png"]).labels
    (0, 0, 1, 1)

    Args:
        names: Names of all visible files, with forward slashes.
        archive: Whether a single folder that contains everything is passed over, because archives are often of one folder.
    """
    names = sorted(names)
    images = [name for name in names if name.lower().endswith(SUFFIXES)]
    others = [name for name in names if name != LABEL_FILE and not name.lower().endswith(SUFFIXES)]
    notes = [_left_out(others)] if others and images else []
    if LABEL_FILE in names:
        return Layout(images=tuple(images), has_label_file=True, notes=tuple(notes))
    return _with_classes(images, notes, 1 if archive and _one_folder(images) else 0)


def _with_classes(images: Sequence[str], notes: Sequence[str], depth: int) -> Layout:
    """Takes the folders at a depth as classes, if they are."""
    folders = [_folder(name, depth) for name in images]
    sizes = Counter(folder for folder in folders if folder is not None)
    loose = [name for name, folder in zip(images, folders, strict=True) if folder is None]
    if len(sizes) < 2 or len(loose) >= min(sizes.values()):
        beside = f"{counted(loose, 'image')} beside sub-folders, which are therefore not taken as classes; move them to have it otherwise"
        return Layout(images=tuple(images), notes=(*notes, *([beside] if len(sizes) > 1 else ())))
    numbers = {name: number for number, name in enumerate(sorted(sizes))}
    return Layout(
        images=tuple(name for name, folder in zip(images, folders, strict=True) if folder is not None),
        labels=tuple(numbers[folder] for folder in folders if folder is not None),
        class_names=tuple(numbers),
        notes=(*notes, *([f"{counted(loose, 'image')} beside the class folders left out"] if loose else ())),
    )


def counted(names: Sequence[str], what: str) -> str:
    """The number of files with the first few of their names.

    >>> counted(["a.png", "b.png"], "image")
    '2 images (a.png, b.png)'
    """
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"{len(names):,} {what}{'s' * (len(names) != 1)} ({shown})"


def _left_out(names: Sequence[str]) -> str:
    """The note about files that are not read."""
    endings = Counter(PurePosixPath(name).suffix.lower() or "no ending" for name in names)
    listed = ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common(SHOWN)) + (", ..." if len(endings) > SHOWN else "")
    return f"{counted(names, 'file')} left out, whose ending is none of an image ({listed})"


def _folder(name: str, depth: int) -> str | None:
    """The folder of a file at a depth; None if the file does not lie that deep."""
    folders = PurePosixPath(name).parts[:-1]
    return folders[depth] if len(folders) > depth else None


def _one_folder(names: Sequence[str]) -> bool:
    """Whether one folder contains all files."""
    return len({_folder(name, 0) for name in names}) == 1 and "/" in names[0]

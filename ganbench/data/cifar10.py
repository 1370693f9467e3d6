"""How is CIFAR-10 loaded?

Two forms are accepted: ``cifar10/train.zip`` and ``cifar10/test.zip`` in the StyleGAN layout, and the official
archive as torchvision reads it. They may order the images differently, in which case their fingerprints differ.
"""

from pathlib import Path

import numpy as np

from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.data.fingerprint import fingerprint
from ganbench.data.images import Content
from ganbench.data.loader import loader
from ganbench.data.resize import squares
from ganbench.data.torchvision_sets import fetch
from ganbench.data.zips import load_zip
from ganbench.errors import DataError
from ganbench.plan.spec import DatasetSpec

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SIZES = {"train": 50_000, "test": 10_000}
_ARCHIVE, _FOLDER = "cifar-10-python.tar.gz", "cifar-10-batches-py"


# paper: 100,000 generator steps behind 5 discriminator steps of 64 (mimicry's table)
@loader(budgets={"smoke": 5_120, "short": 256_000, "standard": 6_400_000, "paper": 32_000_000}, files=("cifar10/train.zip", _FOLDER))
def cifar10(spec: DatasetSpec, root: Path) -> Dataset:
    """60,000 photographs of animals and vehicles, 32x32 colour, 10 classes; the official test images are held out.

    Existing files at ``root`` are used; otherwise they are downloaded (170 MB).

    Args:
        spec: ``resolution`` None keeps 32.
        root: Folder of ``cifar10/train.zip`` and ``cifar10/test.zip``, or of ``cifar-10-batches-py``, present or downloaded.

    Raises:
        DataError: The spec asks for 1 channel, the files cannot be downloaded, or they are damaged.
    """
    if spec.channels not in (None, 3):
        raise DataError(f"dataset {spec.name!r}: cifar10 has 3 channels, not {spec.channels}; set channels = 3 or remove it")
    zips = {part: root / "cifar10" / f"{part}.zip" for part in _SIZES}
    if all(path.is_file() for path in zips.values()):
        contents = {part: (load_zip(path, None), path) for part, path in zips.items()}
    else:
        contents = _official(root)
    train, held_out = (_split(spec, *contents[part], n) for part, n in _SIZES.items())
    return Dataset(
        name=spec.name,
        shape=DataShape(size=train.examples.shape[1:], classes=len(CLASS_NAMES)),
        train=train,
        held_out=held_out,
        fingerprint=fingerprint(train, held_out),
        class_names=CLASS_NAMES,
    )


def _split(spec: DatasetSpec, content: Content, path: Path, n: int) -> Split:
    """One part of the official split; raises unless sizes, channels and class counts are the official ones."""
    images, labels = content.images, content.labels
    if labels is None or images.shape != (n, 3, 32, 32) or not np.array_equal(np.bincount(labels), np.full(len(CLASS_NAMES), n // 10)):
        raise DataError(
            f"cifar10: {str(path)!r} does not hold {n:,} 32x32 colour images, {n // 10:,} of each class 0 to 9; "
            "put the official images there, or remove it to have them downloaded"
        )
    return Split(examples=squares(images, spec.resolution, f"dataset {spec.name!r}"), labels=labels)


def _official(root: Path) -> dict[str, tuple[Content, Path]]:
    """Both parts from the official files, whose hashes torchvision checks."""
    from torchvision.datasets import CIFAR10

    folder = root / _FOLDER
    if not folder.is_dir():
        remedy = (
            f"put {_ARCHIVE} into {str(root)!r}, or point GANBENCH_DATA or --data-root at a folder that holds "
            f"cifar10/train.zip and cifar10/test.zip, or {_FOLDER}"
        )
        fetch("cifar10", [] if (root / _ARCHIVE).is_file() else [CIFAR10.url], lambda: CIFAR10(root, download=True), remedy)
    try:
        parts = {part: CIFAR10(root, train=part == "train", download=False) for part in _SIZES}
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, IndexError):
        raise DataError(
            f"cifar10: the files at {str(folder)!r} are not the official ones; delete them and run again, or put intact ones there"
        ) from None
    return {
        part: (Content(images=np.ascontiguousarray(files.data.transpose(0, 3, 1, 2)), labels=np.array(files.targets, np.int64)), folder)
        for part, files in parts.items()
    }

"""Which kind of set does a name on the command line stand for?"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganbench.content import content_hash, ordinary
from ganbench.data.arrays import load_npy, load_npz
from ganbench.data.loading import load_dataset
from ganbench.data.stored import array_shapes
from ganbench.errors import DataError, RequestError, nearest
from ganbench.plan.spec import DatasetSpec
from ganbench.registry import DATASETS
from ganbench.results.record import Weights
from ganbench.sets.classes import Classes
from ganbench.sets.features import Features
from ganbench.sets.source import GivenSet, Source
from ganbench.sources.arrays import ArraySource
from ganbench.sources.conversion import Converted, ValueRange, as_array, as_examples
from ganbench.sources.generated import FunctionSource
from ganbench.sources.given import GivenFeatures, matrix, read_features
from ganbench.sources.image_files import FileSource
from ganbench.sources.naming import PROGRAMS, SPLITS, WEIGHTS, existing, path_of, unfit, unknown, unknown_split
from ganbench.sources.programs import ProgramSource
from ganbench.sources.statistics_files import holds_images_too, is_statistics, read_statistics


@dataclass(frozen=True, kw_only=True)
class Opening:
    """Settings for opening sets."""

    root: Path
    """Folder of registered data sets."""
    device: torch.device
    """Device for generators."""
    statistics: bool = True
    """Whether a file that holds statistics and images is opened for its statistics."""
    features: bool = False
    """Whether paths name features instead of images."""
    n: int | None = None
    """Number of examples drawn from a generator; None is 50,000 as in the literature."""
    seed: int | None = None
    """Root seed of generators; None is a run's own seed, also of what was exported from it, and 0 for other generators."""
    trust: bool = False
    """Whether code in an input may run: that of a program, or of a run whose method is a Python file."""
    latent_dim: int | None = None
    """Length of a program's latents; None reads it from the program."""
    resolution: int | None = None
    """Height and width to which images from files are cropped and resized; None keeps the files' own."""
    workers: int = 2
    """Number of threads that decode image files."""


def open_source(text: str, how: Opening) -> GivenSet:
    """Opens the set that the user named.

    Args:
        text: A folder, zip, npz, npy, run directory (``DIR`` or ``DIR:raw``), program, exported weights, data set (``NAME`` or
            ``NAME:SPLIT``), ``module:callable`` or ``file.py:callable``.
        how: Settings.

    Raises:
        RequestError: No set of any kind has this name, or it is unusable.
    """
    path = path_of(text)
    if how.features:
        return read_statistics(path) if is_statistics(existing(path)) else read_features(path)
    if path.exists():
        return _at_path(text, ordinary(path), how)
    bare, _, suffix = text.rpartition(":")
    if suffix in ("raw", "ema") and (Path(bare).expanduser() / "spec.json").is_file():
        return _run(text, Path(bare).expanduser(), "raw" if suffix == "raw" else "ema", how)
    name, _, split = text.partition(":")
    if name in DATASETS.targets:
        return _dataset(text, name, split or "train", how)
    if bare and Path(bare).expanduser().is_dir():
        raise DataError(f"{text!r}: {bare!r} is a folder, and only a run's takes a suffix, ':ema' or ':raw'; write {bare!r} alone")
    if bare and "/" not in suffix and "\\" not in suffix:
        return _function(text, path, how)
    raise unknown(text, path)


def open_array(name: str, given: npt.NDArray[Any] | Tensor, features: bool, value_range: ValueRange | None = None) -> GivenSet:
    """Opens examples or features in memory.

    Args:
        name: Name of the set, for error messages.
        given: Images or points, see :func:`ganbench.sources.conversion.as_examples`, or features (n, d).
        features: Whether they are features.
        value_range: The values of black and of white of float images; None tells them from the values.

    Raises:
        DataError: The array has none of these forms.
    """
    array = as_array(given)
    if array.dtype.hasobject:  # before the hash, which would be one of addresses
        array = matrix(array, name).numpy()
    converted = Converted(examples=array) if features else as_examples(array, name, value_range)
    array = converted.examples
    content = hashlib.sha256(f"{array.dtype} {array.shape}\n".encode() + np.ascontiguousarray(array).tobytes()).hexdigest()
    if features:
        return GivenFeatures(name, content, Features(values=matrix(array, name)))
    source = ArraySource(name, array, content)
    source.notes += converted.notes
    return source


def _at_path(text: str, path: Path, how: Opening) -> GivenSet:
    if (path / "spec.json").is_file():
        return _run(text, path, "ema", how)
    suffix = path.suffix.lower()
    if path.is_dir() or suffix == ".zip":
        return FileSource(text, path, how.resolution, how.workers)
    if suffix == ".npz" and is_statistics(path):
        if how.statistics or not holds_images_too(path):
            return read_statistics(path)
        source = _arrays(text, path, how)
        source.notes.append(f"{text!r} holds statistics as well; only its images are used")
        return source
    if suffix == ".npz" and "features" in array_shapes(path):
        raise DataError(f"{text!r} holds features, not images; add --features")
    if suffix in (".npz", ".npy"):
        return _arrays(text, path, how)
    if suffix in PROGRAMS:
        return ProgramSource(text, path, how.latent_dim, how.n, how.seed, how.device, how.trust)
    if suffix in WEIGHTS:
        from ganbench.sources.weights import WeightsSource

        return WeightsSource(text, path, how.n, how.seed, how.device, how.trust)
    raise unfit(text, path)


def _arrays(text: str, path: Path, how: Opening) -> ArraySource:
    content = (load_npz if path.suffix.lower() == ".npz" else load_npy)(path, how.resolution)
    classes = None if content.labels is None else Classes.of(torch.from_numpy(content.labels), content.class_names)
    found = content_hash(path) + (f"@{how.resolution}" if how.resolution else "")
    return ArraySource(text, content.images, found, content.labels, classes)


def _run(text: str, folder: Path, weights: Weights, how: Opening) -> Source:
    from ganbench.sources.runs import RunSource

    return RunSource(text, folder, weights, how.n, how.seed, how.root, how.device, how.trust)


def _function(text: str, path: Path, how: Opening) -> FunctionSource:
    try:
        return FunctionSource(text, how.n, how.seed or 0)
    except RequestError:
        name, _, split = text.partition(":")
        if split in SPLITS and nearest(name, DATASETS.names()):
            raise unknown(text, path) from None  # a data set's name, misspelt
        raise


def _dataset(text: str, name: str, split: str, how: Opening) -> ArraySource:
    if split not in SPLITS:
        raise unknown_split(name, split)
    dataset = load_dataset(DatasetSpec(name=name, resolution=how.resolution), how.root)
    part = dataset.train if SPLITS[split] == "train" else dataset.held_out
    classes = Classes.of_data(dataset, own_numbers=True)
    source = ArraySource(text, part.examples, f"{dataset.fingerprint}/{SPLITS[split]}", part.labels, classes)
    source.modes = dataset.modes
    return source

"""How is the data set of a run loaded?"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ganbench.content import content_hash
from ganbench.data.dataset import Dataset, Split
from ganbench.data.fingerprint import fingerprint
from ganbench.data.own import files, outline
from ganbench.data.split import permutation
from ganbench.errors import DataError
from ganbench.plan.spec import DatasetSpec
from ganbench.registry import DATASETS


def load_dataset(spec: DatasetSpec, root: Path) -> Dataset:
    """Loads a data set.

    Args:
        spec: Registered name, or path of the user's own folder, zip, npz or npy file.
        root: Folder where registered data sets are found or downloaded to.

    Raises:
        DataError: The data are unusable; the message names the file and the remedy.
        UnknownName: The name is not registered.
    """
    dataset = _whole(spec, root)
    return dataset if spec.n_train is None else _reduced(dataset, spec.n_train)


def outlined(spec: DatasetSpec) -> Dataset:
    """A user's own data set as far as headers and labels tell, with black images; takes a fraction of the time of loading it.

    Args:
        spec: A data set with a path.

    Raises:
        DataError: The data are unusable, as far as that can be told.
    """
    dataset = outline(spec)
    if spec.n_train is None:
        return dataset
    marked = replace(dataset.train, examples=np.zeros(len(dataset.train), np.uint8))
    reduced = _chosen(replace(dataset, train=marked), spec.n_train)
    return replace(dataset, train=replace(reduced, examples=dataset.train.examples[: len(reduced)]))


def _whole(spec: DatasetSpec, root: Path) -> Dataset:
    if spec.path is None:
        dataset: Dataset = DATASETS.load(spec.name)(spec, root)
        return dataset
    if spec.content is not None and content_hash(Path(spec.path)) != spec.content:
        raise DataError(
            f"{spec.path}: has changed since this run was planned; run the suite again, which gives the changed data runs of their own"
        )
    return files(spec, root)


def _reduced(dataset: Dataset, n: int) -> Dataset:
    train = _chosen(dataset, n)
    return replace(dataset, train=train, fingerprint=fingerprint(train, dataset.held_out))


def _chosen(dataset: Dataset, n: int) -> Split:
    """N training examples in their order, chosen by a permutation that depends only on their total number."""
    if n > len(dataset.train):
        raise DataError(f"dataset {dataset.name!r}: n_train = {n:,} is more than its {len(dataset.train):,} training examples")
    chosen = np.sort(permutation(len(dataset.train))[:n])
    labels = dataset.train.labels
    return Split(examples=dataset.train.examples[chosen], labels=None if labels is None else labels[chosen])

"""Which loader does a data set need?"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ganbench.content import content_hash
from ganbench.data.dataset import Dataset, Split
from ganbench.data.fingerprint import fingerprint
from ganbench.data.own import files
from ganbench.data.split import permutation
from ganbench.errors import DataError
from ganbench.plan.spec import DatasetSpec
from ganbench.registry import DATASETS


def load_dataset(spec: DatasetSpec, root: Path) -> Dataset:
    """Loads real data.

    Args:
        spec: Registered name, or a folder, zip or npz of the user's own.
        root: Where registered data sets lie or are downloaded to.

    Raises:
        DataError: One line that names what cannot be used, and the remedy.
        UnknownName: Nobody registered the name.
    """
    dataset = _whole(spec, root)
    return dataset if spec.n_train is None else _reduced(dataset, spec.n_train)


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
    """The data set with n training examples, chosen by a permutation that depends on their number alone, in their order."""
    if n > len(dataset.train):
        raise DataError(f"dataset {dataset.name!r}: n_train = {n:,} is more than its {len(dataset.train):,} training examples")
    chosen = np.sort(permutation(len(dataset.train))[:n])
    labels = dataset.train.labels
    train = Split(examples=dataset.train.examples[chosen], labels=None if labels is None else labels[chosen])
    return replace(dataset, train=train, fingerprint=fingerprint(train, dataset.held_out))

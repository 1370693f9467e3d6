"""How are files of features read?"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ganbench.content import content_hash
from ganbench.data.labels import Labels, checked
from ganbench.data.stored import Stored, array_shapes, like_statistics, stored_arrays
from ganbench.errors import DataError
from ganbench.plan.facts import Need
from ganbench.sets.classes import Classes
from ganbench.sets.features import Features
from ganbench.sets.source import GivenSet, Network, Selection

VALUES = "features"
"""Name of the array of features."""
_OTHERS = ("logits", "probabilities", "labels", "spatial")


class GivenFeatures(GivenSet):
    """Features in memory, computed by another tool."""

    holds_features = True

    def __init__(self, name: str, content: str, features: Features) -> None:
        super().__init__(name)
        self.content, self.features = content, features

    def __len__(self) -> int:
        return len(self.features)

    def gives(self, need: Need, network: Network) -> bool:
        """Whether only features or moments are needed."""
        return need in ("moments", "features")

    def known(self, selection: Selection, needs: Collection[Need]) -> Features:
        """Features of the selected examples."""
        return self.features if selection.is_all else Features(values=self.features.values[torch.tensor(selection.indices)])


class FeatureFile(GivenSet):
    """A file of features computed by another tool, whose arrays are read when they are needed.

    Args:
        name: The name as the user wrote it.
        content: Hash of the file.
        stored: The arrays, with accepted headers.
        labels: The class labels, if there are any.
    """

    holds_features = True

    def __init__(self, name: str, content: str, stored: Mapping[str, Stored], labels: Labels | None) -> None:
        super().__init__(name)
        self.content, self.stored = content, stored
        self.labels = None if labels is None else torch.from_numpy(labels.numbers)
        self.classes = None if labels is None or self.labels is None else Classes.of(self.labels, labels.names)

    def __len__(self) -> int:
        return self.stored[VALUES].shape[0]

    def gives(self, need: Need, network: Network) -> bool:
        """Whether the file contains what the metric needs."""
        classified = "logits" in self.stored or "probabilities" in self.stored
        held = {"labels": self.labels is not None, "probabilities": classified, "spatial": "spatial" in self.stored}
        return need in ("moments", "features") or held.get(need, False)

    def known(self, selection: Selection, needs: Collection[Need]) -> Features:
        """Features of the selected examples, with the class probabilities unless moments suffice, and the spatial ones if needed."""
        classified = _log_probabilities(self.stored) if set(needs) - {"moments"} else None
        spatial = matrix(self.stored["spatial"].values(), self.stored["spatial"].where) if "spatial" in needs else None
        values = matrix(self.stored[VALUES].values(), self.stored[VALUES].where)
        rows = slice(None) if selection.is_all else torch.tensor(selection.indices)
        return Features(
            values=values[rows],
            log_probabilities=None if classified is None else classified[rows],
            spatial=None if spatial is None else spatial[rows],
            labels=None if self.labels is None else self.labels[rows],
            class_names=self.classes.names if self.classes else (),
        )

    def renumber(self, numbers: torch.Tensor, classes: Classes) -> None:
        """See :class:`GivenSet`."""
        assert self.labels is not None
        self.labels, self.classes = numbers[self.labels], classes


def read_features(path: Path) -> FeatureFile:
    """Opens features in the array ``features`` (n, d).

    If present, ``logits`` or ``probabilities`` (n, classes), ``labels`` (n,) and ``spatial`` (n, s) belong to them. Every header is
    checked now; an array is read when a metric needs it.

    Raises:
        DataError: The file is damaged, or its arrays do not have these forms.
    """
    where = repr(str(path))
    if path.suffix.lower() not in (".npz", ".npy"):
        raise DataError(f"{where}: features come as .npz or .npy; save them as np.savez(path, features=array) with one row an example")
    stored = stored_arrays(path, (VALUES, *_OTHERS))
    if "" in stored or not stored:
        alone = stored_arrays(path)
        stored = {VALUES: next(iter(alone.values()))} if len(alone) == 1 else {}
    if VALUES not in stored:
        shapes = array_shapes(path)
        hint = like_statistics(shapes) or "save it under that name"
        raise DataError(f"{where} has no array 'features' (arrays: {', '.join(map(repr, sorted(shapes)))}); {hint}")
    check_matrix(stored[VALUES].dtype, stored[VALUES].shape, f"{where}: features")
    rows = stored[VALUES].shape[0]
    for name in ("logits", "probabilities", "spatial"):
        if name in stored:
            check_matrix(stored[name].dtype, stored[name].shape, f"{where}: array {name!r}", rows)
    labels = _labels(stored["labels"], rows) if "labels" in stored else None
    return FeatureFile(str(path), content_hash(path), stored, labels)


def matrix(array: npt.NDArray[Any], where: str, rows: int | None = None) -> torch.Tensor:
    """Checks and converts a matrix with one row per example, keeping its values.

    float32 and the types whose every value it represents (float16, integers of 16 bits) become float32, all others
    float64, whatever the order of their bytes.
    """
    if array.dtype.hasobject:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise DataError(f"{where} holds Python objects that are no numbers; save numbers") from None
    check_matrix(array.dtype, array.shape, where, rows)
    return torch.from_numpy(np.ascontiguousarray(array, native(array.dtype)))


def check_matrix(dtype: np.dtype[Any], shape: tuple[int, ...], where: str, rows: int | None = None) -> None:
    """Raises unless a type and shape are those of a matrix of numbers with one row per example.

    Args:
        dtype: Type of the numbers.
        shape: Shape of the array.
        where: Name of the array, for error messages.
        rows: Number of examples; None takes the array's own.

    Raises:
        DataError: They are not.
    """
    if dtype.kind not in "fiu":
        raise DataError(f"{where} has type {dtype}; save numbers")
    if len(shape) != 2 or 0 in shape:
        hint = "; one-dimensional features would be scored as one example's" if len(shape) == 1 else ""
        raise DataError(f"{where} has shape {shape}{hint}; save a matrix (n, d) with one row an example")
    if rows is not None and shape[0] != rows:
        raise DataError(f"{where} has {shape[0]} rows and there are {rows} examples; save one row an example")


def native(dtype: np.dtype[Any]) -> type[np.float32 | np.float64]:
    """The type in which torch computes that represents all values of a numpy type; float64 if none does.

    >>> native(np.dtype(">f4")).__name__, native(np.dtype("longdouble")).__name__
    ('float32', 'float64')
    """
    return np.float32 if np.can_cast(dtype, np.float32, "safe") else np.float64


def _log_probabilities(stored: Mapping[str, Stored]) -> torch.Tensor | None:
    if "logits" in stored:
        return matrix(stored["logits"].values(), stored["logits"].where).double().log_softmax(1)
    if "probabilities" not in stored:
        return None
    where = stored["probabilities"].where
    shares = matrix(stored["probabilities"].values(), where).double()
    if bool((shares < 0).any()) or not torch.allclose(shares.sum(1), shares.new_ones(()), atol=1e-3):
        raise DataError(f"{where} has rows that are no probabilities; save shares that sum to 1, or 'logits'")
    return (shares / shares.sum(1, keepdim=True)).log()


def _labels(stored: Stored, rows: int) -> Labels:
    if stored.dtype.kind not in "iuU" or stored.shape != (rows,):
        raise DataError(
            f"{stored.where} must hold {rows} whole numbers from 0, or names, one an example; it has {stored.dtype} {stored.shape}"
        )
    return checked(stored.small().tolist(), stored.where)

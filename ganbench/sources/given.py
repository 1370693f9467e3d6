"""How are files of features read?"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ganbench.content import content_hash
from ganbench.data.arrays import PICKLED, array_shapes, like_statistics
from ganbench.data.labels import Labels, checked
from ganbench.errors import DataError
from ganbench.plan.facts import Need
from ganbench.sets.classes import Classes
from ganbench.sets.features import Features
from ganbench.sets.source import GivenSet, Network, Selection


class FeatureFile(GivenSet):
    """Features computed by another tool."""

    holds_features = True

    def __init__(self, name: str, content: str, features: Features) -> None:
        super().__init__(name)
        self.content, self.features = content, features
        self.classes = None if features.labels is None else Classes.of(features.labels, features.class_names)

    def __len__(self) -> int:
        return len(self.features)

    def gives(self, need: Need, network: Network) -> bool:
        """Whether the file contains what the metric needs."""
        held = {"labels": self.features.labels, "probabilities": self.features.log_probabilities, "spatial": self.features.spatial}
        return need in ("moments", "features") or held.get(need) is not None

    def known(self, selection: Selection) -> Features:
        """Features of the selected examples."""
        if selection.is_all:
            return self.features
        rows = torch.tensor(selection.indices)
        parts = {field.name: getattr(self.features, field.name) for field in fields(self.features)}
        chosen: dict[str, Any] = {name: part[rows] for name, part in parts.items() if isinstance(part, torch.Tensor)}
        return replace(self.features, **chosen)

    def renumber(self, numbers: torch.Tensor, classes: Classes) -> None:
        """See :class:`GivenSet`."""
        assert self.features.labels is not None
        self.features = replace(self.features, labels=numbers[self.features.labels], class_names=classes.names)
        self.classes = classes


def read_arrays(path: Path, wanted: Sequence[str], only: bool = False) -> dict[str, npt.NDArray[Any]]:
    """Reads arrays of an npz or npy file by name; the array of an npy file has the first of the wanted names.

    Args:
        path: The file.
        wanted: Names of the arrays; others are not read, and missing ones are left out.
        only: Whether the only array of an npz counts as the first wanted one, whatever its name.

    Raises:
        DataError: The file is damaged, or contains pickled objects.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {wanted[0]: loaded}
        with loaded:
            if only and len(loaded.files) == 1:
                return {wanted[0]: loaded[loaded.files[0]]}
            return {name: loaded[name] for name in wanted if name in loaded.files}
    except Exception as error:  # numpy parses headers as Python source, which raises many types of errors
        if "Object arrays cannot be loaded" in str(error):
            raise DataError(f"{str(path)!r} holds {PICKLED}") from None
        reason = "it is neither" if "pickled (object) data" in str(error) else " ".join(str(error).split())[:160]
        raise DataError(f"{str(path)!r} is no intact npz or npy file of plain arrays ({reason}); save it again with np.savez") from None


def read_features(path: Path) -> FeatureFile:
    """Reads features from the array ``features`` (n, d).

    If present, ``logits`` or ``probabilities`` (n, classes), ``labels`` (n,) and ``spatial`` (n, s) are read too.

    Raises:
        DataError: The file is damaged, or its arrays do not have these forms.
    """
    if path.suffix.lower() not in (".npz", ".npy"):
        raise DataError(
            f"{str(path)!r}: features come as .npz or .npy; save them as np.savez(path, features=array) with one row an example"
        )
    found = read_arrays(path, ("features", "logits", "probabilities", "labels", "spatial"), only=True)
    if "features" not in found:
        shapes = array_shapes(path)
        hint = like_statistics(shapes) or "save it under that name"
        raise DataError(f"{str(path)!r} has no array 'features' (arrays: {', '.join(map(repr, sorted(shapes)))}); {hint}")
    values = matrix(found["features"], f"{str(path)!r}: features")
    labels = _labels(found["labels"], path, len(values)) if "labels" in found else None
    features = Features(
        values=values,
        log_probabilities=_log_probabilities(found, path, len(values)),
        spatial=matrix(found["spatial"], f"{str(path)!r}: array 'spatial'", len(values)) if "spatial" in found else None,
        labels=None if labels is None else torch.from_numpy(labels.numbers),
        class_names=() if labels is None else labels.names,
    )
    return FeatureFile(str(path), content_hash(path), features)


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
    if array.dtype.kind not in "fiu":
        raise DataError(f"{where} has type {array.dtype}; save numbers")
    if array.ndim != 2 or 0 in array.shape:
        hint = "; one-dimensional features would be scored as one example's" if array.ndim == 1 else ""
        raise DataError(f"{where} has shape {array.shape}{hint}; save a matrix (n, d) with one row an example")
    if rows is not None and len(array) != rows:
        raise DataError(f"{where} has {len(array)} rows and there are {rows} examples; save one row an example")
    return torch.from_numpy(np.ascontiguousarray(array, native(array.dtype)))


def native(dtype: np.dtype[Any]) -> type[np.float32 | np.float64]:
    """The type in which torch computes that represents all values of a numpy type; float64 if none does.

    >>> native(np.dtype(">f4")).__name__, native(np.dtype("longdouble")).__name__
    ('float32', 'float64')
    """
    return np.float32 if np.can_cast(dtype, np.float32, "safe") else np.float64


def _log_probabilities(found: Mapping[str, npt.NDArray[Any]], path: Path, rows: int) -> torch.Tensor | None:
    if "logits" in found:
        return matrix(found["logits"], f"{str(path)!r}: array 'logits'", rows).double().log_softmax(1)
    if "probabilities" not in found:
        return None
    shares = matrix(found["probabilities"], f"{str(path)!r}: array 'probabilities'", rows).double()
    if bool((shares < 0).any()) or not torch.allclose(shares.sum(1), shares.new_ones(()), atol=1e-3):
        raise DataError(f"{str(path)!r}: array 'probabilities' has rows that are no probabilities; save shares that sum to 1, or 'logits'")
    return (shares / shares.sum(1, keepdim=True)).log()


def _labels(array: npt.NDArray[Any], path: Path, rows: int) -> Labels:
    if array.dtype.kind not in "iuU" or array.shape != (rows,):
        raise DataError(
            f"{str(path)!r}: array 'labels' must hold {rows} whole numbers from 0, or names, one an example; "
            f"it has {array.dtype} {array.shape}"
        )
    return checked(array.tolist(), f"{str(path)!r}: array 'labels'")

"""How are files of features and of statistics read?"""

import zipfile
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ganbench.content import content_hash
from ganbench.errors import DataError
from ganbench.plan.facts import Need
from ganbench.sets.features import Features
from ganbench.sets.moments import Moments
from ganbench.sets.source import GivenSet, Network, Selection


class FeatureFile(GivenSet):
    """Features computed by another tool."""

    holds_features = True

    def __init__(self, name: str, content: str, features: Features) -> None:
        super().__init__(name)
        self.content, self.features = content, features

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
        return replace(self.features, **{name: part[rows] for name, part in parts.items() if part is not None})


class StatisticsFile(GivenSet):
    """Mean and covariance computed by another tool, or by ``ganbench stats``.

    Args:
        name: The name as the user wrote it.
        content: Hash of the file.
        moments: The mean and covariance.
        n_known: Whether the file states the number of examples.
        made_by: Identity of the extractor that made them; empty if the file does not state it.
    """

    reference_only = True

    def __init__(self, name: str, content: str, moments: Moments, n_known: bool, made_by: Mapping[str, Any]) -> None:
        super().__init__(name)
        self.content, self.moments, self.n_known, self.made_by = content, moments, n_known, made_by

    def __len__(self) -> int:
        return self.moments.n

    def gives(self, need: Need, network: Network) -> bool:
        """Whether only moments are needed."""
        return need == "moments"

    def known(self, selection: Selection) -> Moments:
        """The moments, whatever the selection."""
        return self.moments

    def protocol(self) -> dict[str, Any]:
        """States that the reference is statistics, and whether their protocol is known."""
        return {"reference_kind": "statistics" if self.made_by else "statistics of unknown protocol"}

    def check(self, identity: Mapping[str, Any], width: int) -> None:
        """Raises unless the statistics were made by this extractor.

        Args:
            identity: The extractor's :meth:`identity`.
            width: Its number of features; 0 if not known.

        Raises:
            DataError: They were made by another extractor.
        """
        for key, value in identity.items():
            if self.made_by and self.made_by.get(key) != value:
                raise DataError(
                    f"{self.name!r} was made with {key} = {self.made_by.get(key)!r}, and this is {value!r}; "
                    "score with the same extractor and weights, or make the statistics again"
                )
        if width not in (0, len(self.moments.mean)):
            raise DataError(
                f"{self.name!r} has {len(self.moments.mean):,} features and {identity['extractor']!r} {width:,}; "
                "take both from one extractor"
            )


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Reads all arrays of an npz or npy file by name; the array of an npy file is named ``features``.

    Raises:
        DataError: The file is damaged, or contains pickled objects.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"features": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except Exception as error:  # numpy parses headers as Python source, which raises many types of errors
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
    found = read_arrays(path)
    name = "features" if "features" in found else next(iter(found)) if len(found) == 1 else None
    if name is None:
        raise DataError(f"{str(path)!r} has no array 'features' (arrays: {', '.join(map(repr, sorted(found)))}); save it under that name")
    values = matrix(found[name], f"{str(path)!r}: array {name!r}")
    features = Features(
        values=values,
        log_probabilities=_log_probabilities(found, path, len(values)),
        spatial=matrix(found["spatial"], f"{str(path)!r}: array 'spatial'", len(values)) if "spatial" in found else None,
        labels=_labels(found["labels"], path, len(values)) if "labels" in found else None,
    )
    return FeatureFile(str(path), content_hash(path), features)


def matrix(array: npt.NDArray[Any], where: str, rows: int | None = None) -> torch.Tensor:
    """Checks and converts a matrix with one row per example; float64 is kept, all other numbers become float32."""
    if array.dtype.kind not in "fiu":
        raise DataError(f"{where} has type {array.dtype}; save numbers")
    if array.ndim != 2 or 0 in array.shape:
        hint = "; one-dimensional features would be scored as one example's" if array.ndim == 1 else ""
        raise DataError(f"{where} has shape {array.shape}{hint}; save a matrix (n, d) with one row an example")
    if rows is not None and len(array) != rows:
        raise DataError(f"{where} has {len(array)} rows and there are {rows} examples; save one row an example")
    return torch.from_numpy(np.ascontiguousarray(array, np.float64 if array.dtype == np.float64 else np.float32))


def _log_probabilities(found: Mapping[str, npt.NDArray[Any]], path: Path, rows: int) -> torch.Tensor | None:
    if "logits" in found:
        return matrix(found["logits"], f"{str(path)!r}: array 'logits'", rows).double().log_softmax(1)
    if "probabilities" not in found:
        return None
    shares = matrix(found["probabilities"], f"{str(path)!r}: array 'probabilities'", rows).double()
    if bool((shares < 0).any()) or not torch.allclose(shares.sum(1), shares.new_ones(()), atol=1e-3):
        raise DataError(f"{str(path)!r}: array 'probabilities' has rows that are no probabilities; save shares that sum to 1, or 'logits'")
    return (shares / shares.sum(1, keepdim=True)).log()


def _labels(array: npt.NDArray[Any], path: Path, rows: int) -> torch.Tensor:
    if array.dtype.kind not in "iu" or array.shape != (rows,) or (rows and array.min() < 0):
        raise DataError(
            f"{str(path)!r}: array 'labels' must hold {rows} whole numbers from 0, one an example; it has {array.dtype} {array.shape}"
        )
    return torch.from_numpy(array.astype(np.int64))


def is_statistics(path: Path) -> bool:
    """Whether an npz file contains a mean and a covariance."""
    return holds(path, "mu", "sigma")


def holds(path: Path, *names: str) -> bool:
    """Whether a file is an npz with arrays of these names."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {f"{name}.npy" for name in names} <= set(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def read_statistics(path: Path) -> StatisticsFile:
    """Reads ``mu`` (d,) and ``sigma`` (d, d) from ganbench, TTUR, pytorch-fid, clean-fid, guided-diffusion or EDM.

    Raises:
        DataError: The file is damaged, or its arrays are not a mean and a covariance.
    """
    found, where = read_arrays(path), repr(str(path))
    if "mu" not in found or "sigma" not in found:
        raise DataError(f"{where} holds no statistics; arrays 'mu' (d,) and 'sigma' (d, d) are needed, for example from `ganbench stats`")
    mean, covariance = found["mu"], found["sigma"]
    width = mean.shape[-1] if mean.ndim else 0
    if mean.dtype.kind != "f" or covariance.dtype.kind != "f" or mean.shape != (width,) or covariance.shape != (width, width) or not width:
        raise DataError(f"{where}: 'mu' and 'sigma' have shapes {mean.shape} and {covariance.shape}; they must be (d,) and (d, d) floats")
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise DataError(f"{where}: the statistics hold values that are not finite; make them again")
    if not np.allclose(covariance, covariance.T, rtol=1e-4, atol=1e-8 * float(np.abs(covariance).max())):
        raise DataError(f"{where}: 'sigma' is not symmetric, so it is no covariance; make the statistics again")
    from ganbench.sources.stats import protocol_of

    protocol, n = protocol_of(found, where)
    symmetric = torch.from_numpy(covariance.astype(np.float64))
    moments = Moments(n=n or 0, mean=torch.from_numpy(mean.astype(np.float64)), covariance=(symmetric + symmetric.T) / 2)
    found_set = StatisticsFile(str(path), content_hash(path), moments, n is not None, protocol)
    if not protocol:
        found_set.notes.append(
            f"{where} does not say how its statistics were made: extractor, weights, resize, number of images and ddof are taken on trust"
        )
    if "arr_0" in found:
        found_set.notes.append(f"{where} holds images as well; only its statistics are used. To score against the images, save them alone")
    if n is None:
        found_set.notes.append(f"{str(path)!r} does not say on how many images it rests; the interval takes the reference as exact")
    return found_set

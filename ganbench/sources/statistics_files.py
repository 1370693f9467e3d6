"""How are files of statistics (mean and covariance) read, and are they such?"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganbench.content import content_hash
from ganbench.data.limits import WIDTH_LIMIT
from ganbench.data.stored import Stored, array_shapes, stored_arrays
from ganbench.errors import DataError
from ganbench.plan.facts import Need
from ganbench.sets.moments import Moments
from ganbench.sets.source import GivenSet, Network, Selection
from ganbench.sources.stats import STORED, notes_of, protocol_of

IMAGES = ("images", "arr_0")
"""Names of the images in files that hold both (the reference batches of guided diffusion)."""
_UNITS = 10
_FLOAT32 = float(np.finfo(np.float32).eps)


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

    def known(self, selection: Selection, needs: Collection[Need]) -> Moments:
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


def is_statistics(path: Path) -> bool:
    """Whether an npz file contains a mean and a covariance."""
    return {"mu", "sigma"} <= set(array_shapes(path))


def holds_images_too(path: Path) -> bool:
    """Whether a file of statistics also contains images."""
    return bool(set(IMAGES) & set(array_shapes(path)))


def read_statistics(path: Path) -> StatisticsFile:
    """Reads ``mu`` (d,) and ``sigma`` (d, d) from ganbench, TTUR, pytorch-fid, clean-fid, guided-diffusion or EDM.

    Raises:
        DataError: The file is damaged, or its arrays are not a mean and a covariance.
    """
    stored, where = stored_arrays(path, STORED), repr(str(path))
    if "mu" not in stored or "sigma" not in stored:
        raise DataError(f"{where} holds no statistics; arrays 'mu' (d,) and 'sigma' (d, d) are needed, for example from `ganbench stats`")
    _check_headers(stored["mu"], stored["sigma"], where)
    found = {name: array.small() for name, array in stored.items() if name not in ("mu", "sigma")}
    protocol, n = protocol_of(found, where)
    mean, covariance = stored["mu"].values(), stored["sigma"].values()
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise DataError(f"{where}: the statistics hold values that are not finite; make them again")
    if not np.allclose(covariance, covariance.T, rtol=1e-4, atol=1e-8 * float(np.abs(covariance).max())):
        raise DataError(f"{where}: 'sigma' is not symmetric, so it is no covariance; make the statistics again")
    symmetric = torch.from_numpy(covariance.astype(np.float64))
    moments = Moments(n=n or 0, mean=torch.from_numpy(mean.astype(np.float64)), covariance=(symmetric + symmetric.T) / 2)
    if not bool(moments.covariance.isfinite().all() and moments.mean.square().isfinite().all()):
        raise DataError(f"{where}: the statistics are too large for float64; scale the features and make them again")
    rounding = _rounding(moments, where, max(float(np.finfo(part.dtype).eps) for part in (mean, covariance)))
    found_set = StatisticsFile(str(path), content_hash(path), moments, n is not None, protocol)
    if not protocol:
        found_set.notes.append(
            f"{where} does not say how its statistics were made: extractor, weights, resize, number of images and ddof are taken on trust"
        )
    found_set.notes += [*rounding, *(f"{where}: {note}" for note in notes_of(found))]
    if holds_images_too(path):
        found_set.notes.append(f"{where} holds images as well; only its statistics are used. To score against the images, save them alone")
    if n is None:
        found_set.notes.append(f"{str(path)!r} does not say on how many images it rests; the interval takes the reference as exact")
    return found_set


def _check_headers(mean: Stored, covariance: Stored, where: str) -> None:
    """Raises unless two arrays have the types and shapes of a mean and a covariance; nothing but their headers has been read."""
    width = mean.shape[-1] if mean.shape else 0
    kinds = {mean.dtype.kind, covariance.dtype.kind}
    if kinds != {"f"} or mean.shape != (width,) or covariance.shape != (width, width) or not width:
        raise DataError(f"{where}: 'mu' and 'sigma' have shapes {mean.shape} and {covariance.shape}; they must be (d,) and (d, d) floats")
    if width > WIDTH_LIMIT:
        raise DataError(f"{where}: its statistics are of {width:,} features, and the limit is {WIDTH_LIMIT:,}; take a narrower extractor")


def _rounding(moments: Moments, where: str, stored_eps: float) -> list[str]:
    """A note if negative eigenvalues of a covariance are explained by rounding; raises for those that are not.

    Statistics of other tools are often E[xx'] - E[x]E[x]' in float32. If means are off by k units in the last place, the
    smallest eigenvalue is off by about 2 k d eps E[x^2]; k is a few, hence the factor.
    """
    covariance, width = moments.covariance, len(moments.mean)
    largest = float((covariance.diagonal().abs() + moments.mean.square()).max())
    double, single = (_UNITS * width * eps * largest for eps in (float(np.finfo(np.float64).eps), max(stored_eps, _FLOAT32)))
    eye = torch.eye(width, dtype=torch.float64)
    if not int(torch.linalg.cholesky_ex(covariance + double * eye).info):
        return []  # no eigenvalue is below -double; much faster than computing them
    smallest = float(torch.linalg.eigvalsh(covariance)[0])
    if smallest < -single:
        raise DataError(
            f"{where}: 'sigma' has the negative eigenvalue {smallest:.3g}, far beyond rounding ({-single:.1g}), so it is no covariance; "
            "make the statistics again"
        )
    return [
        f"{where}: the smallest eigenvalue of 'sigma' is {smallest:.3g}, as after one pass in float32; "
        "FD rests on such rounding, so make the statistics again in float64"
    ]

"""What are the mean and covariance of features that are read in parts?"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.data.limits import WIDTH_LIMIT
from ganbench.errors import RequestError

CHUNK = 1024
"""Number of rows whose moments are computed at once; fixed, so that the same features always give the same bits."""

INFLUENCES = 4096
"""Number of evenly spaced examples kept with the moments, for intervals."""

_BLOCK = 256
"""Number of rows of a scatter matrix computed at once, from the diagonal to the right."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean and covariance of one set of features."""

    n: int
    """Number of examples."""
    mean: Tensor
    """float64 (d,)."""
    covariance: Tensor
    """float64 (d, d), divided by n - 1."""

    def __len__(self) -> int:
        return self.n


class Sums:
    """Count, mean and scatter matrix of features that come in chunks: ``CHUNK`` rows each, and fewer only in the last.

    Args:
        width: Number of features.
        device: Device of the sums.

    Raises:
        RequestError: The scatter matrix would take too much memory.
    """

    def __init__(self, width: int, device: torch.device) -> None:
        if width > WIDTH_LIMIT:
            raise RequestError(
                f"the covariance of {width:,} features takes {8 * width**2 / 2**30:,.0f} GiB; take an extractor with at most "
                f"{WIDTH_LIMIT:,} features, or smaller images (--resolution N)"
            )
        self._n = 0
        self._mean = torch.zeros(width, dtype=torch.float64, device=device)
        self._scatter = torch.zeros(width, width, dtype=torch.float64, device=device)
        """Its blocks on and above the diagonal; the others stay 0."""

    def add(self, values: Tensor) -> None:
        """Adds a chunk of features (n, d), without cancellation (Chan, Golub and LeVeque 1979, equation 2.1)."""
        n = self._n + len(values)
        mean = values.mean(0, dtype=torch.float64)
        gap = mean - self._mean
        # the gap between the means is one more row, so that the large matrix is read and written once
        rows = torch.empty(len(values) + 1, len(mean), dtype=torch.float64, device=mean.device)
        torch.sub(values, mean, out=rows[:-1])
        torch.mul(gap, (self._n * len(values) / n) ** 0.5, out=rows[-1])
        for start, stop in _blocks(len(mean)):
            self._scatter[start:stop, start:].addmm_(rows[:, start:stop].T, rows[:, start:])
        self._mean += gap * (len(values) / n)
        self._n = n

    def extended(self, values: Tensor) -> "Sums":
        """These sums and a chunk more; these stay as they are."""
        both = copy.deepcopy(self)
        both.add(values)
        return both

    def moments(self) -> Moments:
        """Mean and covariance."""
        covariance = self._scatter / (self._n - 1)
        for start, stop in _blocks(len(covariance)):
            covariance[stop:, start:stop] = covariance[start:stop, stop:].T
        return Moments(n=self._n, mean=self._mean.clone(), covariance=covariance)


def _blocks(width: int) -> list[tuple[int, int]]:
    """Columns at which every block starts and ends."""
    return [(start, min(start + _BLOCK, width)) for start in range(0, width, _BLOCK)]


def moments(values: Tensor) -> Moments:
    """Mean and covariance (divided by n - 1), in float64, of features (n, d)."""
    sums = Sums(values.shape[1], values.device)
    for chunk in torch.split(values, CHUNK):
        sums.add(chunk)
    return sums.moments()


def evenly(n: int, k: int) -> Tensor:
    """Indices of k of n examples, evenly spaced, so that sorted classes keep their proportions."""
    return torch.arange(k) * n // k

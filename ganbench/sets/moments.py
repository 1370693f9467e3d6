"""What are the mean and covariance of features that are read in parts?"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from ganbench.data.limits import WIDTH_LIMIT
from ganbench.errors import RequestError

CHUNK = 1024
"""Number of rows whose moments are computed at once; fixed, so that the same features always give the same bits."""

INFLUENCES = 4096
"""Number of evenly spaced examples kept with the moments, for intervals."""

_BLOCK = 512
"""Number of columns of a scatter matrix computed at once."""


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


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Moments in a form that can be merged: count, mean and scatter matrix."""

    n: int
    mean: Tensor
    """float64 (d,)."""
    scatter: Tensor
    """float64 (d, d)."""

    @classmethod
    def of(cls, values: Tensor) -> "Sums":
        """Sums of features (n, d) that fit into memory in float64."""
        values = values.double()
        mean = values.mean(0)
        return cls(n=len(values), mean=mean, scatter=_scatter(values - mean))

    def merge(self, other: "Sums") -> "Sums":
        """Sums of both sets together, without cancellation (Chan, Golub and LeVeque 1979, equation 2.1)."""
        n = self.n + other.n
        gap = other.mean - self.mean
        scatter = (self.scatter + other.scatter).addr_(gap, gap, alpha=self.n * other.n / n)
        return Sums(n=n, mean=self.mean + gap * (other.n / n), scatter=scatter)

    def moments(self) -> Moments:
        """Mean and covariance."""
        return Moments(n=self.n, mean=self.mean, covariance=self.scatter / (self.n - 1))


def _scatter(centred: Tensor) -> Tensor:
    """X^T X of centred features (n, d), computed in blocks on and above the diagonal; raises if it would take too much memory."""
    width = centred.shape[1]
    if width > WIDTH_LIMIT:
        raise RequestError(
            f"the covariance of {width:,} features takes {8 * width**2 / 2**30:,.0f} GiB; take an extractor with at most {WIDTH_LIMIT:,} "
            "features, or smaller images (--resolution N)"
        )
    if width <= _BLOCK:
        return centred.T @ centred
    scatter = centred.new_empty(width, width)
    for start in range(0, width, _BLOCK):
        part = slice(start, min(start + _BLOCK, width))
        scatter[part, start:] = centred[:, part].T @ centred[:, start:]
        scatter[part.stop :, part] = scatter[part, part.stop :].T
    return scatter


def summed(chunks: Iterable[Tensor]) -> Sums:
    """Sums over chunks of features, merged in order."""
    return reduce(Sums.merge, map(Sums.of, chunks))


def moments(values: Tensor) -> Moments:
    """Mean and covariance (divided by n - 1), in float64, of features (n, d)."""
    return summed(torch.split(values, CHUNK)).moments()


def evenly(n: int, k: int) -> Tensor:
    """Indices of k of n examples, evenly spaced, so that sorted classes keep their proportions."""
    return torch.arange(k) * n // k

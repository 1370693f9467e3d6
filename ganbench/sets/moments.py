"""What are the mean and covariance of many features, however they are parted?"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

CHUNK = 1024
"""Rows whose moments are taken at once; fixed, so that the same features give the same bits wherever they come from."""

INFLUENCES = 4096
"""Evenly spaced examples that are kept beside moments, for intervals."""

_BLOCK = 512
"""Columns of a scatter matrix that are taken at once."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean and covariance of one set of features."""

    n: int
    """Examples that they rest on."""
    mean: Tensor
    """float64 (d,)."""
    covariance: Tensor
    """float64 (d, d), divided by n - 1."""

    def __len__(self) -> int:
        return self.n


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Moments in a form that can be merged: count, mean, and sum of squared deviations from the mean."""

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
        """Sums of both sets together (Chan, Golub and LeVeque 1979, equation 2.1): no cancellation, whatever the mean."""
        n = self.n + other.n
        gap = other.mean - self.mean
        scatter = (self.scatter + other.scatter).addr_(gap, gap, alpha=self.n * other.n / n)
        return Sums(n=n, mean=self.mean + gap * (other.n / n), scatter=scatter)

    def moments(self) -> Moments:
        """Mean and covariance."""
        return Moments(n=self.n, mean=self.mean, covariance=self.scatter / (self.n - 1))


def _scatter(centred: Tensor) -> Tensor:
    """X^T X of centred features (n, d); blocks below the diagonal are mirrored."""
    width = centred.shape[1]
    if width <= _BLOCK:
        return centred.T @ centred
    scatter = centred.new_empty(width, width)
    for start in range(0, width, _BLOCK):
        part = slice(start, min(start + _BLOCK, width))
        scatter[part, start:] = centred[:, part].T @ centred[:, start:]
        scatter[part.stop :, part] = scatter[part, part.stop :].T
    return scatter


def summed(chunks: Iterable[Tensor]) -> Sums:
    """Sums over chunks of features, in their order."""
    return reduce(Sums.merge, map(Sums.of, chunks))


def moments(values: Tensor) -> Moments:
    """Mean and covariance (divided by n - 1), in float64, of features (n, d)."""
    return summed(torch.split(values, CHUNK)).moments()


def evenly(n: int, k: int) -> Tensor:
    """Indices of k of n examples, evenly spaced: a subset that keeps the shares of a set in any order."""
    return torch.arange(k) * n // k

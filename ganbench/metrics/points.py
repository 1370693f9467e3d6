"""How does a set of features enter work on all pairs?

A Gram matrix in the features' own precision proposes, and float64 decides: every proposal carries a bound of
its rounding error, and what lies within the bound is computed again from differences in float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK_ROWS = 1024
"""Rows and columns of a Gram matrix that are held at a time."""
_CACHED_VALUES = 65_536
"""Differences that are held at a time: half a mebibyte stays in a core's cache."""
_LARGEST_SQUARE = 1e12
"""Squared norms above it would leave float32 too little room for cubes and differences."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """One set of features, with a centred copy in which products are taken."""

    values: Tensor
    """(n, d), float32 or float64, as the extractor gave them."""
    centre: Tensor
    """float64 (d,), subtracted in the copy; both sets of a comparison share the real mean."""
    centred: Tensor
    """(n, d), float32 where the values are, unless they are too large for it."""
    squared_norms: Tensor
    """Of the centred copy, in its precision (n,)."""

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, values: Tensor, centre: Tensor) -> "Points":
        """Centres features (n, d) on a point (d,)."""
        squares = torch.cat([(chunk.double() - centre).square().sum(1) for chunk in torch.split(values, BLOCK_ROWS)])
        narrow = values.dtype == torch.float32 and squares.max().item() < _LARGEST_SQUARE
        dtype = torch.float32 if narrow else torch.float64
        centred = torch.empty(values.shape, dtype=dtype, device=values.device)
        for start in range(0, len(values), BLOCK_ROWS):
            centred[start : start + BLOCK_ROWS] = values[start : start + BLOCK_ROWS].double() - centre
        norms = torch.cat([chunk.double().square().sum(1) for chunk in torch.split(centred, BLOCK_ROWS)])
        return cls(values=values, centre=centre, centred=centred, squared_norms=norms.to(dtype))

    @property
    def error(self) -> float:
        """Rounding error of |x - y|^2 from a product of centred copies, at most, relative to |x|^2 + |y|^2.

        The error of a dot product of d terms behaves like a random walk, sqrt(d) eps; the factor is twenty of its
        standard deviations.
        """
        return float(torch.finfo(self.centred.dtype).eps * (8 + 1.2 * self.centred.shape[1] ** 0.5))

    def as_float64(self) -> "Points":
        """The same with a centred copy in float64."""
        return Points.of(self.values.double(), self.centre) if self.centred.dtype == torch.float32 else self


def squared_distances(rows: Points, columns: Points, i: Tensor, j: Tensor) -> Tensor:
    """Squared distances (pairs,) of rows i and columns j, from differences in float64: exactly 0 between copies."""
    few = max(1, _CACHED_VALUES // rows.values.shape[1])
    pieces = []
    for a, b in zip(torch.split(i, few), torch.split(j, few), strict=True):
        gap = rows.values[a].double().sub_(columns.values[b])
        pieces.append(torch.linalg.vecdot(gap, gap))
    return torch.cat(pieces) if pieces else torch.zeros(0, dtype=torch.float64, device=rows.values.device)


def grams(rows: Points, columns: Points) -> Iterator[tuple[slice, slice, Tensor]]:
    """Blocks of the centred Gram matrix; of a set with itself only those on and above the diagonal.

    Yields:
        The block's rows, its columns, and the block.
    """
    same = rows is columns
    dtype = torch.promote_types(rows.centred.dtype, columns.centred.dtype)
    for top in range(0, len(rows), BLOCK_ROWS):
        across = slice(top, min(top + BLOCK_ROWS, len(rows)))
        left = rows.centred[across].to(dtype)
        for start in range(top if same else 0, len(columns), BLOCK_ROWS):
            down = slice(start, min(start + BLOCK_ROWS, len(columns)))
            yield across, down, left @ columns.centred[down].to(dtype).T

"""On which side of a threshold does a squared distance lie, in spite of rounding?

Two squared distances count as equal if they agree up to 1e-9 of themselves, whatever the other examples are. Products of
centred features propose a distance, and where their rounding error leaves the side open, differences in float64 decide.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.pairs.points import Points, distances_of_pairs, grams
from ganbench.pairs.sizes import sizes

TIE = 1e-9
"""Relative difference below which squared distances count as equal; those of equal pairs differ by less than 1e-12 in float64."""


def threshold(squared_radii: Tensor, closed: bool) -> Tensor:
    """Largest squared distance inside balls of these squared radii, allowing for ties; below 0 for open balls of radius 0."""
    return squared_radii * (1 + TIE) if closed else squared_radii * (1 - TIE) - torch.finfo(torch.float64).tiny


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """The pairs of an example of one set and an example of another."""

    rows: Points
    columns: Points
    """Centred on the same point as the rows."""

    @property
    def error(self) -> float:
        """Bound of the rounding error of squared distances from products, relative to the sum of the squared norms."""
        return max(self.rows.error, self.columns.error)

    def settle(self, squared: Tensor, block: tuple[slice, slice] | None, row: Tensor, column: Tensor, thresholds: Tensor) -> None:
        """Replaces squared distances that may be on the wrong side of a threshold by precise ones, in place.

        Args:
            squared: float64 (pairs,), from a product of the centred features.
            block: Rows and columns that contain all pairs, if one block does: a product in float64 then leaves only the closest of
                many uncertain pairs to differences.
            row: Indices of the rows (pairs,).
            column: Indices of the columns (pairs,).
            thresholds: For each pair, the squared distances with which its own is compared (pairs, kinds).
        """
        norms = self.rows.squared_norms[row].double() + self.columns.squared_norms[column].double()
        doubtful = _near(squared, thresholds, self.error * norms)
        if block is not None and len(doubtful) > sizes(row.device).pairs:
            squared[doubtful] = self._products(block)[row[doubtful] - block[0].start, column[doubtful] - block[1].start]
            error = max(self.rows.error_in(torch.float64), self.columns.error_in(torch.float64))
            doubtful = doubtful[_near(squared[doubtful], thresholds[doubtful], error * norms[doubtful])]
        squared[doubtful] = distances_of_pairs(self.rows, self.columns, row[doubtful], column[doubtful])

    def _products(self, block: tuple[slice, slice]) -> Tensor:
        """Squared distances of all pairs in a block, from products in float64."""
        left, right = (side.values[part].double() - side.centre for side, part in zip((self.rows, self.columns), block, strict=True))
        return torch.addmm(left.square().sum(1)[:, None] + right.square().sum(1), left, right.T, alpha=-2)

    def inside(self, thresholds: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
        """Yields blocks of the matrix of which rows lie in which balls around the columns.

        Args:
            thresholds: For each column, the largest squared distance inside its ball (columns,).

        Yields:
            The block's rows, its columns, and a bool tensor.
        """
        for rows, columns, gram in grams(self.rows, self.columns):
            norms = self.rows.squared_norms[rows, None].double() + self.columns.squared_norms[columns].double()
            squared, limits = norms - 2 * gram, thresholds[columns]
            row, column = ((squared - limits).abs() <= self.error * norms).nonzero(as_tuple=True)
            pairs = squared[row, column]
            self.settle(pairs, (rows, columns), row + rows.start, column + columns.start, limits[column, None])
            squared[row, column] = pairs
            yield rows, columns, squared <= limits


def _near(squared: Tensor, thresholds: Tensor, bound: Tensor) -> Tensor:
    """Indices of squared distances (pairs,) that are within a bound of a threshold (pairs, kinds)."""
    return ((squared[:, None] - thresholds).abs() <= bound[:, None]).any(1).nonzero()[:, 0]

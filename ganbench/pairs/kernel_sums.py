"""What are the sums of the cubic kernel over all pairs of examples?

The kernel (x.y / d + 1)^3 equals (g + s)^3, where g is the dot product of centred features over d and s is the sum of
one number per example. Only the sums of g^3 and g^2 need all pairs; the other terms follow from moments in float64.
The sums over pairs are small, so a Gram matrix in float32 is precise enough.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.pairs.points import Points

_PROBE_ROWS = 256
"""Number of rows from which the mean square of the doubly centred kernel is estimated; only the interval uses it."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """Summary of one kernel matrix: enough for the MMD estimate and its variance."""

    row_means: Tensor
    """float64 (rows,), without the diagonal if rows and columns are the same set."""
    column_means: Tensor
    """float64 (columns,)."""
    mean: float
    centred_mean_square: float
    """Mean square of the doubly centred kernel, the second-order term of its Hoeffding decomposition."""


def projection_variances(within_real: Kernel, within_fake: Kernel, between: Kernel) -> tuple[float, float]:
    """Variances of the first- and second-order projections of a squared MMD (Hoeffding 1948)."""
    n, m = len(within_real.row_means), len(within_fake.row_means)
    first = (
        4 * (within_real.row_means - between.row_means).var().item() / n
        + 4 * (within_fake.row_means - between.column_means).var().item() / m
    )
    second = (
        2 * within_real.centred_mean_square / (n * (n - 1))
        + 2 * within_fake.centred_mean_square / (m * (m - 1))
        + 4 * between.centred_mean_square / (n * m)
    )
    return first, second


class KernelSums:
    """Running sums of (x.y / d + 1)^3 over the blocks of a centred Gram matrix.

    Args:
        rows: The first set.
        columns: The second set; if it is the same object, only pairs of distinct examples count.
    """

    def __init__(self, rows: Points, columns: Points) -> None:
        self.rows, self.columns, self.same = rows, columns, rows is columns
        self.width = rows.values.shape[1]
        self.row_offsets = _offsets(rows)
        self.column_offsets = self.row_offsets if self.same else _offsets(columns)
        dtype = torch.promote_types(rows.centred.dtype, columns.centred.dtype)
        self.row_weights, self.column_weights = self.row_offsets.to(dtype), self.column_offsets.to(dtype)
        self.of_rows = self.row_offsets.new_zeros(3, len(rows))
        self.of_columns = self.of_rows if self.same else self.of_rows.new_zeros(3, len(columns))
        self.stride = -(-len(rows) // _PROBE_ROWS)
        self.probe = self.row_weights.new_empty(-(-len(rows) // self.stride), len(columns))
        """Rows of the Gram matrix, one in ``stride``."""

    def add(self, rows: slice, columns: slice, gram: Tensor) -> None:
        """Adds one block and, for a set with itself, its transpose below the diagonal."""
        diagonal = self.same and rows == columns
        self._keep(rows, columns, gram)
        squares = gram.square()
        if diagonal:
            squares.fill_diagonal_(0)
        # a product with a vector is much faster than one with two columns
        sums = [squares.sum(1), squares @ self.column_weights[columns]], [squares.sum(0), self.row_weights[rows] @ squares]
        cubes = squares.mul_(gram)
        self.of_rows[:, rows] += torch.stack([cubes.sum(1), *sums[0]])
        if not diagonal:
            self.of_columns[:, columns] += torch.stack([cubes.sum(0), *sums[1]])
            if self.same:
                self._keep(columns, rows, gram.T)

    def _keep(self, rows: slice, columns: slice, gram: Tensor) -> None:
        """Keeps some rows of a block."""
        first, last = -(-rows.start // self.stride), -(-rows.stop // self.stride)
        self.probe[first:last, columns] = gram[first * self.stride - rows.start :: self.stride]

    def result(self) -> Kernel:
        """Summarises all pairs."""
        row_sums = self._totals(self.rows, self.row_offsets, self.of_rows, self.columns, self.column_offsets)
        column_sums = (
            row_sums if self.same else self._totals(self.columns, self.column_offsets, self.of_columns, self.rows, self.row_offsets)
        )
        row_means, column_means = row_sums / (len(self.columns) - self.same), column_sums / (len(self.rows) - self.same)
        mean = row_means.mean().item()
        square = self._centred_mean_square(row_means, column_means, mean)
        return Kernel(row_means=row_means, column_means=column_means, mean=mean, centred_mean_square=square)

    def _totals(self, rows: Points, own: Tensor, sums: Tensor, columns: Points, other: Tensor) -> Tensor:
        """Sums of the kernel over all columns for every row (rows,)."""
        powers = torch.stack([other**i for i in range(4)])
        directions = powers[:3].to(columns.centred.dtype) @ columns.centred
        products = (rows.centred @ directions.T.to(rows.centred.dtype)).double() / self.width
        counts = powers.sum(1).expand(len(rows), -1)
        if self.same:
            lone = powers.T
            products = products - (rows.squared_norms.double() / self.width)[:, None] * lone[:, :3]
            counts = counts - lone
        cubes, squares, weighted = sums[0] / self.width**3, sums[1] / self.width**2, sums[2] / self.width**2
        total: Tensor = (
            cubes
            + 3 * (own * squares + weighted)
            + 3 * (own**2 * products[:, 0] + 2 * own * products[:, 1] + products[:, 2])
            + (own**3 * counts[:, 0] + 3 * own**2 * counts[:, 1] + 3 * own * counts[:, 2] + counts[:, 3])
        )
        return total

    def _centred_mean_square(self, row_means: Tensor, column_means: Tensor, mean: float) -> float:
        """Estimated from evenly spaced rows."""
        chosen = torch.arange(0, len(self.rows), self.stride, device=row_means.device)
        dtype = self.probe.dtype
        kernel = self.probe.div_(self.width).add_(self.row_weights[chosen, None]).add_(self.column_weights).pow_(3)
        squares = kernel.sub_(row_means[chosen, None].to(dtype)).sub_((column_means - mean).to(dtype)).square_()
        if self.same:
            squares[torch.arange(len(chosen), device=chosen.device), chosen] = 0
        return squares.sum(dtype=torch.float64).item() / (len(chosen) * (len(self.columns) - self.same))


def _offsets(points: Points) -> Tensor:
    """The examples' summands of s (n,): x.y / d + 1 = g + s_x + s_y."""
    width = points.values.shape[1]
    return points.along / width + points.centre.square().sum() / (2 * width) + 0.5

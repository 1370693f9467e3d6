"""How far apart are the laws of the real and the generated features, by a kernel?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.metrics.base import Comparison, Estimate, Metric, normal_estimate, second_order_variance

BLOCK_ROWS = 1024
"""Rows of a kernel matrix that are held at a time."""
_BOUNDS = (-torch.inf, torch.inf)


@dataclass(frozen=True, kw_only=True)
class _Kernel:
    """What is kept of one kernel matrix: enough for the estimate and for its variance."""

    row_means: Tensor
    """(rows,), without the diagonal where both sides are one set."""
    column_means: Tensor
    """(columns,)."""
    mean: float
    centred_mean_square: float
    """Mean square of the doubly centred kernel: the part that no sum of one-sided functions explains."""


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Unbiased MMD^2 over all pairs, with the variance of its first- and second-order projections (Hoeffding)."""
    real, fake = comparison.real.values.double(), comparison.fake.values.double()
    n, m = len(real), len(fake)
    within_real = comparison.reference.shared("kernel", lambda: _kernel(real, None))
    within_fake, between = _kernel(fake, None), _kernel(real, fake)
    value = within_real.mean + within_fake.mean - 2 * between.mean
    first = (
        4 * (within_real.row_means - between.row_means).var().item() / n
        + 4 * (within_fake.row_means - between.column_means).var().item() / m
    )
    second = (
        2 * within_real.centred_mean_square / (n * (n - 1))
        + 2 * within_fake.centred_mean_square / (m * (m - 1))
        + 4 * between.centred_mean_square / (n * m)
    )
    return normal_estimate(value, second_order_variance(first, second), _BOUNDS, "U-statistic projections, second order")


def _kernel(rows: Tensor, columns: Tensor | None) -> _Kernel:
    """Summarises (x.y / d + 1)^3 over all pairs of rows and columns, or over distinct pairs of rows."""
    same = columns is None
    others = rows if columns is None else columns
    row_sums, squares = [], 0.0
    column_sums = rows.new_zeros(len(others))
    for start in range(0, len(rows), BLOCK_ROWS):
        block = (rows[start : start + BLOCK_ROWS] @ others.T).div_(rows.shape[1]).add_(1).pow_(3)
        if same:
            here = torch.arange(len(block), device=rows.device)
            block[here, start + here] = 0
        row_sums.append(block.sum(1))
        column_sums += block.sum(0)
        squares += block.square().sum().item()
    row_count, column_count = len(others) - same, len(rows) - same
    pairs = len(rows) * row_count
    row_means, column_means = torch.cat(row_sums) / row_count, column_sums / column_count
    mean = row_means.mean().item()
    explained = row_means.var(correction=0).item() + column_means.var(correction=0).item() + mean**2
    return _Kernel(row_means=row_means, column_means=column_means, mean=mean, centred_mean_square=max(squares / pairs - explained, 0.0))


KD = Metric(
    name="kd",
    version=1,
    higher_is_better=False,
    minimum_n=10,
    bounds=_BOUNDS,
    parameters=(("degree", 3), ("gamma", "1/d"), ("coef0", 1)),
    estimate=_estimate,
)
"""Kernel distance: unbiased squared MMD with the cubic kernel over all pairs; estimates the population value (Binkowski et al. 2018)."""

"""How far apart are the distributions of real and generated features, measured by the cubic kernel?"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.intervals import degrees_of_freedom, normal_estimate, second_order_variance
from ganbench.pairs.kernel_sums import projection_variances
from ganbench.sets.comparison import Comparison

SUBSETS = 100
SUBSET_SIZE = 1000
SUBSET_SEED = 2020
"""Number, size and seed of the random subsets that torch-fidelity averages over (version 0.4.0, defaults)."""
_BOUNDS = (-torch.inf, torch.inf)


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Unbiased MMD^2 over all pairs, with the variance of its first- and second-order Hoeffding projections."""
    within_real, within_fake, between = comparison.reference.kernel, comparison.fake_kernel, comparison.kernel
    value = within_real.mean + within_fake.mean - 2 * between.mean
    first, second = projection_variances(within_real, within_fake, between)
    degrees = degrees_of_freedom(within_real.row_means - between.row_means, within_fake.row_means - between.column_means)
    return normal_estimate(value, second_order_variance(first, second), _BOUNDS, "U-statistic projections, second order", degrees)


def subset_estimates(real: Tensor, fake: Tensor, size: int = SUBSET_SIZE) -> Tensor:
    """Unbiased MMD^2 of the same random subsets as torch-fidelity draws (generated examples first).

    Args:
        real: Features (n, d), at least ``size``.
        fake: Features (m, d), at least ``size``.
        size: Number of examples in a subset.

    Returns:
        float64 (SUBSETS,).
    """
    draws = np.random.RandomState(SUBSET_SEED)
    values = []
    for _ in range(SUBSETS):
        x, y = (side[torch.from_numpy(draws.choice(len(side), size, replace=False)).to(side.device)].double() for side in (fake, real))
        within = [_cubes(side, side).fill_diagonal_(0).sum() / (size * (size - 1)) for side in (x, y)]
        values.append(within[0] + within[1] - 2 * _cubes(x, y).mean())
    return torch.stack(values)


def _cubes(rows: Tensor, columns: Tensor) -> Tensor:
    return (rows @ columns.T).div_(rows.shape[1]).add_(1).pow_(3)


def _parity(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Mean over the subsets; its variance is that over all pairs plus the variance from drawing the subsets."""
    if min(comparison.n_real, comparison.n_fake) < SUBSET_SIZE:
        raise RequestError(f"kd_parity draws subsets of {SUBSET_SIZE} from either side; give more examples, or ask for kd")
    subsets = subset_estimates(comparison.real.values, comparison.fake.values)
    whole = _estimate(comparison, generator)
    variance = (whole.variance or 0.0) + subsets.var().item() / SUBSETS
    found = normal_estimate(subsets.mean().item(), variance, _BOUNDS, "U-statistic projections, and the draw of subsets")
    return replace(found, warnings=whole.warnings)


KD = Metric(
    name="kd",
    version=1,
    higher_is_better=False,
    minimum_n=10,
    bounds=_BOUNDS,
    on_device=True,
    parameters=(("degree", 3), ("gamma", "1/d"), ("coef0", 1)),
    shares=("kernel",),
    estimand="population value",
    estimate=_estimate,
)
"""Kernel distance: unbiased squared MMD with the cubic kernel over all pairs; estimates the population value (Binkowski et al. 2018)."""

KD_PARITY = Metric(
    name="kd_parity",
    version=1,
    higher_is_better=False,
    minimum_n=SUBSET_SIZE,
    bounds=_BOUNDS,
    on_device=True,
    parameters=(
        ("degree", 3),
        ("gamma", "1/d"),
        ("coef0", 1),
        ("subsets", SUBSETS),
        ("subset_size", SUBSET_SIZE),
        ("subset_seed", SUBSET_SEED),
    ),
    shares=("kernel",),
    estimand="population value",
    estimate=_parity,
)
"""Kernel distance as torch-fidelity computes it: 100 subsets of 1000, seed 2020; only for comparison with published figures."""

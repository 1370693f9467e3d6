"""How far apart are the distributions of real and generated features, by a Gaussian kernel on L2-normalised features?"""

from dataclasses import replace

import torch
from torch import Tensor

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.directions import CHUNK, directions
from ganbench.metrics.intervals import normal_estimate, second_order_variance
from ganbench.pairs.kernel_sums import Kernel, projection_variances
from ganbench.sets.comparison import Comparison

SIGMA = 10.0
"""Bandwidth of the kernel, for features of L2 norm 1."""
SCALE = 1000.0
_BOUNDS = (0.0, torch.inf)


def _sums(rows: Tensor, columns: Tensor) -> Kernel:
    """Summarises exp(-|x - y|^2 / (2 sigma^2)) - 1 over all pairs of unit vectors."""
    row_means, squares = [], 0.0
    column_sums = torch.zeros(len(columns), dtype=torch.float64, device=rows.device)
    for top in torch.split(rows, CHUNK):
        unit = directions(top)
        # at this bandwidth the kernel is close to 1; expm1 keeps the digits of its difference from 1
        parts = [torch.expm1((unit @ directions(other).T - 1).clamp_(max=0) / SIGMA**2) for other in torch.split(columns, CHUNK)]
        row_means.append(torch.stack([part.sum(1) for part in parts]).sum(0) / len(columns))
        column_sums += torch.cat([part.sum(0) for part in parts])
        squares += sum(part.square().sum().item() for part in parts)
    rows_, columns_ = torch.cat(row_means), column_sums / len(rows)
    mean = rows_.mean().item()
    explained = rows_.var(correction=0).item() + columns_.var(correction=0).item() + mean**2
    return Kernel(
        row_means=rows_, column_means=columns_, mean=mean, centred_mean_square=max(squares / len(rows) / len(columns) - explained, 0.0)
    )


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Biased MMD^2, including the pairs of an example with itself, with the variance of its first- and second-order projections."""
    real, fake = comparison.real.values, comparison.fake.values
    n, m = len(real), len(fake)
    within_real = comparison.reference.shared("mmd_rbf", lambda: _sums(real, real))
    within_fake, between = _sums(fake, fake), _sums(real, fake)
    value = within_real.mean + within_fake.mean - 2 * between.mean
    first, second = projection_variances(within_real, within_fake, between)
    # if the distributions agree only the second-order term remains, and the first-order estimate can be much smaller
    variance = SCALE**2 * max(second_order_variance(first, second), second)
    estimate = normal_estimate(SCALE * max(value, 0.0), variance, _BOUNDS, "V-statistic projections, second order")
    # the bias: for a perfect generator only the pairs of an example with itself contribute
    return replace(estimate, perfect=SCALE * (1 / n + 1 / m) * -within_real.mean * n / (n - 1))


MMD_RBF = Metric(
    name="mmd_rbf",
    version=1,
    higher_is_better=False,
    minimum_n=10,
    bounds=_BOUNDS,
    parameters=(("sigma", SIGMA), ("scale", SCALE), ("normalised", "L2")),
    estimate=_estimate,
)
"""Biased squared MMD x 1000, Gaussian kernel of sigma 10 on unit vectors; with clip-vitl14-336 it is CMMD (Jayasumana et al. 2024)."""

"""What fraction of the generated examples is realistic, and what fraction of the real distribution do they cover?

Density and coverage, clipped so that neither outliers nor clusters count for more than one example, and calibrated so
that x per cent good examples score x per cent (Salvy, Talbot and Thirion 2025, arXiv 2507.01761).

Clipped density: a real ball's radius is the distance to the k-th neighbour, but at most the median radius. A generated
example counts as min(balls that contain it / k, 1); the mean is divided by that of the real examples, and clipped at 1.

Clipped coverage: a real example counts as min(generated examples in its ball / k, 1), with the distance to the k-th
neighbour as radius. The mean y is calibrated by its expectation f(x) when a fraction x of the generated examples
follows the real distribution and the rest lies elsewhere: the score is the x with f(x) = y.
"""

from dataclasses import replace

import torch
from torch import Tensor

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.intervals import warnings_about_clumps
from ganbench.metrics.resampling import GROUPS, dealt, share_of_both, variance
from ganbench.pairs.nearest import nearest
from ganbench.pairs.points import Points
from ganbench.pairs.thresholds import Pairs, threshold
from ganbench.sets.comparison import Comparison

K = 5
FULL = 0.95
"""Expected clipped coverage, before calibration, by half of the generated examples above which the calibrated score comes with a warning:
at 300 real and 3,000 generated examples its interval holds the expected value in 55 %."""
_SPARE = 5
"""Neighbours kept beyond the k-th, to replace those that are left out with a jackknife group."""


def clipped_radii(squared: Tensor) -> Tensor:
    """Squared radii (n,), clipped at the median radius (for even n the mean of the two middle radii)."""
    radii = squared.sqrt()
    return radii.clamp(max=radii.quantile(0.5).item()).square()


def expected_coverage(m: Tensor, n: int, k: int) -> Tensor:
    """Expected clipped coverage by m generated examples that follow the real distribution, before calibration.

    Sorted by distance from a real example, the real and generated ones are in random order, so i generated ones precede
    the k-th of the n - 1 real ones with probability C(k - 1 + i, i) C(n - 1 - k + m - i, m - i) / C(n - 1 + m, m).

    Args:
        m: Numbers of generated examples (any shape), float64.
        n: Number of real examples, more than k.
        k: Number of the neighbour whose distance is the radius of a ball.

    Returns:
        Values from 0 to 1, of the shape of ``m``.
    """
    fewer = torch.arange(k, dtype=torch.float64).view(-1, *[1] * m.ndim)
    logs = (
        _log_choose(k - 1 + fewer, fewer)
        + _log_choose(n - 1 - k + (m - fewer).clamp(min=0), (m - fewer).clamp(min=0))
        - _log_choose(n - 1 + m, m)
    )
    shares = torch.where(fewer <= m, logs.exp(), 0.0)
    return 1 - ((k - fewer) * shares).sum(0) / k


def _log_choose(n: Tensor, k: Tensor) -> Tensor:
    """Logarithm of the binomial coefficient."""
    return torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)


def calibrated(coverage: Tensor, n: int, m: int) -> Tensor:
    """Calibrates clipped coverage: the fraction of good examples at which this value is expected.

    Args:
        coverage: Clipped coverage before calibration (any shape).
        n: Number of real examples.
        m: Number of generated examples.

    Returns:
        Fractions of the same shape, interpolated linearly between whole numbers of examples; above 1 where the value
        exceeds the expectation for m good examples.
    """
    good = torch.arange(m + 1, dtype=torch.float64)
    expected = expected_coverage(good, n, K)
    above = torch.searchsorted(expected, coverage.double()).clamp(1, m)
    low, high = expected[above - 1], expected[above]
    return (above - 1 + (coverage - low) / (high - low)) / m


def _counts(queries: Points, real: Points, squared_radii: Tensor, groups: Tensor) -> Tensor:
    """Counts of the closed real balls that contain each query, per group of balls (q, groups)."""
    belongs = torch.nn.functional.one_hot(groups, GROUPS).float()
    counts = torch.zeros(len(queries), GROUPS, dtype=torch.float64, device=groups.device)
    for rows, columns, inside in Pairs(rows=queries, columns=real).inside(threshold(squared_radii, closed=True)):
        counts[rows] += inside.float() @ belongs[columns]
    return counts


def _fidelity(fake: Tensor, real: Tensor) -> float:
    """Clipped density from the counts of balls (m,) and (n,), before it is clipped at 1."""
    own = (real / K).clamp(max=1).mean()
    return ((fake / K).clamp(max=1).mean() / own).item() if own > 0 else 0.0


def _density(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Clipped density, with a jackknife over both sets at fixed radii."""
    real, fake, points = comparison.real.values, comparison.fake.values, comparison.reference.points
    radii = clipped_radii(comparison.reference.shared("clipped", lambda: nearest(real, real, k=K, same=True)[0][:, -1]))
    groups = dealt(len(real), generator).to(real.device)
    of_fake = _counts(comparison.fake_points, points, radii, groups)
    # a set is asked about itself as another one, since balls differ in radius; its own ball does not count for an example
    of_real = _counts(replace(points), points, radii, groups) - torch.nn.functional.one_hot(groups, GROUPS)
    all_fake, all_real = of_fake.sum(1), of_real.sum(1)
    value = _fidelity(all_fake, all_real)
    others = [_fidelity(all_fake - of_fake[:, g], (all_real - of_real[:, g])[groups != g]) for g in range(GROUPS)]
    fake_groups = dealt(len(fake), generator).to(real.device)
    own = [_fidelity(all_fake[fake_groups != g], all_real) for g in range(GROUPS)]
    spread = variance(torch.tensor(others, dtype=torch.float64)) + variance(torch.tensor(own, dtype=torch.float64))
    estimate = share_of_both(min(value, 1.0), spread, len(real), len(fake), perfect=1.0)
    return replace(estimate, warnings=warnings_about_clumps(comparison.spacing))


def _share_inside(radii: Tensor, squared: Tensor) -> float:
    """Mean of min(generated examples in the open ball / k, 1), from squared distances (n, at least k) to the nearest ones."""
    inside = squared[:, :K] <= threshold(radii, closed=False)[:, None]
    return inside.double().mean().item()


def _kept(squared: Tensor, which: Tensor, excluded: Tensor) -> Tensor:
    """Squared distances (n, k) to the k nearest examples that are not excluded; infinite where fewer than k remain."""
    left = torch.where(excluded[which], torch.inf, squared)
    return left.sort(1).values[:, :K]


def _coverage(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Clipped coverage, with a jackknife over both sets."""
    real, fake = comparison.real.values, comparison.fake.values
    n, m, many = len(real), len(fake), K + _SPARE
    own, own_index = comparison.reference.shared("clipped coverage", lambda: nearest(real, real, k=min(many, n - 1), same=True))
    squared, index = nearest(real, fake, k=min(many, m))
    value = _share_inside(own[:, K - 1], squared)
    real_groups, fake_groups = dealt(n, generator).to(real.device), dealt(m, generator).to(real.device)
    others, theirs = [], []
    for group in range(GROUPS):
        out = real_groups == group
        others.append(_share_inside(_kept(own, own_index, out)[~out, -1], squared[~out]))
        theirs.append(_share_inside(own[:, K - 1], _kept(squared, index, fake_groups == group)))
    scores = calibrated(torch.tensor([value, *others, *theirs], dtype=torch.float64), n, m)
    spread = variance(scores[1 : GROUPS + 1]) + variance(scores[GROUPS + 1 :])
    estimate = share_of_both(min(max(scores[0].item(), 0.0), 1.0), spread, n, m, perfect=1.0)
    full = expected_coverage(torch.tensor([m / 2], dtype=torch.float64), n, K).item() > FULL
    saturated = f"{m:,} generated examples fill the balls of {n:,} real ones even if half of them are bad; give more equal numbers"
    return replace(estimate, warnings=(saturated,)) if full else estimate


CLIPPED_DENSITY = Metric(
    name="clipped_density",
    version=1,
    higher_is_better=True,
    minimum_n=50,
    bounds=(0.0, 1.0),
    parameters=(("k", K),),
    estimate=_density,
)
"""Fraction of good generated examples: density with clipped radii and counts, k = 5 (Salvy, Talbot and Thirion 2025)."""

CLIPPED_COVERAGE = Metric(
    name="clipped_coverage",
    version=1,
    higher_is_better=True,
    minimum_n=50,
    bounds=(0.0, 1.0),
    parameters=(("k", K),),
    estimate=_coverage,
)
"""Fraction of the real distribution covered: coverage, clipped and calibrated, k = 5 (Salvy, Talbot and Thirion 2025).

The calibration is exact for whole numbers of good examples and interpolated linearly between them; the authors' code takes the next
whole number and divides by n + 1 instead of n, so values differ by up to 1 / n.
"""

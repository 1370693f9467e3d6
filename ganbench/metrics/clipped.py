"""Which share of the generated examples is good, and which share of the real ones do good examples cover?

Density and coverage in a form in which neither outliers nor crowds count for more than one example, calibrated so
that x per cent good examples score x per cent (Salvy, Talbot and Thirion 2025, arXiv 2507.01761).

Clipped density: real balls reach to the k-th neighbour, but no further than the median ball does. A generated example
counts as min(balls that hold it / k, 1); the mean is divided by that of the real examples themselves, and cut at 1.

Clipped coverage: a real example counts as min(generated examples in its ball / k, 1), its ball reaching to the k-th
neighbour. The mean y is translated by the expectation f(x) of the same quantity when a share x of the generated
examples follows the real law and the rest lies elsewhere: the score is the x with f(x) = y.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.nearest import CHUNK, nearest
from ganbench.metrics.resampling import GROUPS, dealt, share_of_both, variance
from ganbench.sets.comparison import Comparison

K = 5
_SPARE = 5
"""Neighbours kept beyond the k-th, which move up when a group of examples is left out."""


def clipped_radii(squared: Tensor) -> Tensor:
    """Squared radii (n,), none above the median one: of an even number, the mean of the middle two radii."""
    radii = squared.sqrt()
    return radii.clamp(max=radii.quantile(0.5).item()).square()


def expected_coverage(m: Tensor, n: int, k: int) -> Tensor:
    """Mean clipped coverage of m generated examples that follow the real law, before calibration.

    The real and generated examples around a real one come in random order, so that i generated ones come before the
    k-th of the n - 1 real ones with the probability C(k - 1 + i, i) C(n - 1 - k + m - i, m - i) / C(n - 1 + m, m).

    Args:
        m: Numbers of generated examples (any shape), float64.
        n: Real examples, more than k.
        k: Neighbours that a ball reaches to.

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
    """The share of good examples that is expected to give a mean before calibration.

    Args:
        coverage: Means (any shape).
        n: Real examples.
        m: Generated examples.

    Returns:
        Shares of the same shape, on straight lines between whole numbers of examples; above 1 where the mean is more
        than all of them would be expected to give.
    """
    good = torch.arange(m + 1, dtype=torch.float64)
    expected = expected_coverage(good, n, K)
    above = torch.searchsorted(expected, coverage.double()).clamp(1, m)
    low, high = expected[above - 1], expected[above]
    return (above - 1 + (coverage - low) / (high - low)) / m


def _counts(queries: Tensor, real: Tensor, squared_radii: Tensor, groups: Tensor, same: bool) -> Tensor:
    """Closed real balls that hold each query, by the group of the ball (q, groups); an example is not in its own ball."""
    belongs = torch.nn.functional.one_hot(groups, GROUPS).float()
    pieces = []
    for start, squared, tie in _squared_distances(queries, real):
        inside = squared <= squared_radii * (1 + 1e-9) + tie
        if same:
            rows = torch.arange(len(inside), device=inside.device)
            inside[rows, start + rows] = False
        pieces.append(inside.float() @ belongs)
    return torch.cat(pieces).double()


def _squared_distances(queries: Tensor, real: Tensor) -> Iterator[tuple[int, Tensor, float]]:
    """Blocks of squared distances to all real examples, the number of their first row, and their rounding error with room to spare."""
    centre = real.mean(0, dtype=torch.float64)
    columns = real - centre
    norms = columns.square().sum(1)
    tie = 1e-12 * norms.mean().item()
    for index, chunk in enumerate(torch.split(queries, CHUNK)):
        rows = chunk.double() - centre
        yield index * CHUNK, rows.square().sum(1, keepdim=True) + norms - 2 * rows @ columns.T, tie


def _fidelity(fake: Tensor, real: Tensor) -> float:
    """Clipped density of counts of balls (m,) and (n,), before it is cut at 1."""
    own = (real / K).clamp(max=1).mean()
    return ((fake / K).clamp(max=1).mean() / own).item() if own > 0 else 0.0


def _density(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Clipped density with a jackknife over both sides, the radii staying as they are."""
    real, fake = comparison.real.values, comparison.fake.values
    radii = clipped_radii(comparison.reference.shared("clipped", lambda: nearest(real, real, k=K, same=True)[0][:, -1]))
    groups = dealt(len(real), generator).to(real.device)
    of_fake, of_real = _counts(fake, real, radii, groups, False), _counts(real, real, radii, groups, True)
    all_fake, all_real = of_fake.sum(1), of_real.sum(1)
    value = _fidelity(all_fake, all_real)
    others = [_fidelity(all_fake - of_fake[:, g], (all_real - of_real[:, g])[groups != g]) for g in range(GROUPS)]
    fake_groups = dealt(len(fake), generator).to(real.device)
    own = [_fidelity(all_fake[fake_groups != g], all_real) for g in range(GROUPS)]
    spread = variance(torch.tensor(others, dtype=torch.float64)) + variance(torch.tensor(own, dtype=torch.float64))
    return share_of_both(min(value, 1.0), spread, len(real), len(fake), perfect=1.0)


def _share_inside(radii: Tensor, squared: Tensor) -> float:
    """Mean of min(generated examples in the open ball / k, 1), of squared distances (n, at least k) to the nearest ones."""
    inside = squared[:, :K] < radii[:, None] * (1 - 1e-9)
    return inside.double().mean().item()


def _kept(squared: Tensor, which: Tensor, excluded: Tensor) -> Tensor:
    """Distances (n, k) to the k nearest examples that are not excluded, infinite where too few were kept."""
    left = torch.where(excluded[which], torch.inf, squared)
    return left.sort(1).values[:, :K]


def _coverage(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Clipped coverage with a jackknife over both sides."""
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
    return share_of_both(min(max(scores[0].item(), 0.0), 1.0), spread, n, m, perfect=1.0)


CLIPPED_DENSITY = Metric(
    name="clipped_density",
    version=1,
    higher_is_better=True,
    minimum_n=50,
    bounds=(0.0, 1.0),
    parameters=(("k", K),),
    estimate=_density,
)
"""Share of good generated examples: density with clipped balls and clipped counts, k = 5 (Salvy, Talbot and Thirion 2025)."""

CLIPPED_COVERAGE = Metric(
    name="clipped_coverage",
    version=1,
    higher_is_better=True,
    minimum_n=50,
    bounds=(0.0, 1.0),
    parameters=(("k", K),),
    estimate=_coverage,
)
"""Share of the real law that is covered: coverage with clipped counts, calibrated, k = 5 (Salvy, Talbot and Thirion 2025)."""

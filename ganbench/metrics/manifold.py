"""How many generated examples lie on the real manifold, and how many real examples on the generated one?

A manifold is the union of balls around the examples of a set, each with the distance to the k-th nearest neighbour in
that set as its radius. Both the queries and the balls are random: the intervals rest on a delete-one jackknife over both
sets, computed exactly from the counts of :class:`~ganbench.pairs.neighbours.Containment`. The interaction of a ball and
a query is part of both jackknife variances, so it is subtracted from one of them (Efron and Stein 1981).
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.intervals import NORMAL_975, normal_estimate, warnings_about_clumps
from ganbench.pairs.neighbours import Containment, Manifold
from ganbench.sets.comparison import Comparison

_METHOD = "Wilson, jackknife of both sides"


def share_estimate(value: float, variance: float, n: int, m: int) -> Estimate:
    """A fraction with Wilson's interval at the effective sample size that the variance implies.

    At 0 or 1 no variance can be estimated, and the effective size is n m / (n + m), since one different example
    in either set could have changed the value.

    Args:
        value: The fraction, from 0 to 1.
        variance: Its estimated sampling variance.
        n: Number of real examples.
        m: Number of generated examples.
    """
    size = value * (1 - value) / variance if 0 < value < 1 and variance > 0 else n * m / (n + m)
    z2 = NORMAL_975**2
    centre = (value + z2 / (2 * size)) / (1 + z2 / size)
    half_width = NORMAL_975 * (value * (1 - value) / size + z2 / (4 * size**2)) ** 0.5 / (1 + z2 / size)
    return Estimate(
        value=value, ci_low=max(min(centre - half_width, value), 0.0), ci_high=min(max(centre + half_width, value), 1.0), ci_method=_METHOD
    )


def _jackknife(effects: Tensor) -> float:
    """Jackknife variance from the effects of deleting each example (n,)."""
    n = len(effects)
    return (n - 1) / n * (effects - effects.mean()).square().sum().item()


def _union(counts: Containment, n: int, m: int) -> Estimate:
    """Fraction of the queries that lie in at least one ball."""
    queries = len(counts.per_query)
    share = (counts.per_query > 0).double().mean().item()
    changes = counts.gained + counts.lost
    balls = _jackknife((counts.gained - counts.lost).double()) - changes.sum().item()
    return share_estimate(share, share * (1 - share) / (queries - 1) + max(balls, 0.0) / queries**2, n, m)


def _precision(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Fraction of the generated examples that lie in at least one real ball."""
    estimate = _union(comparison.fakes_in_real_balls[0], comparison.n_real, comparison.n_fake)
    return replace(estimate, warnings=warnings_about_clumps(comparison.spacing))


def _recall(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Fraction of the real examples that lie in at least one generated ball."""
    return _union(comparison.reals_in_fake_balls, comparison.n_real, comparison.n_fake)


def _spread_to_neighbours(real: Manifold, per_ball: Tensor, k: int) -> Tensor:
    """Adds what each ball gains by growing to the effects of its k neighbours, whose deletion makes it grow."""
    total = torch.zeros_like(per_ball)
    return total.index_add_(0, real.indices[:, :k].reshape(-1), per_ball.repeat_interleave(k))


def _density(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Mean number of real balls that contain a generated example, divided by k."""
    k, counts = 5, comparison.fakes_in_real_balls[1]
    n, m = comparison.n_real, comparison.n_fake
    value = counts.per_query.double().mean().item() / k
    if value == 0:
        high = share_estimate(0.0, 0.0, n, m).ci_high
        return Estimate(value=0.0, ci_low=0.0, ci_high=high, ci_method="Wilson, no ball is hit", perfect=1.0)
    grown = _spread_to_neighbours(comparison.real_manifold, counts.shell_per_ball, k)
    joint = counts.per_ball.sum().item() + k * counts.shell_per_ball.square().sum().item()
    balls = _jackknife((grown - counts.per_ball).double()) - joint
    variance = (counts.per_query.double().var().item() / m + max(balls, 0.0) / m**2) / k**2
    estimate = normal_estimate(value, variance, (0.0, torch.inf), "jackknife of both sides")
    return replace(estimate, perfect=1.0, warnings=warnings_about_clumps(comparison.spacing))


def _coverage(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Fraction of the real balls that contain at least one generated example."""
    k, counts = 5, comparison.fakes_in_real_balls[1]
    n, m = comparison.n_real, comparison.n_fake
    hit = counts.per_ball > 0
    share = hit.double().mean().item()
    grown = _spread_to_neighbours(comparison.real_manifold, (~hit & (counts.shell_per_ball > 0)).long(), k)
    own = share * (1 - share) / (n - 1)
    real_side = _jackknife((grown - hit.long()).double()) - grown.sum().item()
    alone = torch.bincount(counts.sole_query[counts.per_ball == 1], minlength=m).double()
    fake_side = _jackknife(alone) - alone.sum().item()
    estimate = share_estimate(share, max((real_side + fake_side) / n**2, own / 2), n, m)
    return replace(estimate, perfect=expected_coverage(n, m, k))


def expected_coverage(n: int, m: int, k: int) -> float:
    """Expected coverage of n real examples by m generated ones of the same distribution (Naeem et al. 2020, lemma 2)."""
    return 1 - math.prod((n - 1 - i) / (n + m - 1 - i) for i in range(k))


PRECISION = Metric(
    name="precision",
    version=1,
    higher_is_better=True,
    minimum_n=10,
    bounds=(0.0, 1.0),
    depends_on_ratio=True,
    on_device=True,
    parameters=(("k", 3), ("ball", "closed")),
    shares=("fakes_in_real_balls",),
    estimate=_precision,
)
"""Fraction of generated examples inside the real manifold, k = 3: fidelity (Kynkaanniemi et al. 2019)."""

RECALL = Metric(
    name="recall",
    version=1,
    higher_is_better=True,
    minimum_n=10,
    bounds=(0.0, 1.0),
    depends_on_ratio=True,
    on_device=True,
    parameters=(("k", 3), ("ball", "closed")),
    shares=("reals_in_fake_balls",),
    estimate=_recall,
)
"""Fraction of real examples inside the generated manifold, k = 3: diversity (Kynkaanniemi et al. 2019)."""

DENSITY = Metric(
    name="density",
    version=1,
    higher_is_better=True,
    minimum_n=10,
    bounds=(0.0, torch.inf),
    depends_on_ratio=True,
    on_device=True,
    parameters=(("k", 5), ("ball", "open")),
    shares=("fakes_in_real_balls",),
    estimate=_density,
)
"""Mean number of real balls around a generated example over k = 5: fidelity, robust to real outliers (Naeem et al. 2020)."""

COVERAGE = Metric(
    name="coverage",
    version=1,
    higher_is_better=True,
    minimum_n=10,
    bounds=(0.0, 1.0),
    depends_on_ratio=True,
    on_device=True,
    parameters=(("k", 5), ("ball", "open")),
    shares=("fakes_in_real_balls",),
    estimate=_coverage,
)
"""Fraction of real balls with a generated example, k = 5: diversity, robust to generated outliers (Naeem et al. 2020)."""

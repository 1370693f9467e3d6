"""How far apart are real and generated features along random directions?

Along one direction the optimal transport plan of two samples pairs their sorted values, so the squared 2-Wasserstein
distance is exact. Samples of unequal size are coupled by quantiles, so every example is used.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.intervals import degrees_of_freedom, distance_estimate
from ganbench.sets.comparison import Comparison

DIRECTIONS = 1000
_CHUNK_VALUES = 2**22
"""Largest number of projected values of both sets held at a time."""
_BOUNDS = (0.0, torch.inf)


@dataclass(frozen=True, kw_only=True)
class Coupling:
    """The quantile coupling of sorted samples of sizes n and m: each piece of mass joins one example of either sample."""

    left: Tensor
    """int64 (pieces,), rank in the sample of size n."""
    right: Tensor
    """int64 (pieces,), rank in the sample of size m."""
    weights: Tensor
    """float64 (pieces,), of sum 1."""

    @classmethod
    def of(cls, n: int, m: int, device: torch.device) -> "Coupling":
        """Splits the unit interval at the multiples of 1/n and of 1/m, with integer arithmetic in units of 1/(n m)."""
        ends = torch.unique(torch.cat([torch.arange(1, n + 1, device=device) * m, torch.arange(1, m + 1, device=device) * n]))
        starts = torch.cat([ends.new_zeros(1), ends[:-1]])
        return cls(left=starts // m, right=starts // n, weights=(ends - starts).double() / (n * m))


def transport(left: Tensor, right: Tensor, coupling: Coupling) -> tuple[Tensor, Tensor, Tensor]:
    """Squared 2-Wasserstein distances along several directions, and the influence of every example on them.

    The influence of an example is its Kantorovich potential: the derivative of the distance in its weight.

    Args:
        left: Projections (n, directions).
        right: Projections (m, directions).
        coupling: The quantile coupling of samples of sizes n and m.

    Returns:
        Distances (directions,), and centred potentials (n,) and (m,) summed over the directions.
    """
    sorted_left, order_left = left.sort(dim=0)
    sorted_right, order_right = right.sort(dim=0)
    distances = (coupling.weights[:, None] * (sorted_left[coupling.left] - sorted_right[coupling.right]).square()).sum(0)
    return distances, _potentials(sorted_left, sorted_right, order_left), _potentials(sorted_right, sorted_left, order_right)


def _potentials(values: Tensor, others: Tensor, order: Tensor) -> Tensor:
    """Kantorovich potentials of sorted values against sorted others, summed over directions, in the examples' order (n,).

    From one value to the next the potential changes by the difference of their squared distances to their common
    partner; if the coupling splits exactly between two partners, by the mean over both.
    """
    n, m = len(values), len(others)
    ends = torch.arange(1, n, device=values.device) * m
    steps = values.diff(dim=0) * (values[1:] + values[:-1] - others[(ends - 1) // n] - others[ends // n])
    potentials = torch.cat([torch.zeros_like(values[:1]), steps.cumsum(0)])
    potentials -= potentials.mean(0)
    return torch.zeros_like(values).scatter_(0, order, potentials).sum(1)


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """3 d times the mean distance over random directions; ``perfect`` is that of real halves, times (1 / n + 1 / m) n / 4."""
    real, fake = comparison.real.values, comparison.fake.values
    n, m, d = len(real), len(fake), real.shape[1]
    axes = torch.randn(DIRECTIONS, d, generator=generator, device=generator.device, dtype=torch.float32).to(real.device)
    axes = axes / axes.norm(dim=1, keepdim=True)
    distances, of_real, of_fake = _over(real, fake, axes)
    scale = 3 * d
    sampling = (of_real.var().item() / n + of_fake.var().item() / m) / DIRECTIONS**2
    variance = scale**2 * (sampling + distances.var().item() / DIRECTIONS)
    halves = comparison.reference.shared("mind", lambda: _over(real[::2], real[1::2], axes)[0].mean().item() / (4 / n))
    return distance_estimate(
        scale * distances.mean().item(),
        variance,
        "Kantorovich potentials, spread over directions",
        degrees_of_freedom(of_real, of_fake),
        perfect=scale * halves * (1 / n + 1 / m),
    )


def _over(real: Tensor, fake: Tensor, axes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distances along all axes, and the summed potentials, computed for a few axes at a time."""
    coupling = Coupling.of(len(real), len(fake), real.device)
    distances, of_real, of_fake = [], torch.zeros(len(real), dtype=torch.float64), torch.zeros(len(fake), dtype=torch.float64)
    of_real, of_fake = of_real.to(real.device), of_fake.to(real.device)
    for some in torch.split(axes.double(), max(1, _CHUNK_VALUES // (len(real) + len(fake)))):
        found, left, right = transport(_projected(real, some), _projected(fake, some), coupling)
        distances.append(found)
        of_real += left
        of_fake += right
    return torch.cat(distances), of_real, of_fake


def _projected(values: Tensor, axes: Tensor) -> Tensor:
    """Projections (n, axes) in float64, computed in blocks of rows."""
    return torch.cat([chunk.double() @ axes.T for chunk in torch.split(values, 1024)])


MIND = Metric(
    name="mind",
    version=1,
    higher_is_better=False,
    minimum_n=10,
    bounds=_BOUNDS,
    depends_on_n=True,
    parameters=(("directions", DIRECTIONS), ("scale", "3 d"), ("unequal n", "quantiles")),
    estimate=_estimate,
)
"""Monge distance: 3 d times the sliced squared 2-Wasserstein distance over 1,000 directions; biased upward (Berthet et al. 2026).

Sets of unequal size are coupled by quantiles, so that every example counts; torch-fidelity cuts the larger set at random instead.
"""

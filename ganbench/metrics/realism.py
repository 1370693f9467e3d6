"""How realistic is each generated example?

The realism of an example is the largest ratio, over real balls, of the radius to the example's distance from the
centre: 1 on the border of the real manifold and more inside (Kynkaanniemi et al. 2019, section 5). The larger half of the
balls is discarded, because those lie where real examples are rare and would contain almost any example.

A copy of a real example has an infinite ratio, so the score is the median over the generated examples, not their mean.
"""

from dataclasses import replace

import torch
from torch import Tensor

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.intervals import warnings_about_clumps
from ganbench.metrics.resampling import GROUPS, dealt, student_estimate, variance
from ganbench.pairs.nearest import CHUNK, nearest
from ganbench.pairs.points import middle
from ganbench.sets.comparison import Comparison

K = 3
_SPARE = 5
"""Neighbours kept beyond the k-th, to replace those that are left out with a jackknife group."""
LARGEST = 1e6
"""Realism of a copy of a real example, and the largest value of any other one."""


def realism(examples: Tensor, centres: Tensor, radii: Tensor) -> Tensor:
    """Realism of examples for several sets of balls around the same centres.

    A matrix product finds the ball with the largest ratio; for the first set, the distance from its centre is
    computed again from differences.

    Args:
        examples: (m, d).
        centres: (n, d).
        radii: float64 (sets, n); 0 discards a ball.

    Returns:
        Realism from 0 to :data:`LARGEST` (sets, m).
    """
    origin = middle(centres, centres.mean(0, dtype=torch.float64))
    offset = centres - origin
    norms = offset.square().sum(1)
    found = []
    for chunk in torch.split(examples, CHUNK):
        exact = chunk.double()
        moved = exact - origin
        squared = (moved.square().sum(1, keepdim=True) + norms - 2 * moved @ offset.T).clamp_(min=torch.finfo(torch.float64).tiny)
        closeness = squared.sqrt_().reciprocal_()
        every = torch.stack([(closeness * some).amax(1) for some in radii])
        best = (closeness * radii[0]).argmax(1)
        distances = (exact - centres[best].double()).norm(dim=1)
        every[0] = radii[0, best] / distances.clamp(min=torch.finfo(torch.float64).tiny)
        found.append(every)
    return torch.cat(found, 1).clamp(max=LARGEST)


def _smaller_half(radii: Tensor) -> Tensor:
    """Radii (n,) with those above the median set to 0; of an even number of balls half remain, without ties."""
    counted = radii[radii.isfinite()]
    return torch.where(radii <= counted.median(), radii, 0.0)


def _without(squared: Tensor, which: Tensor, out: Tensor) -> Tensor:
    """Radii (n,) without the examples of a mask (n,), whose own radii are infinite."""
    left = torch.where(out[which], torch.inf, squared).sort(1).values[:, K - 1].sqrt()
    return torch.where(out, torch.inf, left)


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Median realism, with a jackknife over both sets; ``perfect`` is that of held-out examples."""
    real = comparison.real.values
    squared, which = comparison.reference.shared("realism", lambda: nearest(real, real, k=min(K + _SPARE, len(real) - 1), same=True))
    groups = dealt(len(real), generator).to(real.device)
    everything = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    kept = [everything, *(groups == group for group in range(GROUPS))]
    radii = torch.stack([_smaller_half(_without(squared, which, out)) for out in kept])
    scores = realism(comparison.fake.values, real, radii)
    fake_groups = dealt(scores.shape[1], generator).to(real.device)
    others = torch.stack([scores[0, fake_groups != group].quantile(0.5) for group in range(GROUPS)])
    spread = variance(others.cpu()) + variance(scores[1:].quantile(0.5, dim=1).cpu())
    held_out = comparison.held_out_reference
    perfect = None
    if held_out is not None and held_out.has_features:
        perfect = realism(held_out.features.values, real, radii[:1]).quantile(0.5).item()
    estimate = student_estimate(scores[0].quantile(0.5).item(), spread, REALISM.bounds, "jackknife over groups", perfect)
    return replace(estimate, warnings=warnings_about_clumps(comparison.spacing))


REALISM = Metric(
    name="realism",
    version=2,
    higher_is_better=True,
    minimum_n=50,
    bounds=(0.0, LARGEST),
    parameters=(("k", K), ("balls", "smaller half"), ("average", "median")),
    estimate=_estimate,
)
"""Median realism of generated examples: depth inside the real manifold, k = 3; fidelity only (Kynkaanniemi et al. 2019)."""

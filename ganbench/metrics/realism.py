"""How realistic is each generated example?

The realism of an example is the largest ratio, over real balls, of the radius to the example's distance from the
centre: 1 on the border of the real manifold and more inside (Kynkaanniemi et al. 2019, section 5). The larger half of the
balls is discarded, because those lie where real examples are rare and would contain almost any example.
"""

import torch
from torch import Tensor

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.nearest import CHUNK, nearest
from ganbench.metrics.resampling import GROUPS, dealt, student_estimate, variance
from ganbench.sets.comparison import Comparison

K = 3
_SPARE = 5
"""Neighbours kept beyond the k-th, to replace those that are left out with a jackknife group."""
_GUARD = 1e-5
"""Added to distances, so that the realism of a copy is finite."""


def realism(examples: Tensor, centres: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
    """Realism of examples for several sets of balls around the same centres.

    A matrix product finds the ball with the largest ratio; for the first set, the distance from its centre is
    computed again from differences.

    Args:
        examples: (m, d).
        centres: (n, d).
        radii: float64 (sets, n); 0 discards a ball.

    Returns:
        Realism for the first set (m,), and the mean realism for each set from the matrix product alone (sets,).
    """
    middle = centres.mean(0, dtype=torch.float64)
    offset = centres - middle
    norms = offset.square().sum(1)
    first, sums = [], torch.zeros(len(radii), dtype=torch.float64, device=radii.device)
    for chunk in torch.split(examples, CHUNK):
        exact = chunk.double()
        moved = exact - middle
        squared = (moved.square().sum(1, keepdim=True) + norms - 2 * moved @ offset.T).clamp_(min=0)
        closeness = squared.sqrt_().add_(_GUARD).reciprocal_()
        best = (closeness * radii[0]).argmax(1)
        first.append(radii[0, best] / ((exact - centres[best].double()).norm(dim=1) + _GUARD))
        sums += torch.stack([(closeness * some).amax(1).sum() for some in radii])
    return torch.cat(first), sums / len(examples)


def _smaller_half(radii: Tensor) -> Tensor:
    """Radii (n,) with those above the median set to 0; of an even number of balls half remain, without ties."""
    counted = radii[radii.isfinite()]
    return torch.where(radii <= counted.median(), radii, 0.0)


def _without(squared: Tensor, which: Tensor, out: Tensor) -> Tensor:
    """Radii (n,) without the examples of a mask (n,), whose own radii are infinite."""
    left = torch.where(out[which], torch.inf, squared).sort(1).values[:, K - 1].sqrt()
    return torch.where(out, torch.inf, left)


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Mean realism, with the variance over generated examples and a jackknife over real ones; ``perfect`` is that of held-out ones."""
    real = comparison.real.values
    squared, which = comparison.reference.shared("realism", lambda: nearest(real, real, k=min(K + _SPARE, len(real) - 1), same=True))
    groups = dealt(len(real), generator).to(real.device)
    everything = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    kept = [everything, *(groups == group for group in range(GROUPS))]
    radii = torch.stack([_smaller_half(_without(squared, which, out)) for out in kept])
    scores, means = realism(comparison.fake.values, real, radii)
    spread = scores.var().item() / len(scores) + variance(means[1:].cpu())
    held_out = comparison.held_out_reference
    perfect = None
    if held_out is not None and held_out.has_features:
        perfect = realism(held_out.features.values, real, radii[:1])[0].mean().item()
    return student_estimate(scores.mean().item(), spread, REALISM.bounds, "variance of examples, jackknife over real ones", perfect)


REALISM = Metric(
    name="realism",
    version=1,
    higher_is_better=True,
    minimum_n=50,
    bounds=(0.0, torch.inf),
    parameters=(("k", K), ("balls", "smaller half")),
    estimate=_estimate,
)
"""Mean realism of generated examples: depth inside the real manifold, k = 3; fidelity only (Kynkaanniemi et al. 2019)."""

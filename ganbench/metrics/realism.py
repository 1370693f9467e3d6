"""How realistic is a single generated example, and the average one?

An example's realism is the largest ratio of a real ball's radius to the example's distance from its centre: 1 on the
border of the real manifold, more inside (Kynkaanniemi et al. 2019, section 5). The larger half of the balls is left
out: they lie where real examples are rare, and would take in almost anything.
"""

import torch
from torch import Tensor

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.nearest import CHUNK, nearest
from ganbench.metrics.resampling import GROUPS, dealt, student_estimate, variance
from ganbench.sets.comparison import Comparison

K = 3
_SPARE = 5
"""Neighbours kept beyond the k-th, which move up when a group of examples is left out."""
_GUARD = 1e-5
"""Added to distances: the realism of a copy is then large instead of infinite."""


def realism(examples: Tensor, centres: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
    """Realism of examples among several sets of balls around the same centres.

    A product of matrices proposes the ball with the largest ratio; for the first set, its distance is taken again
    from differences.

    Args:
        examples: (m, d).
        centres: (n, d).
        radii: float64 (sets, n); 0 leaves a ball out.

    Returns:
        Realism among the first set (m,), and its mean among each set, as proposed (sets,).
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
    """Radii (n,), those above the median 0: of an even number of balls, ties aside, half stay."""
    counted = radii[radii.isfinite()]
    return torch.where(radii <= counted.median(), radii, 0.0)


def _without(squared: Tensor, which: Tensor, out: Tensor) -> Tensor:
    """Radii (n,) after some examples (n,) are left out, which are infinite themselves."""
    left = torch.where(out[which], torch.inf, squared).sort(1).values[:, K - 1].sqrt()
    return torch.where(out, torch.inf, left)


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Mean realism, with the variance over generated examples and a jackknife over real ones; perfect is that of held-out examples."""
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
"""Mean realism of generated examples: depth inside the real manifold, k = 3; fidelity alone (Kynkaanniemi et al. 2019)."""

"""Do generated examples change when their latents do?"""

import torch
from torch import Tensor

from ganbench import seeding
from ganbench.diagnostics.base import Case, Examination
from ganbench.results.record import Diagnostic
from ganbench.sets.features import LatentModel

PAIRS = 64
"""Number of pairs of latents; the mean over them has a standard error of an eighth of the distances' standard deviation."""
REAL = 1_000
"""Number of real examples from which their distances are known well enough."""


def sensitivities(model: LatentModel, seed: int) -> tuple[Tensor, Tensor]:
    """Distances of generated examples, and of their latents, for random pairs.

    A conditional generator gives both examples of a pair the same class.

    Args:
        model: The generator.
        seed: Root seed of the streams ``diagnostic/latents``.

    Returns:
        float64 (pairs,) each: root mean square of the differences; images are in [-1, 1].
    """
    latents = [model.latents(PAIRS, seeding.stream(seed, "diagnostic/latents", side)) for side in range(2)]
    outputs = [model.images(some, styles=False).double().cpu() for some in latents]
    return _distances(*outputs), _distances(*(some.double().cpu() for some in latents))


def typical_distance(real: Tensor, seed: int) -> float:
    """Mean distance of two real examples, of points (n, d) or of uint8 images read as [-1, 1], from random pairs."""
    values = real.double() / 127.5 - 1 if real.dtype == torch.uint8 else real.double()
    order = torch.randperm(len(values), generator=seeding.stream(seed, "diagnostic/latents", 2))
    half = len(values) // 2
    return _distances(values[order[:half]], values[order[half : 2 * half]]).mean().item()


def _distances(first: Tensor, second: Tensor) -> Tensor:
    """Root mean square of the differences of every pair (pairs,), which does not depend on the number of pixels."""
    return (first - second).square().flatten(1).mean(1).sqrt()


def sensitivity_diagnostics(case: Case) -> list[Diagnostic]:
    """Mean and minimum over pairs of d(G(z1), G(z2)) / d(z1, z2), in units of the real examples' spread.

    The distance of generated examples is divided by the mean distance of two real ones, and that of latents by its mean over the
    pairs: the mean is about 1 where two latents give examples as different as two real ones, and 0 where all give the same. The
    minimum is 0 if two different latents give the same example; it is small for every generator of separate modes.
    Real examples have no latents, so that nothing stands beside these values.
    """
    assert case.generator is not None and case.real_examples is not None
    outputs, latents = sensitivities(case.generator, case.seed)
    scale = typical_distance(case.real_examples, case.seed)
    if not scale:
        note = "all real examples are equal"
        return [Diagnostic(name=name, value=None, perfect=None, n=PAIRS, note=note) for name in SENSITIVITY.measures]
    ratios = (outputs / scale) / (latents / latents.mean())
    note = "in units of the distance of two real examples"
    return [
        Diagnostic(name="latent_sensitivity", value=ratios.mean().item(), perfect=None, n=PAIRS, note=note),
        Diagnostic(name="latent_sensitivity_min", value=ratios.min().item(), perfect=None, n=PAIRS),
    ]


SENSITIVITY = Examination(
    name="latent_sensitivity",
    measures=("latent_sensitivity", "latent_sensitivity_min"),
    fits=lambda case: case.generator is not None and case.real_examples is not None and len(case.real_examples) > 1,
    examine=sensitivity_diagnostics,
    while_training=False,
    limits=lambda case: {name: (0.0, float("inf")) for name in ("latent_sensitivity", "latent_sensitivity_min")},
    needs="the generator itself (a run directory or an exported program)",
)
"""Do generated examples change when their latents do? (`diagnose` only)"""

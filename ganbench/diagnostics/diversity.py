"""Do the generated examples vary as much as the real ones, and do they repeat?"""

from torch import Tensor

from ganbench.diagnostics.base import Examination
from ganbench.pairs.nearest import nearest
from ganbench.results.record import Diagnostic
from ganbench.sets.comparison import Comparison
from ganbench.sets.moments import evenly

NEAR_QUANTILE = 0.001
"""Quantile of the real nearest-neighbour distances that defines near-duplicates."""
REAL_LIMIT = 10_000
"""Largest number of real examples whose neighbours among all real ones are searched for that quantile."""


def diversity_diagnostics(comparison: Comparison) -> list[Diagnostic]:
    """Variance ratio and duplicate rate.

    Raises:
        RequestError: There are too few examples for a nearest-neighbour search.
    """
    return [feature_variance_ratio(comparison), duplicate_rate(comparison)]


def feature_variance_ratio(comparison: Comparison) -> Diagnostic:
    """Total variance of the generated features over that of the real ones; near 0 when the generator has collapsed."""
    real, fake = comparison.real.values.double(), comparison.fake.values.double()
    real_variance = real.var(0).sum().item()
    varies = real_variance > 0
    return Diagnostic(
        name="feature_variance_ratio",
        value=fake.var(0).sum().item() / real_variance if varies else None,
        perfect=1.0,
        n=len(fake),
        note="" if varies else "all real features are equal",
    )


def duplicate_rate(comparison: Comparison) -> Diagnostic:
    """Fraction of generated examples that have a near-duplicate in the generated set.

    The limit is the 0.1 % quantile of the distances from real examples to their nearest real neighbour. Examples
    with an exact copy are excluded, since a few copies would set the limit to 0 and hide near-duplicates.
    Copies themselves count as duplicates in both sets. A perfect generator has the rate of the reference set,
    scaled by (m - 1) / (n - 1), since the probability of a near neighbour grows with the number of examples.

    Raises:
        RequestError: There are too few examples for a nearest-neighbour search.
    """
    real, fake = _nearest_real(comparison), comparison.fake_manifold.squared_radii[:, 0]
    n, m = comparison.n_real, len(fake)
    limit = near_limit(comparison)
    if limit is None:
        return Diagnostic(name="duplicate_rate", value=None, perfect=None, n=m, note="every real example has an exact copy")
    rate, real_rate = ((side <= limit).double().mean().item() for side in (fake, real))
    return Diagnostic(name="duplicate_rate", value=rate, perfect=min(real_rate * (m - 1) / (n - 1), 1.0), n=m)


def near_limit(comparison: Comparison) -> Tensor | None:
    """Squared distance up to which two examples are near-duplicates; None if every real example has an exact copy."""
    real = _nearest_real(comparison)
    distinct = real[real > 0]
    return distinct.sqrt().quantile(NEAR_QUANTILE).square() if len(distinct) else None


def _nearest_real(comparison: Comparison) -> Tensor:
    """Squared distances from real examples, all or ``REAL_LIMIT`` evenly spaced ones, to the nearest other of all real examples."""
    real = comparison.real.values
    if len(real) <= REAL_LIMIT:
        return comparison.real_manifold.squared_radii[:, 0]
    asked = real[evenly(len(real), REAL_LIMIT).to(real.device)]
    # the nearest of all is the example itself, or an exact copy of it at the same distance of 0
    return comparison.reference.shared("near neighbours", lambda: nearest(asked, real, k=2)[0][:, 1])


DIVERSITY = Examination(
    name="diversity",
    measures=("feature_variance_ratio", "duplicate_rate"),
    fits=lambda case: True,
    examine=lambda case: diversity_diagnostics(case.comparison),
    limits=lambda case: {"feature_variance_ratio": (0.0, float("inf")), "duplicate_rate": (0.0, 1.0)},
)
"""Do the generated features vary as much as the real ones, and do examples repeat?"""

"""Are generated examples copies of training examples, and which ones?

The reference set of the comparison must be the training set.
"""

import torch

from ganbench.diagnostics.base import Examination
from ganbench.diagnostics.diversity import near_limit
from ganbench.metrics.memorisation import NearestTraining, nearest_training
from ganbench.results.diagnosis import Pair
from ganbench.results.record import Diagnostic
from ganbench.sets.comparison import Comparison

FAR = 85.0
"""Percentage of authentic examples above which a note tells that noise is authentic too; held-out real examples had 38 to 60."""


def nearest_of(comparison: Comparison) -> NearestTraining:
    """The nearest training example of every generated example, found once."""
    return comparison.shared("nearest training", lambda: nearest_training(comparison.fake.values, comparison.real.values))


def copy_diagnostics(comparison: Comparison) -> list[Diagnostic]:
    """Share of authentic examples, and of near-copies of training examples, in per cent.

    An example is authentic if its nearest training example has a nearer training example (Alaa et al. 2022, section 4.3): half
    of them for a perfect generator, and none of copies. A near-copy is at most as far from a training example as the 0.1 %
    quantile of the distances between training examples and their nearest neighbours.
    """
    found, limit, n = nearest_of(comparison), near_limit(comparison), comparison.n_fake
    authentic = 100 * found.authentic.double().mean().item()
    copied = None if limit is None else 100 * (found.squared <= limit).double().mean().item()
    return [
        Diagnostic(
            name="authentic_percent",
            value=authentic,
            perfect=None,
            n=n,
            note="no copies, but far from all training examples, as noise is" if authentic > FAR else "",
        ),
        Diagnostic(
            name="copied_percent",
            value=copied,
            perfect=None,
            n=n,
            note="" if limit is not None else "every real example has an exact copy",
        ),
    ]


def suspicious_pairs(found: NearestTraining, count: int) -> tuple[Pair, ...]:
    """The examples that are nearest to a training example, compared with that one's distance to other training examples.

    Copies come first, then by rising ratio. Of several examples with the same training example only the nearest is kept, so that
    many copies of one training example leave room for others.

    Args:
        found: The nearest training example of every example.
        count: Largest number of pairs.
    """
    ratios = torch.where(found.squared > 0, found.squared / found.spacing.clamp(min=torch.finfo(torch.float64).tiny), 0.0)
    pairs: dict[int, Pair] = {}
    for example in ratios.argsort(stable=True).tolist():
        training, spacing = int(found.which[example]), found.spacing[example].sqrt().item()
        distance = found.squared[example].sqrt().item()
        if training not in pairs:
            ratio = distance / spacing if spacing > 0 else None
            pairs[training] = Pair(example=example, training=training, distance=distance, ratio=ratio)
        if len(pairs) == count:
            break
    return tuple(pairs.values())


COPIES = Examination(
    name="copies",
    measures=("authentic_percent", "copied_percent"),
    fits=lambda case: case.comparison.reference.has_features,
    examine=lambda case: copy_diagnostics(case.comparison),
    while_training=False,
    limits=lambda case: {name: (0.0, 100.0) for name in ("authentic_percent", "copied_percent")},
)
"""Are generated examples copies of training examples? (`diagnose` only)"""

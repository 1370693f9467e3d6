"""Do the examples of every class vary as much as the real ones of that class?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.diagnostics.base import Case, Examination
from ganbench.results.record import Diagnostic
from ganbench.sets.features import Features

FEWEST = 10
"""Smallest number of examples of a class, on both sides, with which its spread is compared: the ratio of two standard deviations from
10 examples in one dimension has a relative error of 1 / sqrt(2 * 9) * sqrt(2) = 0.33, and less in more dimensions."""


@dataclass(frozen=True, kw_only=True)
class ClassSpread:
    """Number and spread of the examples of every class."""

    counts: Tensor
    """int64 (classes,)."""
    variance: Tensor
    """float64 (classes,): trace of the covariance of the features, divided by count - 1; 0 for a class with fewer than two."""


def predicted(features: Features) -> Tensor:
    """The most probable class of every example, int64 (n,)."""
    assert features.log_probabilities is not None
    return features.log_probabilities.argmax(1)


def class_spread(features: Features) -> ClassSpread:
    """Number and spread of the examples that a classifier assigns to every class."""
    assert features.log_probabilities is not None
    values, classes, k = features.values.double(), predicted(features), features.log_probabilities.shape[1]
    counts = torch.bincount(classes, minlength=k)
    means = values.new_zeros(k, values.shape[1]).index_add_(0, classes, values) / counts.clamp(min=1)[:, None]
    squares = (values - means[classes]).square().sum(1)
    sums = values.new_zeros(k).index_add_(0, classes, squares)
    return ClassSpread(counts=counts, variance=sums / (counts - 1).clamp(min=1))


def spread_diagnostics(case: Case) -> list[Diagnostic]:
    """Standard deviation within classes, generated over real.

    ``class_sd_ratio`` is the mean over classes of sqrt(trace of the generated covariance / trace of the real one), and
    ``class_sd_lowest`` the smallest of them. Classes with fewer than :data:`FEWEST` examples on either side are left to the
    diagnostics that count classes. A perfect generator has 1; below it, examples of a class are too much alike.
    """
    comparison = case.comparison
    fake, real = class_spread(comparison.fake), comparison.reference.shared("class spread", lambda: class_spread(comparison.real))
    measured = (fake.counts >= FEWEST) & (real.counts >= FEWEST) & (real.variance > 0)
    n = comparison.n_fake
    if not bool(measured.any()):
        note = f"no class has {FEWEST} examples on both sides"
        return [Diagnostic(name=name, value=None, perfect=1.0, n=n, note=note) for name in SPREAD.measures]
    ratios = (fake.variance[measured] / real.variance[measured]).sqrt()
    worst = int(measured.nonzero()[ratios.argmin()])
    left = int((~measured & (real.counts >= FEWEST)).sum())
    note = f"class {worst}" + (f"; {left} classes with too few examples are left out" if left else "")
    return [
        Diagnostic(name="class_sd_ratio", value=ratios.mean().item(), perfect=1.0, n=n),
        Diagnostic(name="class_sd_lowest", value=ratios.min().item(), perfect=None, n=n, note=note),
    ]


SPREAD = Examination(
    name="class_spread",
    measures=("class_sd_ratio", "class_sd_lowest"),
    fits=lambda case: case.class_shares is not None and case.comparison.fake.log_probabilities is not None,
    examine=spread_diagnostics,
    while_training=False,
    limits=lambda case: {name: (0.0, float("inf")) for name in ("class_sd_ratio", "class_sd_lowest")},
    needs="a classifier of these examples as the extractor, of at most 100 classes",
)
"""Do the examples of every class vary as much as the real ones of that class? (`diagnose` only)"""

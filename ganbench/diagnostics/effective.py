"""How many different examples do the generated ones count for, all together and class by class?

The Vendi score (Friedman and Dieng 2023, arXiv 2210.02410, definition 3.1) and exp of the order-2 Renyi kernel entropy, RKE
(Jalali, Li and Farnia 2023), of the matrix k(x, y) = exp(-|x - y|^2 / (2 b^2)): M equally frequent groups that are narrow and far
apart, compared with the bandwidth b, have M in both. The bandwidth decides what counts as different. It is chosen once, on the
reference set, and frozen, so that generated and held-out examples are measured alike: the b at which the RKE of n reference
examples is sqrt(n), halfway, on a logarithmic scale, between the least and the most that n examples can have, so that there is
room for a change either way.

Noise raises both scores. Only a fall speaks of collapse, and other diagnostics tell of noise.
"""

import math

import torch
from torch import Tensor

from ganbench.diagnostics.base import Case, Examination
from ganbench.diagnostics.spread import FEWEST, predicted
from ganbench.metrics.vendi import effective_modes, effective_number
from ganbench.results.record import Diagnostic
from ganbench.sets.comparison import Reference
from ganbench.sets.features import Features
from ganbench.sets.moments import evenly

LIMIT = 1_000
"""Largest number of examples of a kernel matrix, whose eigenvalues take a quarter of a second."""
CLASS_LIMIT = 300
"""Largest number of examples of a class."""
_ROUNDING = 1e-12
"""Squared distance, relative to the largest squared distance from the mean, up to which examples count as copies."""
NOISY = 2.0
"""Multiple of the reference's RKE from which a note tells that noise raises the scores; as many modes again cannot come from real ones."""
_HALVINGS = 30
"""Number of bisections of the bandwidth's logarithm, which leave a relative error of 1e-7."""


def squared_distances(values: Tensor) -> Tensor:
    """Squared distances between all examples (n, d), float64 (n, n), from products; exactly 0 on the diagonal and for copies."""
    centred = values.double() - values.mean(0, dtype=torch.float64)
    norms = centred.square().sum(1)
    squared = norms[:, None] + norms - 2 * centred @ centred.T
    # products of copies differ by rounding, which this exceeds for any width that fits in memory
    return torch.where(squared > _ROUNDING * norms.max(), squared, 0.0).fill_diagonal_(0)


def kernel(squared: Tensor, bandwidth: float) -> Tensor:
    """K / n of the Gaussian kernel exp(-|x - y|^2 / (2 b^2)), from squared distances (n, n)."""
    return torch.exp(squared / (-2 * bandwidth**2)) / len(squared)


def balanced_bandwidth(squared: Tensor) -> float | None:
    """The bandwidth at which RKE is sqrt(n), from squared distances (n, n); None if no bandwidth reaches it (copies).

    RKE falls as the bandwidth grows, so that bisection finds it.
    """
    apart = squared[squared > 0]
    if not len(apart):
        return None
    goal = len(squared) ** 0.5
    low, high = apart.min().sqrt().log().item() - 5, apart.max().sqrt().log().item() + 5
    if effective_modes(kernel(squared, math.exp(low))) < goal:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if effective_modes(kernel(squared, math.exp(middle))) > goal else (low, middle)
    return math.exp(high)


def bandwidth_of(reference: Reference) -> float | None:
    """The frozen bandwidth of a reference set; None if its examples are too much alike."""
    return reference.shared("bandwidth", lambda: balanced_bandwidth(squared_distances(_first(reference.features.values, LIMIT))))


def effective_diagnostics(case: Case) -> list[Diagnostic]:
    """Vendi score and exp of RKE, ``vendi_rbf`` and ``rke_rbf``, of at most ``LIMIT`` examples."""
    bandwidth, values = bandwidth_of(case.comparison.reference), _first(case.comparison.fake.values, LIMIT)
    if bandwidth is None:
        return _undefined(EFFECTIVE.measures, len(values))
    matrix = kernel(squared_distances(values), bandwidth)
    found = (("vendi_rbf", effective_number(matrix)), ("rke_rbf", effective_modes(matrix)))
    usual = min(case.comparison.n_real, LIMIT) ** 0.5
    note = f"bandwidth {bandwidth:.3g}" + ("; far above real examples, as noise is" if found[1][1] > NOISY * usual else "")
    return [Diagnostic(name=name, value=max(value, 1.0), perfect=None, n=len(values), note=note) for name, value in found]


def class_diagnostics(case: Case) -> list[Diagnostic]:
    """The lowest ratio over classes of generated to real Vendi score and RKE, ``class_vendi_lowest`` and ``class_rke_lowest``.

    In every class as many examples are taken of either side, at most ``CLASS_LIMIT``, because both scores grow with the number.
    Classes with fewer than ``FEWEST`` examples are left to the diagnostics that count classes.
    """
    comparison, names = case.comparison, CLASS_EFFECTIVE.measures
    bandwidth = bandwidth_of(comparison.reference)
    if bandwidth is None:
        return _undefined(names, comparison.n_fake)
    ratios: dict[int, tuple[float, float]] = {}
    sides = [(side.values, predicted(side)) for side in (comparison.fake, comparison.real)]
    assert comparison.fake.log_probabilities is not None
    for label in range(comparison.fake.log_probabilities.shape[1]):
        members = [values[classes == label] for values, classes in sides]
        count = min(*map(len, members), CLASS_LIMIT)
        if count >= FEWEST:
            fake, real = (kernel(squared_distances(_first(side, count)), bandwidth) for side in members)
            ratios[label] = effective_number(fake) / effective_number(real), effective_modes(fake) / effective_modes(real)
    if not ratios:
        note = f"no class has {FEWEST} examples on both sides"
        return [Diagnostic(name=name, value=None, perfect=None, n=comparison.n_fake, note=note) for name in names]
    lowest = [min(ratios, key=lambda label: ratios[label][order]) for order in range(2)]
    return [
        Diagnostic(name=name, value=ratios[label][order], perfect=None, n=comparison.n_fake, note=f"class {label}")
        for order, (name, label) in enumerate(zip(names, lowest, strict=True))
    ]


def _undefined(names: tuple[str, ...], n: int) -> list[Diagnostic]:
    return [Diagnostic(name=name, value=None, perfect=None, n=n, note="real examples are too much alike") for name in names]


def _first(values: Tensor, count: int) -> Tensor:
    """At most so many examples, evenly spaced."""
    return values[evenly(len(values), min(len(values), count)).to(values.device)]


def _classified(features: Features) -> bool:
    return features.log_probabilities is not None


EFFECTIVE = Examination(
    name="effective",
    measures=("vendi_rbf", "rke_rbf"),
    fits=lambda case: case.comparison.reference.has_features,
    examine=effective_diagnostics,
    while_training=False,
    limits=lambda case: {name: (1.0, min(case.comparison.n_fake, LIMIT)) for name in ("vendi_rbf", "rke_rbf")},
)
"""How many different examples do the generated ones count for, by Vendi and RKE scores? (`diagnose` only)"""

CLASS_EFFECTIVE = Examination(
    name="class_effective",
    measures=("class_vendi_lowest", "class_rke_lowest"),
    fits=lambda case: case.class_shares is not None and _classified(case.comparison.fake),
    examine=class_diagnostics,
    while_training=False,
    limits=lambda case: {name: (0.0, float("inf")) for name in ("class_vendi_lowest", "class_rke_lowest")},
    needs="a classifier of these examples as the extractor, of at most 100 classes",
)
"""How many different examples do those of the worst class count for, compared with real ones? (`diagnose` only)"""

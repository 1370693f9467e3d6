"""What is the effective number of different examples in a set?

The eigenvalues of the matrix K / n of cosine similarities sum to 1; the exponential of their entropy is the effective
number of directions in use (Friedman and Dieng 2023, definition 3.1). With fewer features than examples, the non-zero
eigenvalues are computed from the d x d second moment of the unit vectors.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.directions import CHUNK, directions
from ganbench.metrics.intervals import normal_estimate
from ganbench.metrics.resampling import jackknife, student_estimate
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features
from ganbench.sets.moments import evenly

_BOUNDS = (1.0, torch.inf)


@dataclass(frozen=True, kw_only=True)
class _Order:
    """An order of the Renyi entropy: the score of a spectrum, and its gradient."""

    name: str
    score: Callable[[Tensor], float]
    """Score of K / n, or of the second moment, which has the same non-zero eigenvalues."""
    slopes: Callable[[Tensor], Tensor]
    """Gradient of the score in that matrix, of the same shape."""
    linear_from: float
    """Examples per feature from which first-order effects suffice; with fewer, the noise of the spectrum would make the
    interval a tenth too narrow."""


def _matrix(values: Tensor) -> Tensor:
    """K / n of features (n, d), or the second moment of their unit vectors if that is smaller."""
    n, d = values.shape
    if n <= d:
        unit = directions(values)
        return unit @ unit.T / n
    moment = torch.zeros(d + 1, d + 1, dtype=torch.float64, device=values.device)
    for chunk in torch.split(values, CHUNK):
        unit = directions(chunk)
        moment.addmm_(unit.T, unit, alpha=1 / n)
    return moment


def _effects(values: Tensor, slopes: Tensor) -> Tensor:
    """First-order effect of every example, u^T D u, for the gradient D in the second moment (d + 1, d + 1)."""
    units = map(directions, torch.split(values, CHUNK))
    return torch.cat([((unit @ slopes) * unit).sum(1) for unit in units])


def effective_number(matrix: Tensor) -> float:
    """exp(-sum of l log l) over the eigenvalues l of K / n (n, n), from 1 to n (Friedman and Dieng 2023, definition 3.1)."""
    eigenvalues = torch.linalg.eigvalsh(matrix).clamp(min=0)
    return float((-torch.special.xlogy(eigenvalues, eigenvalues).sum()).exp())


def _shannon_slopes(matrix: Tensor) -> Tensor:
    """-score (log S); the constant term is dropped, because the trace of S is fixed."""
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    logs = torch.where(eigenvalues > torch.finfo(torch.float64).eps, eigenvalues.clamp(min=1e-300).log(), 0.0)
    slopes: Tensor = -effective_number(matrix) * ((vectors * logs) @ vectors.T)
    return slopes


def effective_modes(matrix: Tensor) -> float:
    """1 / (sum of squared eigenvalues) of K / n (n, n), from 1 to n: exp of the order-2 Renyi entropy (Jalali, Li and Farnia 2023)."""
    return 1 / matrix.square().sum().item()


def _collision_slopes(matrix: Tensor) -> Tensor:
    """-2 score^2 S."""
    return -2 * effective_modes(matrix) ** 2 * matrix


def _estimate(comparison: Comparison, generator: torch.Generator, order: _Order) -> Estimate:
    """Score of the generated set; ``perfect`` is that of as many real examples."""
    values, reference = comparison.fake.values, comparison.reference
    n, d = values.shape
    matrix = _matrix(values)
    value = max(order.score(matrix), 1.0)
    if n > max(order.linear_from * d, d):
        variance = _effects(values, order.slopes(matrix)).var().item() / n
        estimate = normal_estimate(value, variance, _BOUNDS, "delta method")
    else:
        variance = jackknife(n, lambda kept: order.score(_matrix(values[kept.to(values.device)])), generator)
        estimate = student_estimate(value, variance, _BOUNDS)
    if not reference.has_features or len(reference.features.values) < n:
        return estimate
    return replace(estimate, perfect=reference.shared(f"{order.name}/{n}", lambda: order.score(_matrix(_first(reference.features, n)))))


def _first(features: Features, n: int) -> Tensor:
    """Features of n evenly spaced examples."""
    return features.values[evenly(len(features.values), n).to(features.values.device)]


VENDI = Metric(
    name="vendi",
    version=1,
    higher_is_better=True,
    needs_real=(),
    minimum_n=10,
    bounds=_BOUNDS,
    depends_on_n=True,
    parameters=(("order", 1), ("kernel", "cosine")),
    estimate=lambda comparison, generator: _estimate(
        comparison, generator, _Order(name="vendi", score=effective_number, slopes=_shannon_slopes, linear_from=4)
    ),
)
"""Effective number of different examples: exp of the spectrum's entropy; grows with n and with noise (Friedman and Dieng 2023)."""

RKE = Metric(
    name="rke",
    version=1,
    higher_is_better=True,
    needs_real=(),
    minimum_n=10,
    bounds=_BOUNDS,
    parameters=(("order", 2), ("kernel", "cosine")),
    estimate=lambda comparison, generator: _estimate(
        comparison, generator, _Order(name="rke", score=effective_modes, slopes=_collision_slopes, linear_from=1)
    ),
)
"""Effective number of modes: exp of the order-2 entropy, which weights rare directions less (Jalali, Li and Farnia 2023)."""

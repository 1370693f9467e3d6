"""How far apart are the Gaussians that fit the real and the generated features?"""

import torch
from torch import Tensor

from ganbench.metrics.base import Comparison, Estimate, Metric, Moments, normal_estimate, second_order_variance

_BOUNDS = (0.0, torch.inf)


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Squared 2-Wasserstein distance of two Gaussians (Dowson and Landau 1982, equation 4; Heusel et al. 2017, equation 6).

    The trace term comes from the eigenvalues of the symmetric S1^1/2 S2 S1^1/2: real by construction, and
    indifferent to singular covariances.

    Args:
        mean1: (d,).
        cov1: (d, d), symmetric, positive semi-definite.
        mean2: (d,).
        cov2: (d, d).

    Returns:
        The distance; rounding can leave it some 1e-12 of the traces below 0.
    """
    root = _power(cov1, 0.5)
    cross = torch.linalg.eigvalsh(_symmetric(root @ cov2 @ root)).clamp(min=0).sqrt().sum()
    return float((mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * cross)


def frechet_bias(cov: Tensor, n_real: int, n_fake: int) -> float:
    """What a perfect generator is expected to score: the leading term of E[FD] for two samples of one Gaussian.

    (1/n + 1/m) [sum_i l_i + 1/2 sum_ij l_i l_j (1 + [i = j]) / (l_i + l_j)] over the eigenvalues l of the
    covariance, from the second-order expansion of the distance.

    Args:
        cov: Covariance of the features (d, d).
        n_real: Real examples.
        n_fake: Generated examples.
    """
    eigenvalues = torch.linalg.eigvalsh(cov).clamp(min=0)
    means = eigenvalues.sum()
    covariances = _parallel(eigenvalues).sum() + _parallel(eigenvalues).trace()
    return float((1 / n_real + 1 / n_fake) * (means + covariances / 2))


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """FD with the delta method's interval, from the influence values of both sides and the variance of the second-order term."""
    real, fake = comparison.real_moments, comparison.fake_moments
    n, m = comparison.n_real, comparison.n_fake
    to_real, to_fake = _transport_maps(real.covariance, fake.covariance)
    first = (
        _influence(comparison.real.values.double(), real, fake.mean, to_fake).var() / n
        + _influence(comparison.fake.values.double(), fake, real.mean, to_real).var() / m
    )
    pooled = ((n - 1) * real.covariance + (m - 1) * fake.covariance) / (n + m - 2)
    variance = second_order_variance(first.item(), _second_order(pooled, n, m))
    value = frechet_distance(real.mean, real.covariance, fake.mean, fake.covariance)
    return normal_estimate(max(value, 0.0), variance, _BOUNDS, "delta method, second order")


def _influence(values: Tensor, own: Moments, other_mean: Tensor, transport: Tensor) -> Tensor:
    """First-order effect of every example on FD: the gradient in the mean, and I - T in the covariance; T carries this law to the other."""
    centred = values - own.mean
    return 2 * centred @ (own.mean - other_mean) + centred.square().sum(1) - ((centred @ transport) * centred).sum(1)


def _transport_maps(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Linear optimal transport of centred Gaussians: fake to real, and real to fake (pseudo-inverses where singular)."""
    root, inverse_root = _power(real, 0.5), _power(real, -0.5)
    middle = _symmetric(root @ fake @ root)
    return _symmetric(root @ _power(middle, -0.5) @ root), _symmetric(inverse_root @ _power(middle, 0.5) @ inverse_root)


def _second_order(cov: Tensor, n: int, m: int) -> float:
    """Variance of FD between two samples of one Gaussian: that of |dmu|^2 + 1/2 sum_ij dS_ij^2 / (l_i + l_j)."""
    eigenvalues = torch.linalg.eigvalsh(cov).clamp(min=0)
    squares = _parallel(eigenvalues).square()
    return float((1 / n + 1 / m) ** 2 * (2 * eigenvalues.square().sum() + squares.sum() + squares.trace()))


def _parallel(eigenvalues: Tensor) -> Tensor:
    """The matrix l_i l_j / (l_i + l_j), 0 where both vanish."""
    sums: Tensor = eigenvalues[:, None] + eigenvalues
    return torch.where(sums > 0, eigenvalues[:, None] * eigenvalues / sums.clamp(min=torch.finfo(sums.dtype).tiny), 0.0)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric positive semi-definite matrix; negative powers skip what is zero to rounding."""
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    floor = eigenvalues[-1].clamp(min=0) * len(matrix) * torch.finfo(matrix.dtype).eps if exponent < 0 else eigenvalues.new_zeros(())
    scales = torch.where(eigenvalues > floor, eigenvalues.clamp(min=torch.finfo(matrix.dtype).tiny) ** exponent, 0.0)
    power: Tensor = (vectors * scales) @ vectors.T
    return power


def _symmetric(matrix: Tensor) -> Tensor:
    """The symmetric part: products of symmetric factors are symmetric only to rounding."""
    return (matrix + matrix.T) / 2


FD = Metric(
    name="fd",
    version=1,
    higher_is_better=False,
    needs_real=("moments",),
    minimum_n=10,
    bounds=_BOUNDS,
    parameters=(("ddof", 1),),
    estimate=_estimate,
)
"""Frechet distance between Gaussians fitted to real and generated features; biased upward at small n (Heusel et al. 2017)."""

"""How far apart are the Gaussians that fit the real and the generated features?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import NORMAL_975, Estimate, Metric, normal_estimate, second_order_variance
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features
from ganbench.sets.moments import CHUNK, INFLUENCES, Moments, evenly, moments

_BOUNDS = (0.0, torch.inf)
HALVINGS = 4
"""Random halvings behind FD at infinite n."""
MANY_A_FEATURE = 10
"""Examples a feature from which a sample's spectrum stands for the law's: measured at width 256, the bias then comes out 5 % too
small for an even spectrum and 3 % for 1 / k."""
VARIANCE_FROM = 2048
"""Those of them from which the interval is taken; with more, a variance gains little and costs much."""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A covariance as F F^T, and what undoes F."""

    root: Tensor
    """F (d, r); r is the rank."""
    inverse: Tensor
    """The pseudo-inverse of F (r, d)."""


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Squared 2-Wasserstein distance of two Gaussians (Dowson and Landau 1982, equation 4; Heusel et al. 2017, equation 6).

    The trace term is the sum of the square roots of the eigenvalues of F^T S2 F, where S1 = F F^T: those of
    S1 S2, but of a symmetric matrix, so real by construction, and indifferent to singular covariances.

    Args:
        mean1: (d,).
        cov1: (d, d), symmetric, positive semi-definite.
        mean2: (d,).
        cov2: (d, d).

    Returns:
        The distance; rounding can leave it some 1e-12 of the traces below 0.
    """
    root = _root(cov1)
    cross = torch.linalg.eigvalsh(_symmetric(root.T @ cov2 @ root)).clamp(min=0).sqrt().sum()
    return _distance(mean1, cov1, mean2, cov2, cross)


def frechet_bias(eigenvalues: Tensor, n_real: float, n_fake: float) -> float:
    """What a perfect generator is expected to score: the leading term of E[FD] for two samples of one Gaussian.

    (1/n + 1/m) [sum_i l_i + 1/2 sum_ij l_i l_j (1 + [i = j]) / (l_i + l_j)] over the eigenvalues l of the
    covariance, from the second-order expansion of the distance.

    Args:
        eigenvalues: Of the covariance of the features (d,).
        n_real: Real examples; infinite where they are taken as the law itself.
        n_fake: Generated examples.
    """
    means = eigenvalues.sum()
    covariances = _parallel(eigenvalues).sum() + _parallel(eigenvalues).trace()
    return float((1 / n_real + 1 / n_fake) * (means + covariances / 2))


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """FD with the delta method's interval, from the influence values of both sides and the variance of the second-order term."""
    real, fake = comparison.real_moments, comparison.fake_moments
    n, m = comparison.n_real or math.inf, comparison.n_fake
    factor = comparison.reference.shared("factor", lambda: _factor(real.covariance))
    eigenvalues, vectors = torch.linalg.eigh(_symmetric(factor.root.T @ fake.covariance @ factor.root))
    eigenvalues = eigenvalues.clamp(min=0)
    value = _distance(real.mean, real.covariance, fake.mean, fake.covariance, eigenvalues.sqrt().sum())
    # linear optimal transport of the centred Gaussians is A A^T: real to fake, and fake to real
    to_fake = factor.inverse.T @ (vectors * eigenvalues**0.25)
    to_real = factor.root @ (vectors * _inverse(eigenvalues, 0.25))
    if comparison.reference.has_features:
        real_side = _influence(comparison.real.values, real, fake.mean, to_fake).var().item()
    else:
        real_side = _gaussian_influence_variance(real, fake.mean, to_fake)
    fake_side = _influence(comparison.fake.values, fake, real.mean, to_real).var().item()
    spectrum = comparison.reference.shared("spectrum", lambda: torch.linalg.eigvalsh(real.covariance).clamp(min=0))
    variance = second_order_variance(real_side / n + fake_side / m, _second_order(spectrum, n, m))
    estimate = normal_estimate(max(value, 0.0), variance, _BOUNDS, "delta method, second order")
    return replace(estimate, perfect=_perfect(comparison, spectrum))


def _perfect(comparison: Comparison, spectrum: Tensor) -> float | None:
    """What two samples of the real law are expected to be apart at these n.

    From the spectrum where there are many examples for their width; a sample's spectrum is too uneven otherwise, and
    two halves of some real examples are asked instead: FD of samples of one law falls as 1 / n, down to three examples for four
    features, where it is 2 % below. None where there are fewer.
    """
    n, m, width = comparison.n_real or math.inf, comparison.n_fake, len(spectrum)
    if n >= MANY_A_FEATURE * width:
        return frechet_bias(spectrum, n, m)
    needed = -(-3 * width // 4)
    if not comparison.reference.has_features or len(some := _some(comparison.real.values)) < 2 * needed:
        return None
    rows = some[evenly(len(some), 2 * max(needed, min(len(some) // 2, CHUNK))).to(some.device)]
    return (1 / n + 1 / m) * comparison.reference.shared("halves", lambda: _between(rows[::2], rows[1::2]) * len(rows) / 4)


def _between(first: Tensor, second: Tensor) -> float:
    """FD of two sets of features (n, d) by their n x n cross products, without a covariance: for few examples of many features."""
    means = [side.double().mean(0) for side in (first, second)]
    centred = [(side.double() - mean) / (len(side) - 1) ** 0.5 for side, mean in zip((first, second), means, strict=True)]
    cross = centred[0] @ centred[1].T
    trace = torch.linalg.eigvalsh(_symmetric(cross @ cross.T)).clamp(min=0).sqrt().sum()
    return float((means[0] - means[1]).square().sum() + centred[0].square().sum() + centred[1].square().sum() - 2 * trace)


def _infinity(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """FD at infinite n: a + b / n through the whole sets and random halves of them.

    A whole set and its halves share every first-order term, so that the extrapolation adds only second-order
    noise, unlike a fit through nested or overlapping subsets (Chong and Forsyth 2020, section 3.1).
    """
    sides = [comparison.fake.values, comparison.real.values] if comparison.reference.has_features else [comparison.fake.values]
    fewest, needed = min(map(len, sides)), FD_INFINITY.minimum_per_feature * comparison.fake.values.shape[1]
    if fewest < needed:
        raise RequestError(
            f"fd_infinity needs twice as many examples as features on either side, {needed:,}, and there are {fewest:,}; take kd"
        )
    halves = torch.stack([_halved(sides, comparison.real_moments, generator) for _ in range(HALVINGS)])
    whole = _estimate(comparison, generator)
    n, m = comparison.n_real or math.inf, comparison.n_fake
    spectrum = comparison.reference.shared("spectrum", lambda: torch.linalg.eigvalsh(comparison.real_moments.covariance).clamp(min=0))
    variance = ((whole.ci_high - whole.value) / NORMAL_975) ** 2 + _second_order(spectrum, n, m) / HALVINGS
    value = 2 * whole.value - halves.mean().item()
    return replace(
        normal_estimate(value, variance, (-torch.inf, torch.inf), "delta method, second order, and the draw of halves"), perfect=0.0
    )


def _halved(sides: Sequence[Tensor], real: Moments, generator: torch.Generator) -> Tensor:
    """Mean FD of the two halves of a random halving; of the generated side against the whole reference where that is moments alone."""
    orders = [torch.randperm(len(side), generator=generator, device=generator.device).to(side.device) for side in sides]
    distances = []
    for half in range(2):
        parts = [moments(side[order[half::2]]) for side, order in zip(sides, orders, strict=True)]
        fake, reference = parts[0], parts[1] if len(parts) > 1 else real
        distances.append(frechet_distance(reference.mean, reference.covariance, fake.mean, fake.covariance))
    return torch.tensor(distances, dtype=torch.float64).mean()


def _spatial(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """FD of the spatial features."""
    sides = []
    for name, side in (("real", comparison.real), ("generated", comparison.fake)):
        if side.spatial is None:
            raise RequestError(f"sfd needs spatial features, and there are none of the {name} examples; take inception-v3-compat")
        sides.append(Features(values=side.spatial))
    return _estimate(Comparison(*sides), generator)


def _distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor, cross: Tensor) -> float:
    return float((mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * cross)


def _influence(values: Tensor, own: Moments, other_mean: Tensor, transport: Tensor) -> Tensor:
    """First-order effect of every example on FD: the gradient in the mean, and I - A A^T in the covariance."""
    effects = []
    for chunk in torch.split(_some(values, VARIANCE_FROM), CHUNK):
        centred = chunk.double() - own.mean
        effects.append(2 * centred @ (own.mean - other_mean) + centred.square().sum(1) - (centred @ transport).square().sum(1))
    return torch.cat(effects)


def _some(values: Tensor, most: int = INFLUENCES) -> Tensor:
    """The examples that stand for all where moments alone do not say enough."""
    return values if len(values) <= most else values[evenly(len(values), most).to(values.device)]


def _gaussian_influence_variance(own: Moments, other_mean: Tensor, transport: Tensor) -> float:
    """Variance of the same effect under the Gaussian of the moments, where the examples are not at hand."""
    gap = own.mean - other_mean
    effect = own.covariance - transport @ (transport.T @ own.covariance)
    return float(4 * gap @ own.covariance @ gap + 2 * (effect * effect.T).sum())


def _second_order(eigenvalues: Tensor, n: float, m: float) -> float:
    """Variance of FD between two samples of one Gaussian: that of |dmu|^2 + 1/2 sum_ij dS_ij^2 / (l_i + l_j)."""
    squares = _parallel(eigenvalues).square()
    return float((1 / n + 1 / m) ** 2 * (2 * eigenvalues.square().sum() + squares.sum() + squares.trace()))


def _parallel(eigenvalues: Tensor) -> Tensor:
    """The matrix l_i l_j / (l_i + l_j), 0 where both vanish."""
    sums: Tensor = eigenvalues[:, None] + eigenvalues
    parallel: Tensor = torch.where(sums > 0, eigenvalues[:, None] * eigenvalues / sums.clamp(min=torch.finfo(sums.dtype).tiny), 0.0)
    return parallel


def _root(covariance: Tensor) -> Tensor:
    """A factor F of a covariance: Cholesky's, or from the eigenvalues where it is singular."""
    root, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        eigenvalues, vectors = torch.linalg.eigh(covariance)
        root = vectors * eigenvalues.clamp(min=0).sqrt()
    result: Tensor = root
    return result


def _factor(covariance: Tensor) -> Factor:
    """Cholesky's factor of a well-conditioned covariance; else one from eigenvectors, without directions that are zero to rounding."""
    root, failed = torch.linalg.cholesky_ex(covariance)
    if not failed and root.diagonal().amin() > 1e-6 * root.diagonal().amax():
        identity = torch.eye(len(root), dtype=root.dtype, device=root.device)
        return Factor(root=root, inverse=torch.linalg.solve_triangular(root, identity, upper=False))
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    kept = eigenvalues > eigenvalues[-1].clamp(min=0) * len(covariance) * torch.finfo(covariance.dtype).eps
    scales, vectors = eigenvalues[kept].sqrt(), vectors[:, kept]
    return Factor(root=vectors * scales, inverse=(vectors / scales).T)


def _inverse(eigenvalues: Tensor, power: float) -> Tensor:
    """Negative powers of eigenvalues, and 0 for those that are zero to rounding."""
    floor = eigenvalues.amax() * len(eigenvalues) * torch.finfo(eigenvalues.dtype).eps if len(eigenvalues) else 0
    return torch.where(eigenvalues > floor, eigenvalues.clamp(min=torch.finfo(eigenvalues.dtype).tiny) ** -power, 0.0)


def _symmetric(matrix: Tensor) -> Tensor:
    """The symmetric part: products of symmetric factors are symmetric only to rounding."""
    return (matrix + matrix.T) / 2


FD = Metric(
    name="fd",
    version=1,
    higher_is_better=False,
    needs_real=("moments",),
    needs_fake=("moments",),
    minimum_n=10,
    bounds=_BOUNDS,
    depends_on_n=True,
    on_device=True,
    parameters=(("ddof", 1),),
    streams=True,
    estimate=_estimate,
)
"""Frechet distance between Gaussians fitted to real and generated features; biased upward at small n (Heusel et al. 2017)."""

FD_INFINITY = Metric(
    name="fd_infinity",
    version=1,
    higher_is_better=False,
    needs_real=("moments",),
    minimum_n=20,
    minimum_per_feature=2,
    bounds=(-torch.inf, torch.inf),
    on_device=True,
    parameters=(("ddof", 1), ("halvings", HALVINGS)),
    estimand="population value",
    estimate=_infinity,
)
"""FD extrapolated to infinitely many examples on both sides (on the generated one against a statistics file); can be negative."""

SFD = Metric(
    name="sfd",
    version=1,
    higher_is_better=False,
    needs_real=("spatial",),
    needs_fake=("spatial",),
    minimum_n=10,
    bounds=_BOUNDS,
    depends_on_n=True,
    on_device=True,
    parameters=(("ddof", 1),),
    estimate=_spatial,
)
"""Frechet distance of spatial features (sFID with Inception: 7 channels of 17 x 17): sees what pooling hides (Nash et al. 2021)."""

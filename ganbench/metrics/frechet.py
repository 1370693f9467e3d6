"""How far apart are the Gaussians that fit the real and the generated features?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.factors import factor, well_conditioned_factor
from ganbench.metrics.intervals import degrees_of_freedom, distance_estimate, normal_estimate, second_order_variance
from ganbench.sets.comparison import Comparison, Reference
from ganbench.sets.features import Features
from ganbench.sets.moments import CHUNK, INFLUENCES, Moments, evenly, moments

_BOUNDS = (0.0, torch.inf)
HALVINGS = 8
"""Number of random halvings from which FD is extrapolated to infinite n. Measured on 1,000 examples of width 16 of one normal law: their
draw moves the value by 0.006 (one standard deviation), and the interval is 0.08 wide."""
MANY_A_FEATURE = 10
"""Examples per feature from which the sample's spectrum is used for the distribution's: measured at width 256, the bias is then
5 % too small for an even spectrum and 3 % for 1 / k."""
VARIANCE_FROM = 2048
"""Largest number of examples for the variance of the influence values; more would gain little precision at a high cost."""


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Squared 2-Wasserstein distance of two Gaussians (Dowson and Landau 1982, equation 4; Heusel et al. 2017, equation 6).

    The trace term is the sum of the square roots of the eigenvalues of F^T S2 F, where S1 = F F^T. They equal those of
    S1 S2, but this matrix is symmetric, so they are real by construction, also for singular covariances.

    Args:
        mean1: (d,).
        cov1: (d, d), symmetric, positive semi-definite.
        mean2: (d,).
        cov2: (d, d).

    Returns:
        The distance; rounding can make it negative by about 1e-12 of the traces.
    """
    cross = torch.linalg.eigvalsh(factor(cov1).between(cov2), UPLO="U").clamp(min=0).sqrt().sum()
    return _distance(mean1, cov1, mean2, cov2, cross)


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """What the sampling error of FD depends on: a covariance in the coordinates of its eigenvectors."""

    eigenvalues: Tensor
    """float64 (d,)."""
    products: Tensor
    """float64 (d, d): variances of the products of two centred coordinates."""

    @classmethod
    def gaussian(cls, eigenvalues: Tensor) -> "Spectrum":
        """That of a Gaussian law with these eigenvalues (d,) of its covariance."""
        return cls(eigenvalues=eigenvalues, products=torch.outer(eigenvalues, eigenvalues) + eigenvalues.square().diag())

    @classmethod
    def of(cls, reference: Reference) -> "Spectrum":
        """That of a reference set; of the Gaussian law if only its moments are known, or too few examples."""
        covariance = reference.moments.covariance
        if not reference.has_features or reference.n < MANY_A_FEATURE * reference.width:
            return cls.gaussian(torch.linalg.eigvalsh(covariance).clamp(min=0))
        eigenvalues, vectors = torch.linalg.eigh(covariance)
        some, products = _some(reference.features.values, VARIANCE_FROM), torch.zeros_like(vectors)
        for chunk in torch.split(some, CHUNK):
            squares = ((chunk.double() - reference.moments.mean) @ vectors).square_()
            products += squares.T @ squares
        return cls(eigenvalues=eigenvalues.clamp(min=0), products=products / len(some) - eigenvalues.square().diag())

    def bias(self, n_real: float, n_fake: float) -> float:
        """Expected FD of a perfect generator: the leading term of E[FD] for two samples of one law.

        (1/n + 1/m) [sum_i l_i + 1/2 sum_ij V_ij / (l_i + l_j)], from the second-order expansion of the distance, where V_ij is the
        variance of the product of the coordinates i and j. For a Gaussian law V_ij = l_i l_j (1 + [i = j]).

        Args:
            n_real: Number of real examples; infinite if the reference moments are treated as exact.
            n_fake: Number of generated examples.
        """
        sums = self.eigenvalues[:, None] + self.eigenvalues
        covariances = torch.where(sums > 0, self.products / sums.clamp(min=torch.finfo(sums.dtype).tiny), 0.0).sum()
        return float((1 / n_real + 1 / n_fake) * (self.eigenvalues.sum() + covariances / 2))


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """FD with what its interval needs."""

    value: float
    variance: float
    degrees: float
    """Degrees of freedom of the variance."""


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """FD with the delta method's interval, from the influence values of both sets and the variance of the second-order term."""
    found = _measured(comparison)
    return distance_estimate(found.value, found.variance, "delta method, second order", found.degrees, _perfect(comparison))


def _measured(comparison: Comparison) -> _Measured:
    real, fake = comparison.real_moments, comparison.fake_moments
    n, m = comparison.n_real or math.inf, comparison.n_fake
    known = comparison.reference.shared("factor", lambda: well_conditioned_factor(real.covariance))
    eigenvalues, vectors = torch.linalg.eigh(known.between(fake.covariance), UPLO="U")
    eigenvalues = eigenvalues.clamp(min=0)
    value = _distance(real.mean, real.covariance, fake.mean, fake.covariance, eigenvalues.sqrt().sum())
    # with the eigenvectors V and eigenvalues e of F^T S2 F, the optimal transport maps between the centred Gaussians are
    # F V e^-1/2 V^T F^T from fake to real, and that of the pseudo-inverse with e^1/2 back
    sides = [
        _influence(comparison.fake.values, fake, real.mean, lambda centred: known.times(centred) @ vectors, _inverse_root(eigenvalues))
    ]
    first_order = sides[0].var().item() / m
    if comparison.reference.has_features:
        back = eigenvalues.sqrt()
        sides.append(_influence(comparison.real.values, real, fake.mean, lambda centred: known.whitened(centred) @ vectors, back))
        first_order += sides[1].var().item() / n
    else:
        first_order += _gaussian_influence_variance(real, fake.mean, known.root, (vectors * eigenvalues.sqrt()) @ vectors.T) / n
    variance = second_order_variance(first_order, _second_order(_spectrum(comparison).eigenvalues, n, m))
    return _Measured(value=max(value, 0.0), variance=variance, degrees=degrees_of_freedom(*sides))


def _spectrum(comparison: Comparison) -> Spectrum:
    return comparison.reference.shared("spectrum", lambda: Spectrum.of(comparison.reference))


def _perfect(comparison: Comparison) -> float | None:
    """Expected FD of two samples of the real distribution at these numbers of examples.

    With enough examples per feature it is computed from the spectrum. Otherwise the sample's spectrum is too uneven, and the FD
    of two halves of some real examples is rescaled: FD of two samples of one distribution falls as 1 / n, down to three examples
    per four features, where it is 2 % below. None with fewer examples.
    """
    n, m, width = comparison.n_real or math.inf, comparison.n_fake, comparison.reference.width
    if n >= MANY_A_FEATURE * width:
        return _spectrum(comparison).bias(n, m)
    needed = -(-3 * width // 4)
    if not comparison.reference.has_features or len(some := _some(comparison.real.values)) < 2 * needed:
        return None
    rows = some[evenly(len(some), 2 * max(needed, min(len(some) // 2, CHUNK))).to(some.device)]
    return (1 / n + 1 / m) * comparison.reference.shared("halves", lambda: _between(rows[::2], rows[1::2]) * len(rows) / 4)


def _between(first: Tensor, second: Tensor) -> float:
    """FD of two sets of features (n, d) from their n x n cross products instead of covariances, for n smaller than d."""
    means = [side.double().mean(0) for side in (first, second)]
    centred = [(side.double() - mean) / (len(side) - 1) ** 0.5 for side, mean in zip((first, second), means, strict=True)]
    cross = centred[0] @ centred[1].T
    trace = torch.linalg.eigvalsh(cross @ cross.T).clamp(min=0).sqrt().sum()
    return float((means[0] - means[1]).square().sum() + centred[0].square().sum() + centred[1].square().sum() - 2 * trace)


def _infinity(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """FD at infinite n: a + b / n fitted to the whole sets and to random halves of them.

    A whole set and its halves share every first-order term, so the extrapolation adds only second-order
    noise, unlike a fit through nested or overlapping subsets (Chong and Forsyth 2020, section 3.1).
    """
    sides = [comparison.fake.values, comparison.real.values] if comparison.reference.has_features else [comparison.fake.values]
    fewest, needed = min(map(len, sides)), FD_INFINITY.minimum_per_feature * comparison.fake.values.shape[1]
    if fewest < needed:
        raise RequestError(
            f"fd_infinity needs twice as many examples as features on either side, {needed:,}, and there are {fewest:,}; take kd"
        )
    sides = [_ordered(side, generator) for side in sides]
    halves = torch.stack([_halved(sides, comparison.real_moments, generator) for _ in range(HALVINGS)])
    whole = _measured(comparison)
    n, m = comparison.n_real or math.inf, comparison.n_fake
    variance = whole.variance + _second_order(_spectrum(comparison).eigenvalues, n, m) / HALVINGS
    value = 2 * whole.value - halves.mean().item()
    method = "delta method, second order, and the draw of halves"
    return replace(normal_estimate(value, variance, (-torch.inf, torch.inf), method, whole.degrees), perfect=0.0)


def _ordered(values: Tensor, generator: torch.Generator) -> Tensor:
    """The examples sorted along a random direction, so that halves depend on the examples and not on the order in which they came."""
    direction = torch.randn(values.shape[1], generator=generator, device=generator.device, dtype=torch.float64).to(values.device)
    along = torch.cat([(part.double() * direction).sum(1) for part in torch.split(values, CHUNK)])
    return values[along.argsort()]


def _halved(sides: Sequence[Tensor], real: Moments, generator: torch.Generator) -> Tensor:
    """Mean FD of the two halves of a random halving; if only the reference's moments are known, only the generated set is halved."""
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


def _influence(values: Tensor, own: Moments, other_mean: Tensor, rotated: Callable[[Tensor], Tensor], scales: Tensor) -> Tensor:
    """First-order effect of every example on FD, through the gradient in the mean and in the covariance, I minus the transport map.

    Args:
        values: Features (n, d) of the examples.
        own: Their moments.
        other_mean: Mean of the other set.
        rotated: Gives centred features (n, d) in coordinates (n, r) in which the transport map is diagonal.
        scales: The map's diagonal (r,).
    """
    effects = []
    for chunk in torch.split(_some(values, VARIANCE_FROM), CHUNK):
        centred = chunk.double() - own.mean
        effects.append(2 * centred @ (own.mean - other_mean) + centred.square().sum(1) - rotated(centred).square_() @ scales)
    return torch.cat(effects)


def _some(values: Tensor, most: int = INFLUENCES) -> Tensor:
    """At most ``most`` examples, evenly spaced."""
    return values if len(values) <= most else values[evenly(len(values), most).to(values.device)]


def _gaussian_influence_variance(own: Moments, other_mean: Tensor, root: Tensor, between: Tensor) -> float:
    """Variance of the effects of :func:`_influence` under the fitted Gaussian, for a set of which only the moments are known.

    Args:
        own: The set's moments.
        other_mean: Mean of the other set.
        root: A factor F (d, r) of the set's covariance.
        between: The square root of F^T S F (r, r), where S is the other set's covariance.
    """
    gap = own.mean - other_mean
    return float(4 * gap @ own.covariance @ gap + 2 * (root.T @ root - between).square().sum())


def _second_order(eigenvalues: Tensor, n: float, m: float) -> float:
    """Variance of FD between two samples of one Gaussian, which is that of |dmu|^2 + 1/2 sum_ij dS_ij^2 / (l_i + l_j)."""
    squares = _parallel(eigenvalues).square()
    return float((1 / n + 1 / m) ** 2 * (2 * eigenvalues.square().sum() + squares.sum() + squares.trace()))


def _parallel(eigenvalues: Tensor) -> Tensor:
    """The matrix l_i l_j / (l_i + l_j), 0 where both vanish."""
    sums: Tensor = eigenvalues[:, None] + eigenvalues
    parallel: Tensor = torch.where(sums > 0, eigenvalues[:, None] * eigenvalues / sums.clamp(min=torch.finfo(sums.dtype).tiny), 0.0)
    return parallel


def _inverse_root(eigenvalues: Tensor) -> Tensor:
    """Reciprocal square roots of eigenvalues; 0 for those that are zero up to rounding."""
    floor = eigenvalues.amax() * len(eigenvalues) * torch.finfo(eigenvalues.dtype).eps if len(eigenvalues) else 0
    return torch.where(eigenvalues > floor, eigenvalues.clamp(min=torch.finfo(eigenvalues.dtype).tiny).rsqrt(), 0.0)


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
"""Frechet distance between Gaussians fitted to real and generated features; biased upward at small n (Heusel et al. 2017).

The ideal value follows from the real features, whatever their law; if the reference is a statistics file, it is that of a Gaussian law,
which is too small for heavy tails.
"""

FD_INFINITY = Metric(
    name="fd_infinity",
    version=2,
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
"""FD extrapolated to infinitely many examples (of the generated set alone, if the reference is statistics); can be negative."""

SFD = Metric(
    name="sfd",
    version=2,
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
"""Frechet distance of spatial features (sFID with Inception: 7 channels of 17 x 17), before pooling (Nash et al. 2021)."""

"""What is a metric, and what does it receive?

A metric is a pure function of a :class:`Comparison`: the features of real and of generated examples,
with what several metrics need (moments, neighbours) computed once and shared.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import torch
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.kernel_sums import Kernel
from ganbench.metrics.moments import Moments, moments
from ganbench.metrics.neighbours import Containment, Manifold
from ganbench.metrics.pairs import WITHIN, OnePass, Share, between, within
from ganbench.metrics.points import Points

T = TypeVar("T")

NORMAL_975 = 1.959963984540054
"""97.5 % quantile of the standard normal law: half of a 95 % interval, in standard deviations."""


Need = Literal["moments", "features", "probabilities", "spatial", "labels", "images", "generator"]
"""What a metric can ask of one side: mean and covariance, features, class probabilities, spatial features, class labels, the
images themselves, or the generator behind them."""


class LatentModel(Protocol):
    """A generator that can be asked for images at chosen latents."""

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Latents of the model's own law (n, latent_dim)."""

    def styles(self, latents: Tensor) -> Tensor | None:
        """The intermediate latents of a model that has them (StyleGAN's w), in which lines are straight; None of any other."""

    def images(self, latents: Tensor, styles: bool) -> Tensor:
        """Float images in [-1, 1] (n, channels, height, width) at latents, or at intermediate ones. Noise inputs are the same for all."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """What is known of one set of examples, most of it by one extractor."""

    values: Tensor
    """float32 or float64 (n, d), as the extractor gave them; metrics compute in float64."""
    log_probabilities: Tensor | None = None
    """float64 (n, classes), log-softmax; None where the extractor is no classifier."""
    spatial: Tensor | None = None
    """float32 or float64 (n, positions * channels) of an inner layer, for sFID; None where the extractor gives none."""
    labels: Tensor | None = None
    """int64 (n,), class of every example; None without labels."""
    images: Callable[[Tensor], Tensor] | None = None
    """The uint8 images (k, channels, height, width) at indices (k,); None where only features are known."""
    generator: LatentModel | None = None
    """What generated the examples; None where only the examples are known."""
    moments: Moments | None = None
    """Mean and covariance of all examples, where ``values`` are only some evenly spaced ones; None where they are all."""

    def __len__(self) -> int:
        return len(self.values if self.moments is None else self.moments)


class Reference:
    """One set of real examples, with what every comparison with it shares.

    Args:
        features: Features of the examples, or their moments alone.

    Raises:
        RequestError: Features are not a matrix, or hold a value that is not finite.
    """

    def __init__(self, features: Features | Moments) -> None:
        self._features = _checked(features, "real") if isinstance(features, Features) else None
        self._given = features if isinstance(features, Moments) else None
        self.n = len(features)
        self._shared: dict[str, Any] = {}
        self.within = OnePass(lambda names: within(self.points, names))

    @property
    def features(self) -> Features:
        """Features of every example.

        Raises:
            RequestError: Only their moments are known.
        """
        if self._features is None:
            raise RequestError(
                "the reference is a statistics file, which holds only mean and covariance; give the real examples themselves"
            )
        return self._features

    @property
    def has_features(self) -> bool:
        """Whether more is known than the moments."""
        return self._features is not None

    @property
    def width(self) -> int:
        """Number of features."""
        return len(self.moments.mean) if self._features is None else self._features.values.shape[1]

    @cached_property
    def moments(self) -> Moments:
        """Mean and covariance."""
        if self._given is not None:
            return self._given
        return self.features.moments or moments(self.features.values)

    @cached_property
    def points(self) -> Points:
        """The features, ready for work on all pairs."""
        return Points.of(self.features.values, self.moments.mean)

    @property
    def manifold(self) -> Manifold:
        """The examples and their nearest neighbours."""
        manifold: Manifold = self.within["manifold"]
        return manifold

    @property
    def kernel(self) -> Kernel:
        """The cubic kernel over all pairs of distinct examples."""
        kernel: Kernel = self.within["kernel"]
        return kernel

    def shared(self, name: str, compute: Callable[[], T]) -> T:
        """What a metric needs of the real examples alone, computed once.

        Args:
            name: Of the result.
            compute: Makes it.
        """
        if name not in self._shared:
            self._shared[name] = compute()
        result: T = self._shared[name]
        return result


class Comparison:
    """Real and generated examples, and what metrics share of them.

    Args:
        real: Features of the reference examples, or a reference that other comparisons share.
        fake: Features of the generated examples, by the same extractor.
        held_out: Features of real examples that the generator was not trained on, for metrics of memorisation.

    Raises:
        RequestError: Features are not a matrix, hold a value that is not finite, or differ in width.
    """

    def __init__(self, real: Features | Reference, fake: Features, held_out: Features | Reference | None = None) -> None:
        self.reference = real if isinstance(real, Reference) else Reference(real)
        self.fake = _checked(fake, "generated")
        self.weights: Path | None = None
        """Folder of the weights of networks that metrics bring along; None looks in the usual places."""
        self.held_out_reference = held_out if isinstance(held_out, Reference) or held_out is None else Reference(held_out)
        for side, reference in (("real", self.reference), ("held-out", self.held_out_reference)):
            if reference is not None and reference.width != self.fake.values.shape[1]:
                raise RequestError(
                    f"{side} features have width {reference.width}, generated features {self.fake.values.shape[1]}; "
                    "take both from the same layer of one extractor"
                )
        self._within_fake = OnePass(lambda names: within(self.fake_points, names))
        self._between = OnePass(
            lambda names: between(self.reference.points, self.fake_points, lambda: (self.reference.manifold, self.fake_manifold), names)
        )

    @property
    def real(self) -> Features:
        """The real examples."""
        return self.reference.features

    @property
    def held_out(self) -> Features:
        """Real examples that the generator was not trained on.

        Raises:
            RequestError: There are none.
        """
        if self.held_out_reference is None:
            raise RequestError("held-out real examples are needed; give some that the generator was not trained on")
        return self.held_out_reference.features

    @property
    def n_real(self) -> int:
        """Number of real examples."""
        return self.reference.n

    @property
    def n_fake(self) -> int:
        """Number of generated examples."""
        return len(self.fake)

    @property
    def real_moments(self) -> Moments:
        """Mean and covariance of the real features."""
        return self.reference.moments

    @cached_property
    def fake_moments(self) -> Moments:
        """Mean and covariance of the generated features."""
        return self.fake.moments or moments(self.fake.values)

    @property
    def real_manifold(self) -> Manifold:
        """The real examples and their nearest real neighbours."""
        return self.reference.manifold

    @cached_property
    def fake_points(self) -> Points:
        """The generated features, centred on the real mean, ready for work on all pairs."""
        return Points.of(self.fake.values, self.real_moments.mean)

    @property
    def fake_manifold(self) -> Manifold:
        """The generated examples and their nearest generated neighbours."""
        manifold: Manifold = self._within_fake["manifold"]
        return manifold

    @property
    def fake_kernel(self) -> Kernel:
        """The cubic kernel over all pairs of distinct generated examples."""
        kernel: Kernel = self._within_fake["kernel"]
        return kernel

    @property
    def kernel(self) -> Kernel:
        """The cubic kernel over all pairs of a real (rows) and a generated example."""
        kernel: Kernel = self._between["kernel"]
        return kernel

    @property
    def fakes_in_real_balls(self) -> tuple[Containment, Containment]:
        """Which generated examples lie in which real balls: closed with k = 3, and open with k = 5."""
        counts: tuple[Containment, Containment] = self._between["fakes_in_real_balls"]
        return counts

    @property
    def reals_in_fake_balls(self) -> Containment:
        """Which real examples lie in which generated balls: closed with k = 3."""
        counts: tuple[Containment] = self._between["reals_in_fake_balls"]
        return counts[0]

    def expect(self, shares: Iterable[Share]) -> None:
        """Announces what metrics will share, so that one pass over the pairs serves them all.

        Args:
            shares: Of all metrics that will be asked for an estimate.
        """
        for share in shares:
            self._between.expected.add(share)
            for name in WITHIN[share]:
                self.reference.within.expected.add(name)
                self._within_fake.expected.add(name)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value and its 95 % interval. The metric names the estimand."""

    value: float
    ci_low: float
    ci_high: float
    ci_method: str
    """How the interval was obtained, in a few words ("delta method")."""
    perfect: float | None = None
    """What a perfect generator is expected to score at this n; None where nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A registered metric."""

    name: str
    """Lower-case name on the command line and in records ("fd")."""
    version: int
    """Raised whenever the same features would give another value; part of the protocol key."""
    higher_is_better: bool | None
    """None where a value between is best."""
    needs_real: tuple[Need, ...] = ("features",)
    needs_fake: tuple[Need, ...] = ("features",)
    needs_held_out: tuple[Need, ...] = ()
    minimum_n: int
    """Smallest number of examples on either side that the metric accepts."""
    bounds: tuple[float, float]
    """Smallest and largest possible value."""
    parameters: tuple[tuple[str, int | float | str], ...]
    """What else fixes the value ("k", 3), for the protocol key."""
    shares: tuple[Share, ...] = ()
    """What it takes from the pass over all pairs."""
    streams: bool = False
    """Whether moments and probabilities are enough, so that memory need not grow with n; then it looks at no side that it does not need."""
    on_device: bool = False
    """Whether it may be computed on a GPU."""
    estimand: str = "expectation at this n"
    """What the interval is meant to hold."""
    estimate: Callable[["Comparison", torch.Generator], Estimate]


def normal_estimate(value: float, variance: float, bounds: tuple[float, float], method: str) -> Estimate:
    """An estimate with the symmetric normal interval, cut off at the metric's bounds.

    Args:
        value: The metric's value, inside ``bounds``.
        variance: Its estimated sampling variance.
        bounds: Smallest and largest possible value.
        method: How the variance was obtained.
    """
    half_width = NORMAL_975 * variance**0.5
    return Estimate(value=value, ci_low=max(value - half_width, bounds[0]), ci_high=min(value + half_width, bounds[1]), ci_method=method)


def second_order_variance(first_order: float, second_order: float) -> float:
    """Sampling variance of a statistic whose first-order term may vanish.

    The variance of estimated influence values expects V1 + 2 V2: it takes up the noise of the estimated
    influence function, and with it the second-order term twice (Efron and Stein 1981). One V2 is taken
    off again, but never more than half of the whole, since V1 cannot be negative.

    Args:
        first_order: Variance from the estimated influence values.
        second_order: V2, the variance of the second-order term.
    """
    return first_order - min(second_order, first_order / 2)


def _checked(features: Features, side: str) -> Features:
    """The features, or a refusal in one line."""
    values = features.values if features.values.dtype in (torch.float32, torch.float64) else features.values.double()
    if values.ndim != 2 or 0 in values.shape:
        raise RequestError(f"{side} features have shape {tuple(values.shape)}; give a matrix (n, d) with one row an example")
    broken = int((~values.isfinite()).any(1).sum())
    if broken:
        raise RequestError(f"{broken} of {len(values)} {side} examples have features that are not finite; drop them or mend the extractor")
    if features.moments is not None and not bool(features.moments.covariance.isfinite().all()):
        raise RequestError(f"{side} examples have features that are not finite; drop them or mend the extractor")
    log_probabilities = features.log_probabilities
    if log_probabilities is not None:
        log_probabilities = log_probabilities.to(torch.float64)
        if log_probabilities.ndim != 2 or len(log_probabilities) != len(features):
            raise RequestError(
                f"{side} log-probabilities have shape {tuple(log_probabilities.shape)}; give a matrix ({len(features)}, classes)"
            )
        if log_probabilities.isnan().any():
            raise RequestError(f"{side} log-probabilities hold NaN; mend the extractor's classifier head")
    return replace(features, values=values, log_probabilities=log_probabilities)

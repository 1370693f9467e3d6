"""Which results on two sets of examples do metrics share? (moments, neighbours and kernels, each computed once)"""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.pairs.kernel_sums import Kernel
from ganbench.pairs.nearest import nearest
from ganbench.pairs.neighbours import Containment, Manifold
from ganbench.pairs.one_pass import WITHIN, OnePass, Share, between, within
from ganbench.pairs.points import Points, middle
from ganbench.sets.features import Features, Sketch
from ganbench.sets.moments import Moments, evenly

T = TypeVar("T")
SPACED = 500
"""Largest number of examples of either set whose nearest neighbours are searched for :attr:`Comparison.spacing`."""


class Remembering:
    """Results that depend on all that an object holds, each computed once."""

    def __init__(self) -> None:
        self._shared: dict[str, Any] = {}

    def shared(self, name: str, compute: Callable[[], T]) -> T:
        """A result that several metrics use.

        Args:
            name: Name of the result.
            compute: Computes it on the first call.
        """
        if name not in self._shared:
            self._shared[name] = compute()
        result: T = self._shared[name]
        return result


class Reference(Remembering):
    """A set of real examples, with results that all comparisons with it share.

    Args:
        features: Features of the examples, or only their moments.

    Raises:
        RequestError: The features are not a matrix, or contain a non-finite value.
    """

    def __init__(self, features: Features | Moments) -> None:
        self._features = _checked(features, "real") if isinstance(features, Features) else None
        self._given = features if isinstance(features, Moments) else None
        self.n = len(features)
        super().__init__()
        self.within = OnePass(lambda names: within(self.points, names))

    @property
    def features(self) -> Features:
        """Features of every example.

        Raises:
            RequestError: Only the moments are known.
        """
        if self._features is None:
            raise RequestError(
                "the reference is a statistics file, which holds only mean and covariance; give the real examples themselves"
            )
        return self._features

    @property
    def has_features(self) -> bool:
        """Whether features are known, not only their moments."""
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
        return self.features.moments()

    @cached_property
    def centre(self) -> Tensor:
        """The point around which distances are computed, float64 (d,)."""
        return middle(self.features.values, self.moments.mean) if self.has_features else self.moments.mean

    @cached_property
    def points(self) -> Points:
        """The features, centred, for computations on all pairs."""
        return Points.of(self.features.values, self.centre)

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


class Comparison(Remembering):
    """A reference set and a generated set, with the results that metrics share.

    >>> real, fake = (Features(values=torch.rand(n, 4)) for n in (20, 10))
    >>> compared = Comparison(real, fake)
    >>> compared.n_real, compared.n_fake, compared.real_moments.covariance.shape
    (20, 10, torch.Size([4, 4]))

    Args:
        real: Features of the reference set, or a reference that other comparisons share.
        fake: Features of the generated set, by the same extractor.
        held_out: Features of real examples that the generator was not trained on, for metrics of memorisation.

    Raises:
        RequestError: Features are not a matrix, contain a non-finite value, or differ in width.
    """

    def __init__(self, real: Features | Reference, fake: Features, held_out: Features | Reference | None = None) -> None:
        self.reference = real if isinstance(real, Reference) else Reference(real)
        self.fake = _checked(fake, "generated")
        self.weights: Path | None = None
        """Folder with the weights of the metrics' own networks; None uses the default locations."""
        self.held_out_reference = held_out if isinstance(held_out, Reference) or held_out is None else Reference(held_out)
        for side, reference in (("real", self.reference), ("held-out", self.held_out_reference)):
            if reference is not None and reference.width != self.fake.values.shape[1]:
                raise RequestError(
                    f"{side} features have width {reference.width}, generated features {self.fake.values.shape[1]}; "
                    "take both from the same layer of one extractor"
                )
        super().__init__()
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
            RequestError: No held-out set was given.
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
        return self.fake.moments()

    @property
    def real_manifold(self) -> Manifold:
        """The real examples and their nearest real neighbours."""
        return self.reference.manifold

    @cached_property
    def fake_points(self) -> Points:
        """The generated features, centred like the real ones, for computations on all pairs."""
        return Points.of(self.fake.values, self.reference.centre)

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
        """The cubic kernel over all pairs of a real (rows) and a generated example (columns)."""
        kernel: Kernel = self._between["kernel"]
        return kernel

    @property
    def fakes_in_real_balls(self) -> tuple[Containment, Containment]:
        """Counts of generated examples in real balls: closed with k = 3, and open with k = 5."""
        counts: tuple[Containment, Containment] = self._between["fakes_in_real_balls"]
        return counts

    @property
    def reals_in_fake_balls(self) -> Containment:
        """Counts of real examples in generated balls, closed with k = 3."""
        counts: tuple[Containment] = self._between["reals_in_fake_balls"]
        return counts[0]

    @cached_property
    def spacing(self) -> float:
        """Median distance of a generated example to the nearest other one, relative to that of as many real examples.

        About 1 for a good generator, and near 0 for one whose examples are copies of a few with a little noise. It is measured on
        at most ``SPACED`` evenly spaced examples of either set.
        """
        few = min(self.n_real, self.n_fake, SPACED)
        sides = (side[evenly(len(side), few).to(side.device)] for side in (self.fake.values, self.real.values))
        fake, real = (nearest(side, side, same=True)[0].median().sqrt().item() for side in sides)
        return fake / real if real > 0 else math.inf

    def expect(self, shares: Iterable[Share]) -> None:
        """Announces shared results, so that one pass over the pairs computes all of them.

        Args:
            shares: :attr:`Metric.shares` of all metrics that will be estimated.
        """
        for share in shares:
            self._between.expected.add(share)
            for name in WITHIN[share]:
                self.reference.within.expected.add(name)
                self._within_fake.expected.add(name)


def _checked(features: Features, side: str) -> Features:
    """Features in float32 or float64; raises if shapes or values are invalid."""
    values = features.values if features.values.dtype in (torch.float32, torch.float64) else features.values.double()
    if values.ndim != 2 or 0 in values.shape:
        raise RequestError(f"{side} features have shape {tuple(values.shape)}; give a matrix (n, d) with one row an example")
    broken = int((~values.isfinite()).any(1).sum())
    if broken:
        raise RequestError(f"{broken} of {len(values)} {side} examples have features that are not finite; drop them or mend the extractor")
    if isinstance(features, Sketch) and not bool(features.of_all.covariance.isfinite().all()):
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

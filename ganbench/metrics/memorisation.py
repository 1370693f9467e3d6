"""Does the generator copy its training examples?

The reference set of the comparison must be the training set. It is treated as fixed: intervals cover the sampling of
the generated examples, not that of the training set.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.directions import CHUNK, directions
from ganbench.metrics.frechet import FD
from ganbench.metrics.intervals import normal_estimate
from ganbench.metrics.resampling import wilson_estimate
from ganbench.pairs.nearest import nearest
from ganbench.sets.comparison import Comparison

THRESHOLD = 0.1
"""Mean cosine distance at and above which MiFID has no penalty."""
_GUARD = 1e-14
"""Added to the distance, which is 0 for copies."""


@dataclass(frozen=True, kw_only=True)
class NearestTraining:
    """The nearest training example of every example."""

    squared: Tensor
    """float64 (m,): squared distance."""
    which: Tensor
    """int64 (m,): number of the training example."""
    spacing: Tensor
    """float64 (m,): squared distance from that training example to its nearest other one; 0 if it has an exact copy."""

    @property
    def authentic(self) -> Tensor:
        """Whether the nearest training example has a nearer training example, bool (m,)."""
        return self.spacing < self.squared


def nearest_training(examples: Tensor, training: Tensor) -> NearestTraining:
    """Finds the nearest training example of every example, and its own nearest other training example.

    Args:
        examples: Features (m, d).
        training: Features (n, d), n at least 2.
    """
    squared, which = nearest(examples, training)
    near, place = torch.unique(which[:, 0], return_inverse=True)
    # the first neighbour is the training example itself or a copy of it
    others = nearest(training[near], training, k=2)[0][:, 1]
    return NearestTraining(squared=squared[:, 0], which=which[:, 0], spacing=others[place])


def authentic(examples: Tensor, training: Tensor) -> Tensor:
    """Whether examples are authentic: their nearest training example has a nearer training example (Alaa et al. 2022, section 4.3).

    Args:
        examples: Features (m, d).
        training: Features (n, d), n at least 2.

    Returns:
        bool (m,).
    """
    return nearest_training(examples, training).authentic


def _authpct(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Percentage of authentic generated examples; ``perfect`` is that of held-out ones."""
    training = comparison.real.values
    share = authentic(comparison.fake.values, training).double().mean().item()
    held_out = comparison.held_out_reference
    perfect = None
    if held_out is not None and held_out.has_features:
        perfect = 100 * authentic(held_out.features.values, training).double().mean().item()
    return wilson_estimate(share, len(comparison.fake.values), scale=100, perfect=perfect)


def cosine_distances(examples: Tensor, training: Tensor) -> Tensor:
    """One minus the largest absolute cosine of each example (m, d) with any training example (n, d): (m,), from 0 to 1."""
    found = []
    for chunk in torch.split(examples, CHUNK):
        units = directions(chunk)
        cosines = [(units @ directions(part).T).abs().amax(1) for part in torch.split(training, CHUNK)]
        found.append((1 - torch.stack(cosines).amax(0)).clamp(0, 1))
    return torch.cat(found)


def _penalty(distances: Tensor) -> float:
    """The divisor of MiFID: the mean of the distances (m,) if it is below the threshold, else 1.

    For an exact copy of the whole training set FD vanishes too, and the quotient is meaningless; authpct and ct
    detect this case.
    """
    mean = distances.mean().item()
    return mean + _GUARD if mean < THRESHOLD else 1.0


def _mifd(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """FD over the penalty, treated as uncorrelated; ``perfect`` is that of FD over the penalty of held-out examples."""
    training, held_out = comparison.real.values, comparison.held_out_reference
    distances = cosine_distances(comparison.fake.values, training)
    penalty, distance = _penalty(distances), FD.estimate(comparison, generator)
    variance = (distance.variance or 0.0) / penalty**2
    if penalty < 1:
        variance += (distance.value / penalty**2) ** 2 * distances.var().item() / len(distances)
    estimate = normal_estimate(distance.value / penalty, variance, MIFD.bounds, "delta method")
    if distance.perfect is None or held_out is None or not held_out.has_features:
        return estimate
    return replace(estimate, perfect=distance.perfect / _penalty(cosine_distances(held_out.features.values, training)))


AUTHPCT = Metric(
    name="authpct",
    version=1,
    higher_is_better=True,
    minimum_n=10,
    bounds=(0.0, 100.0),
    parameters=(),
    estimand="expectation at this n for this training set",
    estimate=_authpct,
)
"""Percentage of generated examples that are not copies of training examples; noise scores high too (Alaa et al. 2022)."""

MIFD = Metric(
    name="mifd",
    version=1,
    higher_is_better=False,
    minimum_n=10,
    bounds=(0.0, torch.inf),
    depends_on_n=True,
    parameters=(("ddof", 1), ("threshold", THRESHOLD)),
    estimand="expectation at this n for this training set",
    estimate=_mifd,
)
"""FD, divided by the mean cosine distance to the nearest training example if that is below 0.1 (MiFID; Bai et al. 2021)."""

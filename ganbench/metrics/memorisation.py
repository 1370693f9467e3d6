"""Does the generator repeat its training examples?

The real side of a comparison is the training set. It is taken as given: intervals say how the score would move with
other generated examples, not with another training set.
"""

from dataclasses import replace

import torch
from torch import Tensor

from ganbench.metrics.base import NORMAL_975, Estimate, Metric, normal_estimate
from ganbench.metrics.directions import CHUNK, directions
from ganbench.metrics.frechet import FD
from ganbench.metrics.nearest import nearest
from ganbench.metrics.resampling import wilson_estimate
from ganbench.sets.comparison import Comparison

THRESHOLD = 0.1
"""Cosine distance from which on MiFID takes no set for memorised."""
_GUARD = 1e-14
"""Added to the distance, which is 0 of copies."""


def authentic(examples: Tensor, training: Tensor) -> Tensor:
    """Which examples are not copies: the nearest training example has another one nearer to itself (Alaa et al. 2022, section 4.3).

    Args:
        examples: Features (m, d).
        training: Features (n, d), n at least 2.

    Returns:
        bool (m,).
    """
    squared, which = nearest(examples, training)
    near, place = torch.unique(which[:, 0], return_inverse=True)
    # the first neighbour is the training example itself, or a copy of it: the second is the nearest other one
    others = nearest(training[near], training, k=2)[0][:, 1]
    return others[place] < squared[:, 0]


def _authpct(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Per cent of the generated examples that are authentic; perfect is that of held-out ones."""
    training = comparison.real.values
    share = authentic(comparison.fake.values, training).double().mean().item()
    held_out = comparison.held_out_reference
    perfect = None
    if held_out is not None and held_out.has_features:
        perfect = 100 * authentic(held_out.features.values, training).double().mean().item()
    return wilson_estimate(share, len(comparison.fake.values), scale=100, perfect=perfect)


def cosine_distances(examples: Tensor, training: Tensor) -> Tensor:
    """1 - the largest absolute cosine of every example (m, d) with a training example (n, d): (m,), from 0 to 1."""
    found = []
    for chunk in torch.split(examples, CHUNK):
        units = directions(chunk)
        cosines = [(units @ directions(part).T).abs().amax(1) for part in torch.split(training, CHUNK)]
        found.append((1 - torch.stack(cosines).amax(0)).clamp(0, 1))
    return torch.cat(found)


def _penalty(distances: Tensor) -> float:
    """What MiFID divides by: the mean distance (m,) where it is below the threshold, 1 elsewhere.

    Of an exact copy of the whole training set FD vanishes too, and the quotient is one of rounding errors: authpct
    and ct tell.
    """
    mean = distances.mean().item()
    return mean + _GUARD if mean < THRESHOLD else 1.0


def _mifd(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """FD over the penalty; its interval takes both as uncorrelated. Perfect is FD's over the penalty of held-out examples."""
    training, held_out = comparison.real.values, comparison.held_out_reference
    distances = cosine_distances(comparison.fake.values, training)
    penalty, distance = _penalty(distances), FD.estimate(comparison, generator)
    variance = ((distance.ci_high - distance.value) / NORMAL_975 / penalty) ** 2
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
"""Per cent of generated examples that are no copies of training examples; noise scores high too (Alaa et al. 2022)."""

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
"""FD, divided by the mean cosine distance from a generated to its nearest training example below 0.1 (MiFID; Bai et al. 2021)."""

"""How many different examples does the generator have, judged by how soon one repeats?

The birthday paradox test (Arora and Zhang 2017, "Do GANs actually learn the distribution?", arXiv 1706.08224): if a batch of s
examples contains two near-duplicates with probability one half, the support has about s^2 / (2 ln 2) examples, since N equally
probable ones collide with probability 1 - exp(-s (s - 1) / 2N). In the paper a person decides which of the closest pairs are
duplicates; here a threshold does, the 0.1 % quantile of distances between real examples of one batch and their nearest ones in another. One
popular example triggers the test as well as a small support, and is itself a failure.
"""

import math

import torch
from torch import Tensor

from ganbench import seeding
from ganbench.diagnostics.base import Case, Examination
from ganbench.diagnostics.diversity import NEAR_QUANTILE
from ganbench.pairs.nearest import nearest
from ganbench.results.record import Diagnostic
from ganbench.sets.comparison import Reference
from ganbench.sets.moments import evenly

LIMIT = 2_000
"""Largest number of examples in which near-duplicates are searched, and largest batch of real ones that sets the threshold. Support up to
0.72 * 2,000^2 = 2.9 million is told, more than any data set here has examples."""
ORDERS = 401
"""Number of random orders of the examples whose first repetitions are found; odd, so that their median is one of them."""
_EXPECTED = 50
"""Expected number of near pairs in the beginning of an order that is searched first."""
_ROWS = 500
"""Number of rows of the distance matrix held at a time."""


def support(size: float) -> float:
    """The number N of equally probable examples of which batches of this size collide with probability one half.

    >>> round(support(23))  # of 23 people two share a birthday half of the time
    365

    The exact form of the paper's s^2 / (2 ln 2): for two examples that are always alike it is 1.4, and not 2.9.
    """
    return size * (size - 1) / (2 * math.log(2))


def collision_probability(size: int, support: float) -> float:
    """Probability that a batch contains one of N equally probable examples twice: 1 - exp(-s (s - 1) / 2N)."""
    return -math.expm1(-size * (size - 1) / (2 * support))


def threshold(reference: Reference, seed: int) -> float | None:
    """Distance up to which two examples count as near-duplicates; None if all real examples have exact copies.

    The 0.1 % quantile of the distances from the real examples of a random batch to their nearest ones in a disjoint batch of
    the same size. Exact copies in the data are left out, since they would set it to 0.
    """
    values = reference.features.values
    size = min(len(values) // 2, LIMIT)
    order = torch.randperm(len(values), generator=seeding.stream(seed, "diagnostic/birthday-threshold"))[: 2 * size].to(values.device)
    distances = nearest(values[order[:size]], values[order[size:]])[0][:, 0].sqrt()
    distinct = distances[distances > 0]
    return distinct.quantile(NEAR_QUANTILE).item() if len(distinct) else None


def near_pairs(values: Tensor, limit: float) -> Tensor:
    """Numbers (2, pairs) of the examples (n, d) in all pairs at most this far apart."""
    centred = values.double() - values.mean(0, dtype=torch.float64)
    norms = centred.square().sum(1)
    found = []
    for start in range(0, len(values), _ROWS):
        rows = centred[start : start + _ROWS]
        squared = norms[start : start + _ROWS, None] + norms - 2 * rows @ centred.T
        # products of copies differ from 0 by rounding
        rounding = 16 * torch.finfo(torch.float64).eps * (norms[start : start + _ROWS, None] + norms)
        first, second = (squared <= limit**2 + rounding).nonzero(as_tuple=True)
        found.append(torch.stack([first + start, second])[:, first + start < second])
    return torch.cat(found, 1)


def first_repetitions(pairs: Tensor, n: int, seed: int) -> Tensor:
    """Number of examples drawn until the first near-duplicate, in each of ``ORDERS`` random orders of n examples: int64 (orders,).

    The pairs of every order are looked through, or, where they are many, the table of all pairs from its beginning on.

    Args:
        pairs: Pairs of near-duplicates (2, at least 1).
        n: Number of examples.
        seed: Root seed of the stream ``diagnostic/birthday``.
    """
    generator = seeding.stream(seed, "diagnostic/birthday")
    places = [torch.randperm(n, generator=generator).to(pairs.device) for _ in range(ORDERS)]
    if pairs.shape[1] <= n:
        return torch.stack([torch.maximum(place[pairs[0]], place[pairs[1]]).min() + 1 for place in places])
    near = torch.zeros(n, n, dtype=torch.bool, device=pairs.device)
    near[pairs[0], pairs[1]] = near[pairs[1], pairs[0]] = True
    # where many pairs are near, a short beginning of an order almost surely contains one of them
    start = max(2, round(n * (_EXPECTED / pairs.shape[1]) ** 0.5))
    return torch.stack([_first_repetition(near, place.argsort(), start) for place in places])


def _first_repetition(near: Tensor, order: Tensor, size: int) -> Tensor:
    """Number of examples drawn in an order until the first near-duplicate, which is looked for in ever longer beginnings."""
    while True:
        chosen = order[:size]
        found = near[chosen][:, chosen].nonzero()
        if len(found):
            return found.amax(1).min() + 1
        size *= 2


def birthday_diagnostics(case: Case) -> list[Diagnostic]:
    """The batch in which half of the time an example repeats, and the support that this implies.

    ``birthday_size`` is the median number of examples up to the first near-duplicate, over random orders of the examples, and
    ``birthday_support`` is s^2 / (2 ln 2) of it. Without any near-duplicate both are lower bounds, and a note says so.
    """
    comparison = case.comparison
    limit = comparison.reference.shared(f"birthday/{case.seed}", lambda: threshold(comparison.reference, case.seed))
    values = comparison.fake.values[evenly(comparison.n_fake, min(comparison.n_fake, LIMIT)).to(comparison.fake.values.device)]
    n = len(values)
    if limit is None:
        note = "every real example has an exact copy"
        return [Diagnostic(name=name, value=None, perfect=None, n=n, note=note) for name in BIRTHDAY.measures]
    pairs = near_pairs(values, limit)
    size = first_repetitions(pairs, n, case.seed).median().item() if pairs.shape[1] else n
    note = "" if pairs.shape[1] else "at least: no example repeats"
    return [
        Diagnostic(name="birthday_size", value=size, perfect=None, n=n, note=note),
        Diagnostic(name="birthday_support", value=support(size), perfect=None, n=n, note=note),
    ]


BIRTHDAY = Examination(
    name="birthday",
    measures=("birthday_size", "birthday_support"),
    fits=lambda case: case.comparison.reference.has_features,
    examine=birthday_diagnostics,
    while_training=False,
    limits=lambda case: {"birthday_size": (2.0, float("inf")), "birthday_support": (1.0, float("inf"))},
)
"""How many different examples does the generator have, judged by how soon one repeats? (`diagnose` only)"""

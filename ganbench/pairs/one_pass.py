"""How do kernels and neighbours share one pass over the Gram matrix of all pairs?"""

from collections.abc import Callable, Collection
from typing import Any, Literal

from ganbench.pairs.kernel_sums import KernelSums
from ganbench.pairs.neighbours import Manifold, Nearest, Sorter
from ganbench.pairs.points import Points, grams

Share = Literal["kernel", "fakes_in_real_balls", "reals_in_fake_balls"]
"""Results from the pairs of real and generated examples that several metrics use."""
WITHIN: dict[str, tuple[str, ...]] = {
    "kernel": ("kernel",),
    "fakes_in_real_balls": ("manifold",),
    "reals_in_fake_balls": ("manifold",),
}
"""The results from the pairs within one set that each of them needs."""
FAKES_IN_REAL_BALLS = ((3, True), (5, False))
"""Kinds of real balls: closed with k = 3 for precision, open with k = 5 for density and coverage."""
REALS_IN_FAKE_BALLS = ((3, True),)
"""Kinds of generated balls: closed with k = 3 for recall."""


class OnePass:
    """Results of one pass over the pairs, computed together when the first of them is read.

    Args:
        compute: Computes the named results.
    """

    def __init__(self, compute: Callable[[Collection[str]], dict[str, Any]]) -> None:
        self._compute, self._found = compute, dict[str, Any]()
        self.expected: set[str] = set()
        """Names of the results that will be read later."""

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            self._found |= self._compute((self.expected | {name}) - self._found.keys())
        return self._found[name]


def within(points: Points, names: Collection[str]) -> dict[str, Any]:
    """Results from the pairs within one set.

    Args:
        points: The set.
        names: Any of "kernel" (:class:`Kernel`) and "manifold" (:class:`Manifold`).

    Raises:
        RequestError: There are too few points for neighbours.
    """
    kernel = KernelSums(points, points) if "kernel" in names else None
    nearest = Nearest(points) if "manifold" in names else None
    for rows, columns, gram in grams(points, points):
        if kernel:
            kernel.add(rows, columns, gram)
        if nearest:
            nearest.add(rows, columns, gram)
    return {**({"kernel": kernel.result()} if kernel else {}), **({"manifold": nearest.manifold()} if nearest else {})}


def between(real: Points, fake: Points, manifolds: Callable[[], tuple[Manifold, Manifold]], names: Collection[str]) -> dict[str, Any]:
    """Results from the pairs of a real and a generated example.

    Args:
        real: Real examples.
        fake: Generated examples, centred on the same point.
        manifolds: Returns the real and the generated manifold; called only for results that need them.
        names: Any of :data:`Share`.
    """
    kernel = KernelSums(real, fake) if "kernel" in names else None
    sorters: dict[str, Sorter] = {}
    if "fakes_in_real_balls" in names:
        sorters["fakes_in_real_balls"] = Sorter(fake, manifolds()[0], FAKES_IN_REAL_BALLS)
    if "reals_in_fake_balls" in names:
        sorters["reals_in_fake_balls"] = Sorter(real, manifolds()[1], REALS_IN_FAKE_BALLS)
    for rows, columns, gram in grams(real, fake):
        if kernel:
            kernel.add(rows, columns, gram)
        for name, sorter in sorters.items():
            if name == "fakes_in_real_balls":
                sorter.add(columns, rows, gram.T)
            else:
                sorter.add(rows, columns, gram)
    return {**({"kernel": kernel.result()} if kernel else {}), **{name: tuple(sorter.results()) for name, sorter in sorters.items()}}

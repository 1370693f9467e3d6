"""How are features prepared for computations on all pairs?

A Gram matrix in the features' own precision selects candidates, and float64 decides: the rounding error of every
product has a bound, and what lies within the bound is computed again from differences in float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.pairs.sizes import sizes

_FAR = 4.0
"""Ratio of mean to median squared norm above which the median is the centre. Features of digits, MNIST and CIFAR-10 by the bundled
extractors give 1.02 to 1.68; one example far from n others gives about n."""
_LARGEST_SQUARE = 1e11
"""Largest squared norm for which float32 is used; above it, sums of cubes and differences could overflow or lose precision."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """One set of features, with a centred copy from which dot products are computed."""

    values: Tensor
    """(n, d), float32 or float64, as returned by the extractor."""
    centre: Tensor
    """float64 (d,), subtracted from the copy; in a comparison it is the same for both sets (:func:`middle`)."""
    centred: Tensor
    """(n, d), float32 if the values are float32 and not too large, else float64."""
    squared_norms: Tensor
    """Squared norms of the centred features (n,), in the copy's precision."""
    along: Tensor
    """float64 (n,): dot products of the centred features with the centre."""

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, values: Tensor, centre: Tensor) -> "Points":
        """Centres features (n, d) at a point (d,)."""
        reach = max((values.amax(0) - centre).abs().amax().item(), (values.amin(0) - centre).abs().amax().item())
        narrow = values.dtype == torch.float32 and reach**2 * values.shape[1] < _LARGEST_SQUARE
        dtype = torch.float32 if narrow else torch.float64
        centred = torch.empty(values.shape, dtype=dtype, device=values.device)
        # filled in place, because small results between large temporaries would fragment the heap
        norms, along = torch.empty(2, len(values), dtype=torch.float64, device=values.device)
        for part in parts(len(values), values.device):
            exact = torch.sub(values[part], centre)  # float64; not in place, since the values belong to the caller
            centred[part] = exact
            norms[part] = torch.linalg.vecdot(exact, exact)
            along[part] = exact @ centre
        return cls(values=values, centre=centre, centred=centred, squared_norms=norms.to(dtype), along=along)

    @property
    def error(self) -> float:
        """Bound of the rounding error of |x - y|^2 from a product of centred copies, relative to |x|^2 + |y|^2.

        The error of a dot product of d terms behaves like a random walk, sqrt(d) eps. Measured on rectified features of width
        64, 512 and 2,048, the bound is 12, 39 and 150 times the largest of 160,000 errors.
        """
        return self.error_in(self.centred.dtype)

    def error_in(self, dtype: torch.dtype) -> float:
        """The bound :attr:`error` for products of a given precision."""
        return float(torch.finfo(dtype).eps * (8 + 1.2 * self.centred.shape[1] ** 0.5))


def middle(values: Tensor, mean: Tensor) -> Tensor:
    """The point around which distances are computed with little rounding: the mean, unless a few far examples dominate it.

    Results do not depend on it except for rounding errors, which grow with the squared norms of the centred features.

    Args:
        values: Features (n, d).
        mean: Their mean, float64 (d,).

    Returns:
        float64 (d,): the mean, or the median of each coordinate.
    """
    norms = torch.cat([torch.sub(part, mean).square_().sum(1) for part in torch.split(values, sizes(values.device).rows)])
    return mean if norms.mean() <= _FAR * norms.median() or norms.median() == 0 else values.median(0).values.double()


def squared_distances(rows: Points, columns: Points, i: Tensor, j: Tensor) -> Tensor:
    """Squared distances (r, k) between rows i (r,) and columns j (r, k), from differences in float64: exactly 0 for copies."""
    few = max(1, sizes(i.device).differences // max(1, j.shape[1] * rows.values.shape[1]))
    squared = torch.empty(j.shape, dtype=torch.float64, device=i.device)
    for start in range(0, len(i), few):
        part = slice(start, start + few)
        gap = columns.values[j[part]].double().sub_(rows.values[i[part], None])
        squared[part] = gap.square_().sum(-1)
    return squared


def distances_of_pairs(rows: Points, columns: Points, i: Tensor, j: Tensor) -> Tensor:
    """Squared distances (pairs,) between rows i and columns j, as :func:`squared_distances` gives them."""
    if len(i) <= sizes(i.device).pairs:
        return squared_distances(rows, columns, i, j[:, None])[:, 0]
    # so many pairs are asked for where examples are copies of each other, and equal pairs are computed once
    (i, same_row), (j, same_column) = _distinct(rows.values, i), _distinct(columns.values, j)
    pairs, place = torch.unique(same_row * len(j) + same_column, return_inverse=True)
    return squared_distances(rows, columns, i[pairs // len(j)], j[pairs % len(j), None])[place, 0]


def _distinct(values: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of the distinct examples among those of ``which`` (pairs,), and each pair's place among them (pairs,)."""
    used, place = torch.unique(which, return_inverse=True)
    different, same = torch.unique(values[used], dim=0, return_inverse=True)
    first = torch.full((len(different),), len(used), device=which.device).scatter_reduce_(
        0, same, torch.arange(len(used), device=which.device), "amin"
    )
    return used[first], same[place]


def grams(rows: Points, columns: Points) -> Iterator[tuple[slice, slice, Tensor]]:
    """Blocks of the centred Gram matrix; for a set with itself those on the diagonal first, then those above it.

    Yields:
        The block's rows, its columns, and the block.
    """
    dtype = torch.promote_types(rows.centred.dtype, columns.centred.dtype)
    tops, starts = (parts(len(side), side.values.device) for side in (rows, columns))
    if rows is columns:
        # the diagonal first: distances to the neighbours found there limit the search in the other blocks
        pairs = [(part, part) for part in tops] + [(top, start) for index, top in enumerate(tops) for start in tops[index + 1 :]]
    else:
        pairs = [(top, start) for top in tops for start in starts]
    for across, down in pairs:
        yield across, down, rows.centred[across].to(dtype) @ columns.centred[down].to(dtype).T


def parts(n: int, device: torch.device) -> list[slice]:
    """The rows of every block of n examples."""
    size = sizes(device).rows
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]

"""Which points are the nearest neighbours of these queries, and how far away are they?

Products of centred features in float64 select a few more candidates than asked for, and distances computed from
differences decide among them. The distance of exact copies is therefore exactly 0.
"""

import torch
from torch import Tensor

from ganbench.pairs.points import middle

CHUNK = 1024
"""Number of rows and of columns of the distance matrix held at a time."""
_SPARE = 4
"""Additional candidates, because rounding can change the order of close neighbours."""


def nearest(queries: Tensor, points: Tensor, k: int = 1, same: bool = False) -> tuple[Tensor, Tensor]:
    """The k nearest points of every query.

    Args:
        queries: (q, d).
        points: (n, d), n at least k, or k + 1 with ``same``.
        k: Number of neighbours.
        same: Queries and points are the same set: an example is not its own neighbour, but an exact copy of it is.

    Returns:
        Squared distances in float64 (q, k), ascending, and indices of the points (q, k).
    """
    centre = middle(points, points.mean(0, dtype=torch.float64))
    found = [
        _settled(chunk, points, _proposed(chunk.double() - centre, points, centre, k, start if same else None), k)
        for start, chunk in _chunks(queries)
    ]
    return torch.cat([distances for distances, _ in found]), torch.cat([which for _, which in found])


def _chunks(values: Tensor) -> list[tuple[int, Tensor]]:
    """Blocks of rows, each with the index of its first row."""
    return [(index * CHUNK, chunk) for index, chunk in enumerate(torch.split(values, CHUNK))]


def _proposed(queries: Tensor, points: Tensor, centre: Tensor, k: int, start: int | None) -> Tensor:
    """Indices (q, k + spare) of candidate points; ``start`` is the first query's index if the queries are points too."""
    best = torch.full((len(queries), 0), torch.inf, dtype=queries.dtype, device=points.device)
    which = torch.zeros(len(queries), 0, dtype=torch.int64, device=points.device)
    for first, chunk in _chunks(points):
        centred = chunk.double() - centre
        # |q|^2 is the same for all points
        squared = torch.addmm(centred.square().sum(1), queries, centred.T, alpha=-2)
        if start is not None and first == start:
            squared.fill_diagonal_(torch.inf)
        near, index = squared.topk(min(k + _SPARE, len(chunk)), largest=False)
        best, which = torch.cat([best, near], 1), torch.cat([which, first + index], 1)
        best, kept = best.topk(min(k + _SPARE, best.shape[1]), largest=False)
        which = which.gather(1, kept)
    return which[:, : min(k + _SPARE, len(points) - (start is not None))]


def _settled(queries: Tensor, points: Tensor, which: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest of the candidates, by differences in float64."""
    exact = queries.double()
    squared = torch.stack([(exact - points[column].double()).square().sum(1) for column in which.T], 1)
    distances, order = squared.topk(k, largest=False)
    return distances, which.gather(1, order)

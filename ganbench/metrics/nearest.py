"""Which real examples are nearest to these, and how far away?

Products of centred features in float64 propose a few more neighbours than asked for; differences decide among them.
Copies are therefore at distance exactly 0.
"""

import torch
from torch import Tensor

CHUNK = 1024
"""Rows and columns of the distance matrix that are held at a time."""
_SPARE = 4
"""Neighbours proposed beyond those asked for: rounding can swap close ones."""


def nearest(queries: Tensor, points: Tensor, k: int = 1, same: bool = False) -> tuple[Tensor, Tensor]:
    """The k nearest points of every query.

    Args:
        queries: (q, d).
        points: (n, d), n at least k, or k + 1 with ``same``.
        k: How many.
        same: Both are one set: an example is not its own neighbour, a copy of it is.

    Returns:
        Squared distances in float64 (q, k), ascending, and indices of the points (q, k).
    """
    centre = points.mean(0, dtype=torch.float64)
    found = [
        _settled(chunk, points, _proposed(chunk.double() - centre, points, centre, k, start if same else None), k)
        for start, chunk in _chunks(queries)
    ]
    return torch.cat([distances for distances, _ in found]), torch.cat([which for _, which in found])


def _chunks(values: Tensor) -> list[tuple[int, Tensor]]:
    """Blocks of rows with the number of their first row."""
    return [(index * CHUNK, chunk) for index, chunk in enumerate(torch.split(values, CHUNK))]


def _proposed(queries: Tensor, points: Tensor, centre: Tensor, k: int, start: int | None) -> Tensor:
    """Indices (q, k and some) of points that could be the nearest; ``start`` is the number of the first query in its own set."""
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
    """The k nearest of the proposed points, by float64."""
    exact = queries.double()
    squared = torch.stack([(exact - points[column].double()).square().sum(1) for column in which.T], 1)
    distances, order = squared.topk(k, largest=False)
    return distances, which.gather(1, order)

"""Which examples lie near which?

Everything runs over blocks of rows, so that no n x m matrix is ever held whole. Squared distances come from
matrix products of centred float64 features. Two squared distances count as equal when they agree to
rounding (1e-9 relative, plus the manifold's ``tie``): exact copies then behave the same whatever the
block size, and open and closed balls differ exactly where they should.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.errors import RequestError

BLOCK_ROWS = 1024
"""Rows of the distance matrix that are held at a time."""
NEIGHBOURS = 6
"""Neighbours kept of every example: the largest k in use, and one more to see how a ball grows when an example is deleted."""


@dataclass(frozen=True, kw_only=True)
class Manifold:
    """A set of examples and the balls around them (Kynkaanniemi et al. 2019, section 2)."""

    points: Tensor
    """float64 (n, d), centred on the real mean."""
    squared_norms: Tensor
    """float64 (n,)."""
    squared_radii: Tensor
    """float64 (n, NEIGHBOURS): squared distances to the nearest other examples, ascending; an exact copy is another example."""
    indices: Tensor
    """int64 (n, NEIGHBOURS): which examples those are."""
    tie: float
    """Squared distances that differ by less are equal: rounding of the matrix product, with room to spare."""

    def __len__(self) -> int:
        return len(self.points)

    @classmethod
    def of(cls, points: Tensor) -> "Manifold":
        """Finds the neighbours of every point among the others.

        Raises:
            RequestError: There are too few points.
        """
        if len(points) <= NEIGHBOURS:
            raise RequestError(f"neighbours need at least {NEIGHBOURS + 1} examples on either side, got {len(points)}; generate more")
        norms = points.square().sum(1)
        found = []
        for start, squared in _blocks(points, norms, points, norms):
            rows = torch.arange(len(squared), device=points.device)
            squared[rows, start + rows] = torch.inf
            found.append(squared.topk(NEIGHBOURS, largest=False))
        radii = torch.cat([values for values, _ in found]).clamp(min=0)
        # rounding of a matrix product is relative to the norms; a query near a ball's border has norms like the ball's own
        tie = max(1e-12 * norms.mean().item(), torch.finfo(torch.float64).tiny)
        return cls(points=points, squared_norms=norms, squared_radii=radii, indices=torch.cat([which for _, which in found]), tie=tie)

    def threshold(self, k: int, closed: bool) -> Tensor:
        """Largest squared distance that still lies inside each ball of k neighbours, ties settled."""
        radii, sign = self.squared_radii[:, k - 1], 1 if closed else -1
        return radii * (1 + sign * 1e-9) + sign * self.tie


@dataclass(frozen=True, kw_only=True)
class Containment:
    """Which queries lie in which balls, and what deleting one example would change.

    Deleting example i removes its own ball, and every ball that counts i among its k neighbours grows to
    its (k + 1)-th. The queries between the two radii are the ball's shell.
    """

    per_query: Tensor
    """int64 (queries,): balls that hold the query."""
    per_ball: Tensor
    """int64 (balls,): queries in the ball."""
    shell_per_ball: Tensor
    """int64 (balls,): queries in the ball's shell."""
    sole_query: Tensor
    """int64 (balls,): the query in the ball, where it is the only one."""
    gained: Tensor
    """int64 (balls,): queries in no ball that come to lie in one when this example is deleted."""
    lost: Tensor
    """int64 (balls,): queries that lie in no ball any more when this example is deleted."""


def contained(queries: Manifold, balls: Manifold, kinds: Sequence[tuple[int, bool]]) -> list[Containment]:
    """Sorts queries into balls of several kinds in one pass over the distances.

    Args:
        queries: The examples that are asked about.
        balls: The examples with balls around them.
        kinds: (k, closed) of every kind of ball.
    """
    counts = [_Count(balls, k, closed) for k, closed in kinds]
    for start, squared in _blocks(queries.points, queries.squared_norms, balls.points, balls.squared_norms):
        for count in counts:
            count.add(start, squared)
    return [count.result() for count in counts]


class _Count:
    """Running counts of one kind of ball."""

    def __init__(self, balls: Manifold, k: int, closed: bool) -> None:
        self.inner, self.outer = balls.threshold(k, closed), balls.threshold(k + 1, closed)
        self.neighbours = balls.indices[:, :k]
        self.per_query: list[Tensor] = []
        zeros = torch.zeros(len(balls), dtype=torch.int64, device=balls.points.device)
        self.per_ball, self.shell, self.sole, self.gained, self.lost = (zeros.clone() for _ in range(5))

    def add(self, start: int, squared: Tensor) -> None:
        """Counts one block of queries (rows) against all balls (columns)."""
        inside = squared <= self.inner
        shell = (squared <= self.outer) & ~inside
        here = inside.sum(0)
        self.sole = torch.where(here > 0, start + inside.to(torch.uint8).argmax(0), self.sole)
        self.per_ball += here
        self.shell += shell.sum(0)
        per_query = inside.sum(1)
        self.per_query.append(per_query)
        self._add_deletions(inside[per_query <= 1], shell[per_query <= 1], per_query[per_query <= 1])

    def _add_deletions(self, inside: Tensor, shell: Tensor, per_query: Tensor) -> None:
        """What each deletion does to the queries that lie in one ball or none; no other query can be lost or gained."""
        rescued = torch.zeros_like(inside)
        row, ball = shell.nonzero(as_tuple=True)
        for neighbour in self.neighbours.T:
            rescued[row, neighbour[ball]] = True
        self.gained += rescued[per_query == 0].sum(0)
        only = inside.to(torch.uint8)[per_query == 1].argmax(1)
        gone = ~rescued[per_query == 1].gather(1, only[:, None])[:, 0]
        self.lost.index_add_(0, only, gone.to(torch.int64))

    def result(self) -> Containment:
        """The counts over all blocks."""
        return Containment(
            per_query=torch.cat(self.per_query),
            per_ball=self.per_ball,
            shell_per_ball=self.shell,
            sole_query=self.sole,
            gained=self.gained,
            lost=self.lost,
        )


def _blocks(rows: Tensor, row_norms: Tensor, columns: Tensor, column_norms: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Squared distances of a block of rows to all columns, with the first row's number."""
    for start in range(0, len(rows), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        yield start, torch.addmm(row_norms[part, None] + column_norms, rows[part], columns.T, alpha=-2)

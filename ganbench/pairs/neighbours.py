"""Which examples lie near which?

No n x m matrix is ever held whole. Two squared distances count as equal when they agree to rounding (1e-9
relative, plus the manifold's ``tie``): exact copies then behave the same whatever the block size, and open and
closed balls differ exactly where they should.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.pairs.points import BLOCK_ROWS, Points, grams, squared_distances

NEIGHBOURS = 6
"""Neighbours kept of every example: the largest k in use, and one more to see how a ball grows when an example is deleted."""
_SPARE = 2
"""Further candidates, so that rounding rarely decides who is a neighbour."""
_FEW = 32
"""Below one in so many, entries that may matter are gathered one by one instead of searching whole rows."""
_MANY = 65_536
"""Doubtful pairs of one block above which a product in float64 settles them all at once."""


@dataclass(frozen=True, kw_only=True)
class Manifold:
    """A set of examples and the balls around them (Kynkaanniemi et al. 2019, section 2)."""

    points: Points
    squared_radii: Tensor
    """float64 (n, NEIGHBOURS): squared distances to the nearest other examples, ascending; an exact copy is another example."""
    indices: Tensor
    """int64 (n, NEIGHBOURS): which examples those are."""

    def __len__(self) -> int:
        return len(self.points)

    @classmethod
    def of(cls, values: Tensor) -> "Manifold":
        """Finds the neighbours of every example (n, d) among the others.

        Raises:
            RequestError: There are too few.
        """
        points = Points.of(values, values.double().mean(0))
        nearest = Nearest(points)
        for rows, columns, gram in grams(points, points):
            nearest.add(rows, columns, gram)
        return nearest.manifold()

    @property
    def tie(self) -> float:
        """Squared distances that differ by less are equal: rounding of a product in float64, with room to spare."""
        return max(1e-12 * self.points.squared_norms.double().mean().item(), torch.finfo(torch.float64).tiny)

    def threshold(self, k: int, closed: bool) -> Tensor:
        """Largest squared distance that still lies inside each ball of k neighbours, ties settled."""
        radii, sign = self.squared_radii[:, k - 1], 1 if closed else -1
        return radii * (1 + sign * 1e-9) + sign * self.tie


class Nearest:
    """Running nearest neighbours over the blocks of a set's Gram matrix with itself.

    Args:
        points: The set.

    Raises:
        RequestError: There are too few points.
    """

    def __init__(self, points: Points) -> None:
        if len(points) <= NEIGHBOURS:
            raise RequestError(f"neighbours need at least {NEIGHBOURS + 1} examples on either side, got {len(points)}; generate more")
        self.points = points
        self.kept = min(NEIGHBOURS + _SPARE, len(points) - 1)
        self.best = torch.full((len(points), self.kept), torch.inf, dtype=points.centred.dtype, device=points.values.device)
        self.who = torch.zeros((len(points), self.kept), dtype=torch.int64, device=points.values.device)

    def add(self, rows: slice, columns: slice, gram: Tensor) -> None:
        """Takes one block, and its mirror image below the diagonal."""
        self._add(rows, columns, gram)
        if rows != columns:
            self._add(columns, rows, gram.T)

    def _add(self, rows: slice, columns: slice, gram: Tensor) -> None:
        # less the squared norm of the row, which ranks nothing
        partial = torch.sub(self.points.squared_norms[columns], gram, alpha=2)
        if rows == columns:
            partial.fill_diagonal_(torch.inf)
        row, place = nonzero(partial < self.best[rows, -1:])
        if len(row) > partial.numel() // _FEW:
            found, place = partial.topk(min(self.kept, partial.shape[1]), largest=False)
        else:
            found, place = _padded(partial, row, place)
        together = torch.cat([self.best[rows], found], 1)
        self.best[rows], chosen = together.topk(self.kept, largest=False)
        self.who[rows] = torch.cat([self.who[rows], place + columns.start], 1).gather(1, chosen)

    def manifold(self) -> Manifold:
        """The neighbours, their distances and order settled in float64."""
        n, kept = self.who.shape
        own = torch.arange(n, device=self.who.device)[:, None].expand(-1, kept)
        exact = squared_distances(self.points, self.points, own.reshape(-1), self.who.reshape(-1)).view(n, kept)
        radii, order = exact.topk(NEIGHBOURS, largest=False)
        indices = self.who.gather(1, order)
        self._settle(radii, indices)
        return Manifold(points=self.points, squared_radii=radii, indices=indices)

    def _settle(self, radii: Tensor, indices: Tensor) -> None:
        """Searches again, in float64, for the neighbours of those whose last candidate may hide a nearer one."""
        if self.points.centred.dtype == torch.float64 or self.kept == len(self.points) - 1:
            return
        norms = self.points.squared_norms.double()
        bound = self.points.error * (norms + norms.max())
        doubtful = ((self.best[:, -1].double() + norms - bound <= radii[:, -1]) & (radii[:, -1] > 0)).nonzero()[:, 0]
        if not len(doubtful):
            return
        for rows in torch.split(doubtful, BLOCK_ROWS):
            who = self._searched(rows)
            exact = squared_distances(self.points, self.points, rows.repeat_interleave(NEIGHBOURS), who.reshape(-1)).view(-1, NEIGHBOURS)
            radii[rows], order = exact.sort(1)
            indices[rows] = who.gather(1, order)

    def _searched(self, rows: Tensor) -> Tensor:
        """Nearest neighbours of some examples by products in float64: indices (rows, NEIGHBOURS)."""
        points, centre = self.points.values, self.points.centre
        queries = points[rows].double() - centre
        best = queries.new_full((len(rows), 0), torch.inf)
        who = torch.zeros((len(rows), 0), dtype=torch.int64, device=rows.device)
        for start in range(0, len(points), BLOCK_ROWS):
            others = points[start : start + BLOCK_ROWS].double() - centre
            squared = torch.addmm(others.square().sum(1), queries, others.T, alpha=-2)
            here = torch.arange(start, start + len(others), device=rows.device)
            squared[rows[:, None] == here] = torch.inf
            best, who = torch.cat([best, squared], 1), torch.cat([who, here.expand(len(rows), -1)], 1)
            best, chosen = best.topk(min(NEIGHBOURS, best.shape[1]), largest=False)
            who = who.gather(1, chosen)
        return who


def nonzero(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns where a matrix is true, rows ascending; read along memory, which a transposed matrix has the other way round."""
    if mask.stride(0) >= mask.stride(1):
        row, column = mask.nonzero(as_tuple=True)
        return row, column
    column, row = mask.T.nonzero(as_tuple=True)
    row, order = row.sort(stable=True)
    return row, column[order]


def _padded(values: Tensor, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
    """Entries of a matrix and their columns as two matrices of as many rows, filled up with infinity; ``row`` ascends."""
    counts = torch.bincount(row, minlength=len(values))
    widest = int(counts.max())
    place = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
    found = values.new_full((len(values), widest), torch.inf)
    where = torch.zeros((len(values), widest), dtype=torch.int64, device=row.device)
    found[row, place], where[row, place] = values[row, column], column
    return found, where


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


class Sorter:
    """Sorts queries into balls of several kinds, over the blocks of a Gram matrix.

    Args:
        queries: The examples that are asked about.
        balls: The examples with balls around them.
        kinds: (k, closed) of every kind of ball.
    """

    def __init__(self, queries: Points, balls: Manifold, kinds: Sequence[tuple[int, bool]]) -> None:
        self.queries, self.balls = queries, balls
        self.counts = [_Count(len(queries), balls, k, closed) for k, closed in kinds]
        self.reach = torch.stack([count.outer for count in self.counts]).amax(0)
        self.error = max(queries.error, balls.points.error)
        self.query_norms, self.ball_norms = queries.squared_norms.double(), balls.points.squared_norms.double()

    def add(self, queries: slice, balls: slice, gram: Tensor) -> None:
        """Takes one block of queries (rows) against balls (columns)."""
        shrunk = 1 - self.error
        limit = (self.reach[balls] - shrunk * self.ball_norms[balls]).to(gram.dtype)
        # rounding of the limit itself is far below the bound that shrinks the norms
        query, ball = nonzero(torch.sub((shrunk * self.query_norms[queries, None]).to(gram.dtype), gram, alpha=2) <= limit)
        norms = self.query_norms[queries][query] + self.ball_norms[balls][ball]
        squared = norms - 2 * gram[query, ball].double()
        query, ball = query + queries.start, ball + balls.start
        bound = self.error * norms
        doubtful = torch.zeros_like(query, dtype=torch.bool)
        for count in self.counts:
            for threshold in (count.inner, count.outer):
                doubtful |= (squared - threshold[ball]).abs() <= bound
        squared[doubtful] = self._precisely(queries, balls, query[doubtful], ball[doubtful])
        for count in self.counts:
            count.add(query, ball, squared)

    def _precisely(self, queries: slice, balls: slice, query: Tensor, ball: Tensor) -> Tensor:
        """Squared distances of pairs in float64."""
        if len(query) <= _MANY:
            return squared_distances(self.queries, self.balls.points, query, ball)
        left, right = (side.values[part].double() - side.centre for side, part in ((self.queries, queries), (self.balls.points, balls)))
        squared = torch.addmm(left.square().sum(1)[:, None] + right.square().sum(1), left, right.T, alpha=-2)
        return squared[query - queries.start, ball - balls.start]

    def results(self) -> list[Containment]:
        """The counts over all blocks, one for every kind of ball."""
        return [count.result() for count in self.counts]


def contained(queries: Manifold | Points, balls: Manifold, kinds: Sequence[tuple[int, bool]]) -> list[Containment]:
    """Sorts queries into balls of several kinds in one pass over all pairs.

    Args:
        queries: The examples that are asked about.
        balls: The examples with balls around them.
        kinds: (k, closed) of every kind of ball.
    """
    values = queries.points.values if isinstance(queries, Manifold) else queries.values
    points = Points.of(values, balls.points.centre)
    sorter = Sorter(points, balls, kinds)
    for rows, columns, gram in grams(points, balls.points):
        sorter.add(rows, columns, gram)
    return sorter.results()


class _Count:
    """Running counts of one kind of ball, over the pairs that lie in a ball or its shell."""

    def __init__(self, queries: int, balls: Manifold, k: int, closed: bool) -> None:
        self.inner, self.outer = balls.threshold(k, closed), balls.threshold(k + 1, closed)
        self.neighbours = balls.indices[:, :k]
        device = self.inner.device
        self.per_query = torch.zeros(queries, dtype=torch.int64, device=device)
        self.per_ball, self.shell, self.queries_in_ball = (torch.zeros(len(balls), dtype=torch.int64, device=device) for _ in range(3))
        self.inside = self.around = torch.zeros((2, 0), dtype=torch.int64, device=device)

    def add(self, query: Tensor, ball: Tensor, squared: Tensor) -> None:
        """Counts pairs."""
        inside = squared <= self.inner[ball]
        shell = (squared <= self.outer[ball]) & ~inside
        self.per_query += torch.bincount(query[inside], minlength=len(self.per_query))
        self.per_ball += torch.bincount(ball[inside], minlength=len(self.per_ball))
        self.shell += torch.bincount(ball[shell], minlength=len(self.shell))
        self.queries_in_ball.index_add_(0, ball[inside], query[inside])
        # deleting one example can only lose or gain a query that lies in one ball or none
        self.inside = self._rare(torch.cat([self.inside, torch.stack([query, ball])[:, inside]], 1))
        self.around = self._rare(torch.cat([self.around, torch.stack([query, ball])[:, shell]], 1))

    def _rare(self, pairs: Tensor) -> Tensor:
        return pairs[:, self.per_query[pairs[0]] <= 1]

    def result(self) -> Containment:
        """The counts over all blocks."""
        inside, around = self._rare(self.inside), self._rare(self.around)
        balls = len(self.per_ball)
        # (query, example) of every rescue: the example's deletion lets a ball grow over the query
        rescues = torch.unique((around[0][:, None] * balls + self.neighbours[around[1]]).reshape(-1))
        query, example = rescues // balls, rescues % balls
        gained = torch.bincount(example[self.per_query[query] == 0], minlength=balls)
        kept = torch.isin(inside[0] * balls + inside[1], rescues)
        return Containment(
            per_query=self.per_query,
            per_ball=self.per_ball,
            shell_per_ball=self.shell,
            sole_query=torch.where(self.per_ball == 1, self.queries_in_ball, 0),
            gained=gained,
            lost=torch.bincount(inside[1][~kept], minlength=balls),
        )

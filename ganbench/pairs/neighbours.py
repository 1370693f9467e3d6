"""What are the nearest neighbours of each example, and which examples lie in which balls?

No n x m matrix is held in memory. Two squared distances count as equal if they agree up to 1e-9 of themselves, whatever the
other examples are, so exact copies are treated the same at every block size, open and closed balls differ only at exact
ties, and one far example changes nothing about the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.pairs.candidates import below
from ganbench.pairs.points import Points, grams, middle, parts, squared_distances
from ganbench.pairs.sizes import sizes
from ganbench.pairs.thresholds import Pairs, threshold

NEIGHBOURS = 6
"""Neighbours kept per example: the largest k in use, plus one for the radius after a neighbour is deleted."""
_SPARE = 2
"""Additional candidates, so that rounding rarely excludes a true neighbour."""
_PAIR = (torch.int64, torch.int64, torch.float64)
"""Types of a pair's query, ball and squared distance."""
_FEW = 32
"""If fewer than one in ``_FEW`` entries of a block are candidates, they are gathered singly instead of by a top-k over whole rows."""


@dataclass(frozen=True, kw_only=True)
class Manifold:
    """A set of examples and the balls around them (Kynkaanniemi et al. 2019, section 2)."""

    points: Points
    squared_radii: Tensor
    """float64 (n, NEIGHBOURS): squared distances to the nearest other examples, ascending; an exact copy is another example."""
    indices: Tensor
    """int64 (n, NEIGHBOURS): indices of those neighbours."""

    def __len__(self) -> int:
        return len(self.points)

    @classmethod
    def of(cls, values: Tensor) -> "Manifold":
        """Finds the neighbours of every example (n, d) among the others.

        Raises:
            RequestError: There are too few examples.
        """
        points = Points.of(values, middle(values, values.mean(0, dtype=torch.float64)))
        nearest = Nearest(points)
        for rows, columns, gram in grams(points, points):
            nearest.add(rows, columns, gram)
        return nearest.manifold()

    def threshold(self, k: int, closed: bool) -> Tensor:
        """Largest squared distance inside each ball (n,) with the k-th neighbour's distance as radius, allowing for ties."""
        return threshold(self.squared_radii[:, k - 1], closed)


class Nearest:
    """Nearest neighbours within a set, updated with each block of its Gram matrix.

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
        """Adds one block and its transpose below the diagonal."""
        if rows == columns:
            self._merge(rows, columns, *self._nearest(rows, columns, gram))
            return
        for queries, others, block in ((rows, columns, gram), (columns, rows, gram.T)):
            norms = self.points.squared_norms[others]
            query, other = below(block, self.best[queries, -1], norms)
            if len(query) > gram.numel() // _FEW:
                self._merge(queries, others, *self._nearest(queries, others, block))
            elif len(query):
                self._merge(queries, others, *_padded(norms[other] - 2 * block[query, other], query, other, len(block)))

    def _nearest(self, queries: slice, others: slice, gram: Tensor) -> tuple[Tensor, Tensor]:
        """Partial distances to the nearest in a whole block (queries, kept), without the query's squared norm, and their places."""
        partial = torch.sub(self.points.squared_norms[others], gram, alpha=2)
        if queries == others:
            partial.fill_diagonal_(torch.inf)
        return partial.topk(min(self.kept, partial.shape[1]), largest=False)

    def _merge(self, queries: slice, others: slice, found: Tensor, place: Tensor) -> None:
        """Updates the nearest of some queries from partial distances (queries, found) and their places in a block of others."""
        self.best[queries], chosen = torch.cat([self.best[queries], found], 1).topk(self.kept, largest=False)
        self.who[queries] = torch.cat([self.who[queries], place + others.start], 1).gather(1, chosen)

    def manifold(self) -> Manifold:
        """The neighbours, with distances and order computed in float64."""
        n, kept = self.who.shape
        own = torch.arange(n, device=self.who.device)
        exact = squared_distances(self.points, self.points, own, self.who[:, :NEIGHBOURS])
        if kept > NEIGHBOURS:
            spare = exact.new_full((n, kept - NEIGHBOURS), torch.inf)
            close = self._doubtful(NEIGHBOURS, exact.amax(1))
            spare[close] = squared_distances(self.points, self.points, close, self.who[close, NEIGHBOURS:])
            exact = torch.cat([exact, spare], 1)
        radii, order = exact.topk(NEIGHBOURS, largest=False)
        indices = self.who.gather(1, order)
        self._settle(radii, indices)
        return Manifold(points=self.points, squared_radii=radii, indices=indices)

    def _doubtful(self, place: int, squared_radii: Tensor) -> Tensor:
        """Indices of the examples of which a candidate at a place or beyond may be nearer than a squared radius (n,)."""
        norms = self.points.squared_norms.double()
        # the squared norm of a true neighbour is at most 2 |x|^2 + 2 r^2
        bound = self.points.error * (norms + (2 * (norms + squared_radii)).clamp(max=norms.max()))
        return ((self.best[:, place].double() + norms - bound <= squared_radii) & (squared_radii > 0)).nonzero()[:, 0]

    def _settle(self, radii: Tensor, indices: Tensor) -> None:
        """Searches again in float64 for examples whose true neighbours may be missing from the candidates."""
        if self.points.centred.dtype == torch.float64 or self.kept == len(self.points) - 1:
            return
        doubtful = self._doubtful(self.kept - 1, radii[:, -1])
        for part in parts(len(doubtful), radii.device):
            rows = doubtful[part]
            who = self._searched(rows)
            radii[rows], order = squared_distances(self.points, self.points, rows, who).sort(1)
            indices[rows] = who.gather(1, order)

    def _searched(self, rows: Tensor) -> Tensor:
        """Indices (rows, NEIGHBOURS) of the nearest neighbours of some examples, from products in float64."""
        points, centre = self.points.values, self.points.centre
        queries = points[rows].double() - centre
        best = queries.new_full((len(rows), 0), torch.inf)
        who = torch.zeros((len(rows), 0), dtype=torch.int64, device=rows.device)
        for part in parts(len(points), rows.device):
            others = points[part].double() - centre
            squared = torch.addmm(others.square().sum(1), queries, others.T, alpha=-2)
            here = torch.arange(part.start, part.stop, device=rows.device)
            squared[rows[:, None] == here] = torch.inf
            best, who = torch.cat([best, squared], 1), torch.cat([who, here.expand(len(rows), -1)], 1)
            best, chosen = best.topk(min(NEIGHBOURS, best.shape[1]), largest=False)
            who = who.gather(1, chosen)
        return who


def _padded(values: Tensor, row: Tensor, column: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Some entries of a matrix (found,) and their columns, as two matrices (rows, most in a row) padded with infinity and 0."""
    row, order = row.sort()
    counts = torch.bincount(row, minlength=rows)
    place = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
    found = values.new_full((rows, int(counts.max())), torch.inf)
    where = torch.zeros(found.shape, dtype=torch.int64, device=row.device)
    found[row, place], where[row, place] = values[order], column[order]
    return found, where


@dataclass(frozen=True, kw_only=True)
class Containment:
    """Counts of queries in balls, and how they change if one example is deleted.

    Deleting example i removes its own ball, and the radius of every ball with i among its k neighbours grows to
    its (k + 1)-th neighbour. The queries between the two radii form the ball's shell.
    """

    per_query: Tensor
    """int64 (queries,): number of balls that contain the query."""
    per_ball: Tensor
    """int64 (balls,): number of queries in the ball."""
    shell_per_ball: Tensor
    """int64 (balls,): number of queries in the ball's shell."""
    sole_query: Tensor
    """int64 (balls,): index of the query in a ball with exactly one, else 0."""
    gained: Tensor
    """int64 (balls,): number of queries in no ball that lie in one if this example is deleted."""
    lost: Tensor
    """int64 (balls,): number of queries in a ball that lie in none if this example is deleted."""


class Sorter:
    """Counts queries in balls of several kinds, updated with each block of a Gram matrix.

    Args:
        queries: The examples to be counted.
        balls: The examples at the centres of the balls.
        kinds: (k, closed) for every kind of ball.
    """

    def __init__(self, queries: Points, balls: Manifold, kinds: Sequence[tuple[int, bool]]) -> None:
        self.queries, self.balls = queries, balls
        self.counts = [_Count(len(queries), balls, k, closed) for k, closed in kinds]
        self.reach = torch.stack([count.outer for count in self.counts]).amax(0)
        self.pairs = Pairs(rows=queries, columns=balls.points)
        self.query_norms, self.ball_norms = queries.squared_norms.double(), balls.points.squared_norms.double()
        # a pair is looked at unless its distance exceeds the reach by more than the bound of its error
        shrunk, dtype = 1 - self.pairs.error, torch.promote_types(queries.centred.dtype, balls.points.centred.dtype)
        self.of_queries = (-shrunk * self.query_norms).to(dtype)
        self.of_balls = (shrunk * self.ball_norms - self.reach).to(dtype)
        # filled in place, because many small tensors between large temporaries would fragment the heap
        self.waiting = [torch.empty(sizes(self.reach.device).pairs, dtype=kind, device=self.reach.device) for kind in _PAIR]
        """Queries, balls and squared distances of pairs that have not been counted yet."""
        self.waits = 0

    def add(self, queries: slice, balls: slice, gram: Tensor) -> None:
        """Adds one block of queries (rows) and balls (columns)."""
        query, ball = below(gram, self.of_queries[queries], self.of_balls[balls])
        products = gram[query, ball].double()
        query, ball = query + queries.start, ball + balls.start
        squared = self.query_norms[query] + self.ball_norms[ball] - 2 * products
        most = len(self.waiting[0])
        if self.waits + len(query) > most:
            self._count_waiting()
        if len(query) > most:
            self._count(query, ball, squared, (queries, balls))
            return
        for held, new in zip(self.waiting, (query, ball, squared), strict=True):
            held[self.waits : self.waits + len(query)] = new
        self.waits += len(query)

    def _count_waiting(self) -> None:
        query, ball, squared = (held[: self.waits] for held in self.waiting)
        self.waits = 0
        self._count(query, ball, squared, None)

    def _count(self, query: Tensor, ball: Tensor, squared: Tensor, block: tuple[slice, slice] | None) -> None:
        """Counts pairs after their distances are settled; they come from one block, if one is given."""
        limits = torch.stack([limit for count in self.counts for limit in (count.inner, count.outer)], 1)[ball]
        self.pairs.settle(squared, block, query, ball, limits)
        for count in self.counts:
            count.add(query, ball, squared)

    def results(self) -> list[Containment]:
        """The counts over all blocks, one for every kind of ball."""
        self._count_waiting()
        return [count.result() for count in self.counts]


def contained(queries: Manifold | Points, balls: Manifold, kinds: Sequence[tuple[int, bool]]) -> list[Containment]:
    """Counts queries in balls of several kinds in one pass over all pairs.

    Args:
        queries: The examples to be counted.
        balls: The examples at the centres of the balls.
        kinds: (k, closed) for every kind of ball.
    """
    values = queries.points.values if isinstance(queries, Manifold) else queries.values
    points = Points.of(values, balls.points.centre)
    sorter = Sorter(points, balls, kinds)
    for rows, columns, gram in grams(points, balls.points):
        sorter.add(rows, columns, gram)
    return sorter.results()


class _Count:
    """Counts for one kind of ball, updated with the pairs that lie in a ball or its shell."""

    def __init__(self, queries: int, balls: Manifold, k: int, closed: bool) -> None:
        self.inner, self.outer = balls.threshold(k, closed), balls.threshold(k + 1, closed)
        self.neighbours = balls.indices[:, :k]
        device = self.inner.device
        self.per_query = torch.zeros(queries, dtype=torch.int64, device=device)
        self.per_ball, self.shell, self.queries_in_ball = (torch.zeros(len(balls), dtype=torch.int64, device=device) for _ in range(3))
        self.inside = self.around = torch.zeros((2, 0), dtype=torch.int64, device=device)

    def add(self, query: Tensor, ball: Tensor, squared: Tensor) -> None:
        """Adds pairs of a query and a ball."""
        inside = squared <= self.inner[ball]
        shell = (squared <= self.outer[ball]) & ~inside
        self.per_query += torch.bincount(query[inside], minlength=len(self.per_query))
        self.per_ball += torch.bincount(ball[inside], minlength=len(self.per_ball))
        self.shell += torch.bincount(ball[shell], minlength=len(self.shell))
        self.queries_in_ball.index_add_(0, ball[inside], query[inside])
        # deleting one example can only gain or lose queries that lie in at most one ball
        self.inside = self._rare(torch.cat([self.inside, torch.stack([query, ball])[:, inside]], 1))
        self.around = self._rare(torch.cat([self.around, torch.stack([query, ball])[:, shell]], 1))

    def _rare(self, pairs: Tensor) -> Tensor:
        return pairs[:, self.per_query[pairs[0]] <= 1]

    def result(self) -> Containment:
        """The counts over all blocks."""
        inside, around = self._rare(self.inside), self._rare(self.around)
        balls = len(self.per_ball)
        # (query, example) pairs where deleting the example makes a ball grow to contain the query
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

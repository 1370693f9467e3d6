"""Which rows of a leaderboard are the best by one metric, as far as their seeds can tell?

Of the rows with a rank and a score, the leader is the one with the best mean. It is the best, and so are all rows whose 95 % interval of
the mean overlaps the leader's: between them the seeds cannot decide. A row that lost a seed (failed, diverged, interrupted, skipped, or
without the score), had one end lifeless, or has fewer than three seeds is never among them. If such a row is the leader,
nobody is the best, for what is second is not. Neither is the only row of a column, nor any row by a metric without a direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ganbench.statistics.intervals import MeanInterval
from ganbench.statistics.leaderboard import Column, Row


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best rows by one metric."""

    rows: frozenset[int] = frozenset()
    """Their places on the leaderboard."""
    unsettled: str = ""
    """Why there are none, although several rows were compared ("gan, whose mean is best, has one seed")."""


def best(rows: Sequence[Row], column: Column) -> Best:
    """The best rows of a leaderboard by one of its columns."""
    found = {place: row.scores[column.key] for place, row in enumerate(rows) if row.rank is not None and column.key in row.scores}
    if len(found) < 2 or column.higher_is_better is None:
        return Best()
    sign = -1 if column.higher_is_better else 1
    why = {place: unfit(rows[place], one) for place, one in found.items()}
    leader = min(found, key=lambda place: (sign * found[place].mean, bool(why[place])))
    if why[leader]:
        return Best(unsettled=f"{rows[leader].variant}, whose mean is best, {why[leader]}")
    return Best(rows=frozenset(place for place, one in found.items() if not why[place] and overlap(one, found[leader])))


def unfit(row: Row, score: MeanInterval) -> str:
    """Why a row cannot be the best, whatever its score; empty if it can."""
    if len(row.done) < len(row.records) or score.n < len(row.done):
        return "lost a seed"
    if row.lifeless:
        return "has lifeless seeds"
    return {1: "has one seed", 2: "has two seeds, which are too few to tell"}.get(score.n, "")


def overlap(one: MeanInterval, other: MeanInterval) -> bool:
    """Whether two intervals have a value in common.

    >>> from ganbench.statistics.intervals import mean_interval
    >>> overlap(mean_interval([1.0, 1.1, 1.2]), mean_interval([2.0, 2.1, 2.2]))
    False
    """
    ends = one.low, one.high, other.low, other.high
    return None not in ends and one.low <= other.high and other.low <= one.high  # type: ignore[operator]

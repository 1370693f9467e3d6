"""How likely is a run of one variant better than a run of another? (for every pair of rows of a leaderboard)"""

import math
from collections.abc import Sequence

from ganbench.statistics.aggregate import probability_of_improvement
from ganbench.statistics.leaderboard import Leaderboard, Row


def improvements(board: Leaderboard, rows: Sequence[Row]) -> list[list[float | None]]:
    """Share of all pairs of seeds in which a row's run is the better one of the ranking score, ties counting half.

    A run that diverged or failed is worse than any other. Agarwal et al. (2021), "Deep reinforcement learning at the edge of the
    statistical precipice", section 4.3, on one data set.

    Args:
        board: The leaderboard.
        rows: Some of its rows, each compared with each.

    Returns:
        A list for every row, with a number in [0, 1] for every other row; None for itself, without a ranking score, and where no run ended.
    """
    values = [_badness(board, row) for row in rows]
    return [
        [
            None if one is other or not mine or not theirs else probability_of_improvement([theirs], [mine])
            for other, theirs in zip(rows, values, strict=True)
        ]
        for one, mine in zip(rows, values, strict=True)
    ]


def _badness(board: Leaderboard, row: Row) -> list[float]:
    """The ranking score of every ended run, larger being worse; empty without such a score."""
    if board.primary is None:
        return []
    sign = -1.0 if board.primary.higher_is_better else 1.0
    found = []
    for record in row.records:
        if record.status in ("interrupted", "skipped"):
            continue
        value = next((score.value for score in record.scores if score.column == board.primary.key), None)
        found.append(math.inf if value is None or record.status != "done" else sign * value)
    return found

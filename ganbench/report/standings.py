"""What do leaderboards say to programs? (boards, rows and scores as plain data, for JSON)"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ganbench.plan.naming import setup
from ganbench.report.boards import tables
from ganbench.results.timing_record import TimingRecord
from ganbench.statistics.leaderboard import Leaderboard, Row

SCHEMA_VERSION = 1


def standings(boards: Sequence[Leaderboard], timings: Sequence[TimingRecord], faults: Sequence[str]) -> dict[str, Any]:
    """Leaderboards as plain data.

    Args:
        boards: The leaderboards.
        timings: Timings that are shown with them.
        faults: A line about each file that cannot be read, and about planned runs without a result.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "boards": [_plain(board) for board in boards],
        "timings": [asdict(one) for one in timings],
        "faults": list(faults),
    }


def _plain(board: Leaderboard) -> dict[str, Any]:
    return {
        "dataset": board.dataset,
        "columns": [asdict(column) for column in board.columns],
        "ranked_by": board.primary and asdict(board.primary),
        "protocol": board.protocol,
        "differs": board.differs,
        "rows": [_row(board, row) for row in board.rows],
        "notes": [note for table in tables([board]) for note in (*table.of_cells(), *table.notes)],
    }


def _row(board: Leaderboard, row: Row) -> dict[str, Any]:
    """A row as plain data; the number that ranks it is null where half of its seeds or more did not finish."""
    number = row.ranked_by
    scores = {
        "/".join(key): {"median": one.median, "mean": one.mean, "low": one.low, "high": one.high, "values": list(one.values)}
        for key, one in row.scores.items()
    }
    return {
        "rank": row.rank,
        "name": row.variant,
        "ranked_by": None if number is None or abs(number) == float("inf") else number,
        "failed": row.failed,
        "ended": len(row.done) + row.failed,
        "final_over_best": row.final_over_best,
        "setup": setup(row.records[0].spec),
        "runs": [{"run_id": record.run_id, "seed": record.spec.seed, "status": record.status} for record in row.records],
        "lifeless": {str(seed): why for seed, why in row.lifeless.items()},
        "scores": scores,
        "diagnostics": {name: one.mean for name, one in row.diagnostics.items()},
    }

"""What does ``ganbench leaderboard`` do? (it prints the tables of runs again, from their records alone)"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from ganbench.commands.output import PlainConsole, print_json
from ganbench.errors import RequestError
from ganbench.plan.naming import setup
from ganbench.report.boards import tables
from ganbench.report.speed import speed_tables
from ganbench.report.terminal import to_terminal
from ganbench.results.folders import find_records
from ganbench.results.record import Record
from ganbench.results.timing_record import TimingRecord, timings_of
from ganbench.statistics.leaderboard import Leaderboard, Row, leaderboards


def show_leaderboard(folders: Sequence[Path], as_json: bool, console: PlainConsole) -> None:
    """Prints the leaderboards of all runs in some folders, and their timings, on stdout; runs nothing and writes nothing.

    Args:
        folders: Folders given as ``--out`` of ``ganbench run``.
        as_json: Whether to print JSON.
        console: Console of messages.

    Raises:
        RequestError: A folder holds no runs, or none of them has ended.
    """
    records: dict[str, Record] = {}
    faults: list[str] = []
    timings: dict[str, TimingRecord] = {}
    for folder in folders:
        timed, broken = timings_of(folder)
        timings |= {timing.timing_id: timing for timing in timed}
        faults += broken
        if (timed or broken) and not (folder / "runs").is_dir():
            continue
        found = find_records(folder)
        faults += found.faults
        for record in (*found.records, *found.interrupted):
            if record.run_id not in records or records[record.run_id].status == "interrupted":
                records[record.run_id] = record
    if not records and not faults and not timings:
        raise RequestError(f"{', '.join(map(str, folders))}: no run has ended yet; repeat the `ganbench run`, which goes on with them")
    boards = leaderboards(records.values())
    if as_json:
        print_json(
            {
                "schema_version": 1,
                "boards": [_plain(board) for board in boards],
                "timings": [asdict(one) for one in timings.values()],
                "faults": faults,
            }
        )
    elif boards or timings:
        page = PlainConsole(stderr=False)
        page.print(to_terminal([*tables(boards), *speed_tables(list(timings.values()))], page.width, "--columns"))
    for fault in faults:
        console.say(f"left out: {fault}", "red")
    if faults:
        raise typer.Exit(1)


def _plain(board: Leaderboard) -> dict[str, Any]:
    return {
        "dataset": board.dataset,
        "columns": [asdict(column) for column in board.columns],
        "ranked_by": board.primary and asdict(board.primary),
        "rows": [_row(board, row) for row in board.rows],
        "notes": [note for table in tables([board]) for note in (*table.of_cells(), *table.notes)],
    }


def _row(board: Leaderboard, row: Row) -> dict[str, Any]:
    """A row as plain data; the number that ranks it is null where half of its seeds or more did not end."""
    number = row.ranked_by
    scores = {
        "/".join(key): {"median": one.median, "mean": one.mean, "low": one.low, "high": one.high, "values": list(one.values)}
        for key, one in row.scores.items()
    }
    return {
        "rank": row.rank,
        "name": row.variant,
        "ranked_by": None if number is None or abs(number) == float("inf") else number,
        "setup": setup(row.records[0].spec),
        "runs": [{"run_id": record.run_id, "seed": record.spec.seed, "status": record.status} for record in row.records],
        "lifeless": {str(seed): why for seed, why in row.lifeless.items()},
        "scores": scores,
        "diagnostics": {name: one.mean for name, one in row.diagnostics.items()},
    }

"""What do ``ganbench run`` and ``ganbench quickstart`` do? (they run the missing cells of a suite and print the leaderboard)"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from ganbench.commands.output import print_json
from ganbench.execution.reporter import Reporter
from ganbench.execution.worker import die_with_parent
from ganbench.matrix import Matrix, run
from ganbench.plan.runtime import Runtime, read_runtime
from ganbench.plan.spec import RunSpec, from_json
from ganbench.report.progress import MatrixProgress
from ganbench.results.folders import record_in
from ganbench.results.record import Record
from ganbench.storage import read_json


def run_suite(
    name: str,
    out: Path,
    changes: Sequence[str],
    only: Sequence[str],
    workers: int | None,
    runtime: Runtime,
    retry_failed: bool,
    as_json: bool,
    console: Console,
) -> None:
    """Runs the missing cells of a suite, then prints and writes the leaderboard."""
    shown: list[Reporter] = []

    def watch(suite: str, total: int, missing: Sequence[RunSpec], places: int) -> Reporter:
        console.print(f"{suite}: {len(missing)} of {total} runs to do, {places} at a time, in {out}", highlight=False)
        shown.append(MatrixProgress(console, missing))
        return shown[-1]

    matrix = run(name, out, settings=changes, only=only, workers=workers, runtime=runtime, retry_failed=retry_failed, watch=watch)
    if not shown and console.is_terminal:
        console.print(f"all {len(matrix.specs)} runs are there already", style="dim")
    _show(matrix, as_json, console)
    _finish(matrix, console)


def _show(matrix: Matrix, as_json: bool, console: Console) -> None:
    from ganbench.report.boards import tables
    from ganbench.report.folder import write_report
    from ganbench.report.terminal import to_terminal
    from ganbench.statistics.leaderboard import leaderboards

    found, out = matrix.records, matrix.out
    if as_json:
        print_json({"schema_version": 1, "suite": matrix.suite, "records": [asdict(record) for record in found]})
    if not found:
        return
    console.print(to_terminal(tables(leaderboards(found)), console.width), highlight=False)
    written = write_report(out, found, matrix.suite)
    console.print("wrote " + "\n      ".join(str(path) for path in [*written, out / "runs"]), highlight=False, markup=False, soft_wrap=True)


def _finish(matrix: Matrix, console: Console) -> None:
    """Prints failures grouped by reason, each with a command that reproduces it, and sets the exit code."""
    failed = [record for record in matrix.records if record.status == "failed" and record.error]
    reasons: dict[str, list[Record]] = {}
    for record in failed:
        assert record.error is not None
        reasons.setdefault(f"{record.error.type}: {record.error.message}".splitlines()[0], []).append(record)
    for reason, group in reasons.items():
        assert group[0].error is not None
        console.print(f"{len(group)} failed with {reason}", style="red", highlight=False, markup=False, soft_wrap=True)
        console.print(f"  reproduce in {matrix.out}: {group[0].error.command}", style="dim", highlight=False, markup=False, soft_wrap=True)
    if matrix.missing:
        console.print(f"{matrix.missing} died without a record; the same command goes on with them", style="red", highlight=False)
    if failed or matrix.missing:
        raise typer.Exit(1)


def run_one(path: Path, folder: Path, by_hand: Mapping[str, Any], as_json: bool, console: Console) -> None:
    """Runs one cell in this process; the only entry point of workers, for all executors.

    Args:
        path: The run's ``spec.json``; the runtime settings are in the file beside it.
        folder: Directory of the run.
        by_hand: Fields of :class:`Runtime` that the user gave.
        as_json: Whether to print the record as JSON.
        console: Console to print the outcome to.
    """
    die_with_parent()
    spec = from_json(read_json(path, "give the spec.json of a run"), str(path))
    runtime = read_runtime(path.parent, **by_hand)
    record = record_in(folder, spec)
    if record is None:
        from ganbench.pipeline.cell import run_cell

        record = run_cell(spec, folder, runtime)
    if as_json:
        print_json(asdict(record))
    what = record.error.message if record.error else record.divergence.detail if record.divergence else ""
    console.print(f"{spec.slug}: {record.status}{': ' if what else ''}{what}", highlight=False, markup=False, soft_wrap=True)
    if record.status == "failed":
        raise typer.Exit(1)

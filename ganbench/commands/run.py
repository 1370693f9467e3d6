"""What do ``ganbench run`` and ``ganbench quickstart`` do? (they run the missing cells of a suite and print the leaderboard)"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from shlex import quote
from threading import Thread
from typing import Any

import typer

from ganbench.commands.output import PlainConsole, print_json
from ganbench.errors import RequestError
from ganbench.execution.reporter import Reporter
from ganbench.execution.worker import die_with_parent
from ganbench.matrix import Matrix, run
from ganbench.plan.runtime import Runtime, read_runtime
from ganbench.plan.spec import RunSpec, from_json
from ganbench.report.progress import MatrixProgress
from ganbench.results.collection import Collection
from ganbench.results.folders import TRACEBACK, record_in, run_folder
from ganbench.results.record import Failure, Record
from ganbench.results.timing_record import timings_of
from ganbench.sinks.choosing import chosen
from ganbench.sinks.live import LiveSinks
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
    console: PlainConsole,
    log: str | None = None,
) -> None:
    """Runs the missing cells of a suite, then prints and writes the leaderboard; ``log`` names the sinks that get the events as well."""
    shown: list[Reporter] = []
    sinks = chosen(log) if log else ()

    def watch(suite: str, total: int, missing: Sequence[RunSpec], places: int) -> Reporter:
        for said in filter(None, (sink.kind.remark() for sink in sinks)):
            console.say(said, "dim")
        console.say(f"{suite}: {len(missing)} of {total} runs to do, {places} at a time, in {out}")
        Thread(target=import_module, args=("ganbench.report.folder",), daemon=True).start()  # needed at the end; a second's work
        progress = MatrixProgress(console, missing)
        shown.append(LiveSinks(progress, sinks, out, lambda line: console.say(line, "yellow")) if sinks else progress)
        return shown[-1]

    matrix = run(name, out, settings=changes, only=only, workers=workers, runtime=runtime, retry_failed=retry_failed, watch=watch)
    if not shown and console.is_terminal and len(matrix.records) == len(matrix.specs):
        console.print(f"all {len(matrix.specs)} runs are there already", style="dim")
    unwritten = _show(matrix, as_json, console)
    _finish(matrix, unwritten, console)


def _show(matrix: Matrix, as_json: bool, console: PlainConsole) -> str:
    """Prints the records and the leaderboard, and writes the report; returns why it could not be written, or nothing."""
    from ganbench.report.boards import tables
    from ganbench.report.folder import write_report
    from ganbench.report.terminal import to_terminal
    from ganbench.statistics.leaderboard import leaderboards

    found, out = [*matrix.records, *matrix.interrupted], matrix.out
    if as_json:
        print_json({"schema_version": 1, "suite": matrix.suite, "records": [asdict(record) for record in found]})
    if not matrix.records:
        return ""
    console.print(to_terminal(tables(leaderboards(found)), console.width, f"ganbench leaderboard {quote(str(out))} --columns"))
    try:
        written = write_report(out, _collection(matrix), matrix.suite)
    except OSError as error:
        return str(error)
    page, *others = written
    kinds = list(dict.fromkeys("figures/" if path.parent.name == "figures" else path.name for path in others))
    console.say(f"report: {page}")
    console.say(f"beside it: {', '.join([*kinds, 'runs/'])}", "dim")
    return ""


def _collection(matrix: Matrix) -> Collection:
    """What the report of a matrix is about."""
    folders = {record.run_id: run_folder(matrix.out, record.spec) for record in matrix.records}
    timings, broken = timings_of(matrix.out)
    return Collection(
        records=tuple(matrix.records),
        interrupted=tuple(matrix.interrupted),
        folders=folders,
        files={run: folder / "record.json" for run, folder in folders.items()},
        timings=tuple(timings),
        faults=(*matrix.faults, *broken),
        sources=(matrix.out,),
    )


def _finish(matrix: Matrix, unwritten: str, console: PlainConsole) -> None:
    """Prints what is not done, grouped by reason and with the next command, and sets the exit code."""
    failed = [record for record in matrix.records if record.status == "failed" and record.error]
    reasons: dict[str, list[Record]] = {}
    for record in failed:
        assert record.error is not None
        reasons.setdefault(_failed(record.error), []).append(record)
    for reason, group in reasons.items():
        assert group[0].error is not None
        console.say(f"{len(group)} failed with {reason}", "red")
        whole = run_folder(matrix.out, group[0].spec) / TRACEBACK
        if whole.exists():
            console.say(f"  traceback: {whole}", "dim")
        console.say(f"  reproduce in {matrix.out}: {group[0].error.command}", "dim")
    stopped: dict[str, int] = {}
    for record in matrix.interrupted:
        stopped[record.reason] = stopped.get(record.reason, 0) + 1
    for reason, n in stopped.items():
        said = f"{n} interrupted: {reason}; the same command goes on with {'it' if n == 1 else 'them'}"
        console.say(said, "red")
    for fault in matrix.faults:
        console.say(f"left out: {fault}", "red")
    for slug, who in matrix.elsewhere.items():
        console.say(f"{slug}: {who} is at it", "yellow")
    if matrix.elsewhere:
        console.say("the same command, repeated when these have ended, shows all runs", "dim")
    if unwritten:
        said = f"tables and figures were not written: {unwritten}; mend that, and the same command writes them"
        console.say(said, "red")
    if failed or stopped or matrix.faults or unwritten:
        raise typer.Exit(1)


def _failed(error: Failure) -> str:
    """An error on one line, with its place in the method's file."""
    message = f"{error.type}: {error.message}".splitlines()[0]
    return f"{message} ({error.where})" if error.where else message


def _spec(path: Path, trust: bool) -> RunSpec:
    """The run of a spec or of a record, which others may have made: a method of theirs runs only if that was allowed."""
    data = read_json(path, "give the spec.json of a run, or its record")
    if "run_id" not in data or not isinstance(data.get("spec"), dict):
        return from_json(data, str(path))
    spec = from_json(data["spec"], str(path))
    if spec.variant.path and not trust:
        raise RequestError(
            f"{path}: a record whose method is the Python file {spec.variant.path}, of which nothing has run; "
            "if you trust whoever made both, add --trust"
        )
    return spec


def run_one(path: Path, folder: Path, by_hand: Mapping[str, Any], trust: bool, as_json: bool, console: PlainConsole) -> None:
    """Runs one cell in this process; the only entry point of workers, for all executors.

    Args:
        path: The run's ``spec.json``, with the runtime settings in the file beside it, or a record, whose run is repeated.
        folder: Directory of the run.
        by_hand: Fields of :class:`Runtime` that the user gave.
        trust: Whether the method of a record may be a Python file, which runs.
        as_json: Whether to print the record as JSON.
        console: PlainConsole to print the outcome to.
    """
    die_with_parent()
    spec = _spec(path, trust)
    runtime = read_runtime(path.parent, **by_hand)
    record = record_in(folder, spec)
    if record is None:
        from ganbench.pipeline.cell import run_cell

        record = run_cell(spec, folder, runtime)
    if as_json:
        print_json(asdict(record))
    what = _failed(record.error) if record.error else record.divergence.detail if record.divergence else ""
    console.say(f"{spec.slug}: {record.status}{': ' if what else ''}{what}")
    if record.status == "failed":
        raise typer.Exit(1)

"""What do ``ganbench run`` and ``ganbench quickstart`` do?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from ganbench.commands.output import print_json
from ganbench.errors import RequestError
from ganbench.plan.spec import RunSpec, from_json, run_id
from ganbench.plan.suite import load_suite
from ganbench.results.folders import check_owner, finished, run_folder, write_manifest
from ganbench.results.record import Record
from ganbench.writing import writable_folder


def run_suite(
    name: str,
    out: Path,
    settings: Sequence[str],
    only: Sequence[str],
    workers: int | None,
    runtime: Mapping[str, Any],
    retry_failed: bool,
    as_json: bool,
    console: Console,
) -> None:
    """Runs what is missing of a suite, then writes and prints the leaderboard."""
    suite, specs = load_suite(name, settings, only)
    done = {run_id(spec): record for spec in specs if (record := finished(out, spec)) and not (retry_failed and record.status == "failed")}
    missing = [spec for spec in specs if run_id(spec) not in done]
    if missing:
        done |= _run_missing(suite.name, specs, missing, out, workers, runtime, console)
    elif console.is_terminal:
        console.print(f"all {len(specs)} runs are there already", style="dim")
    found = [done[run_id(spec)] for spec in specs if run_id(spec) in done]
    _show(suite.name, found, out, as_json, console)
    _finish(specs, found, out, console)


def _run_missing(
    suite: str,
    specs: Sequence[RunSpec],
    missing: Sequence[RunSpec],
    out: Path,
    workers: int | None,
    runtime: Mapping[str, Any],
    console: Console,
) -> dict[str, Record]:
    """Checks everything, then runs the missing cells."""
    from ganbench.environment import Runtime, chosen_device, slots, worker_arguments
    from ganbench.execution.local import run_matrix
    from ganbench.pipeline.cell import check
    from ganbench.report.progress import MatrixProgress

    options = Runtime(**runtime)
    chosen_device(options)
    for spec in {run_id(replace(spec, seed=0)): spec for spec in missing}.values():  # seeds differ in nothing that can be checked
        check(spec, options)
    for spec in missing:
        check_owner(run_folder(out, spec), spec)
    writable_folder(out / "runs")
    write_manifest(out, suite, specs)
    for spec in missing:
        (run_folder(out, spec) / "record.json").unlink(missing_ok=True)  # only --retry-failed leaves one here
    places = slots(options, workers, len(missing))
    console.print(f"{suite}: {len(missing)} of {len(specs)} runs to do, {len(places)} at a time, in {out}", highlight=False)
    with MatrixProgress(console, missing) as progress:
        results = run_matrix(missing, out, arguments=worker_arguments(options), slots=places, reporter=progress)
    return {record.run_id: record for _, record in results if record}


def _show(suite: str, found: Sequence[Record], out: Path, as_json: bool, console: Console) -> None:
    from ganbench.report.leaderboard import write_report
    from ganbench.report.tables import to_terminal
    from ganbench.statistics.leaderboard import leaderboards

    if as_json:
        print_json({"schema_version": 1, "suite": suite, "records": [json.loads(json.dumps(asdict(record))) for record in found]})
    if not found:
        return
    for board in leaderboards(found):
        console.print(to_terminal(board, console.width), highlight=False)
    written = write_report(out, found, suite)
    console.print("wrote " + "\n      ".join(str(path) for path in [*written, out / "runs"]), highlight=False, markup=False, soft_wrap=True)


def _finish(specs: Sequence[RunSpec], found: Sequence[Record], out: Path, console: Console) -> None:
    """Groups failures by reason, says how to reproduce one of each, and ends with the exit code."""
    failed = [record for record in found if record.status == "failed" and record.error]
    reasons: dict[str, list[Record]] = {}
    for record in failed:
        assert record.error is not None
        reasons.setdefault(f"{record.error.type}: {record.error.message}".splitlines()[0], []).append(record)
    for reason, group in reasons.items():
        assert group[0].error is not None
        console.print(f"{len(group)} failed with {reason}", style="red", highlight=False, markup=False, soft_wrap=True)
        console.print(f"  reproduce in {out}: {group[0].error.command}", style="dim", highlight=False, markup=False, soft_wrap=True)
    died = len(specs) - len(found)
    if died:
        console.print(f"{died} died without a record; the same command goes on with them", style="red", highlight=False)
    if failed or died:
        raise typer.Exit(1)


def run_one(path: Path, folder: Path, runtime: Mapping[str, Any], as_json: bool, console: Console) -> None:
    """Runs one cell in this process: the only worker entry, whatever the executor."""
    from ganbench.execution.local import die_with_parent

    die_with_parent()
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror}); give the spec.json of a run") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{path}: not valid JSON ({error}); give the spec.json of a run") from None
    if not isinstance(fields, dict):
        raise RequestError(f"{path}: holds no run spec; give the spec.json of a run")
    spec = from_json(fields, str(path))
    from ganbench.environment import Runtime
    from ganbench.pipeline.cell import run_cell
    from ganbench.results.record import read_record

    if (folder / "record.json").exists():
        record = read_record(folder / "record.json")
        if record.run_id != run_id(spec):
            raise RequestError(f"{folder}: belongs to another run ({record.spec.slug}); name another folder with --out")
    else:
        record = run_cell(spec, folder, Runtime(**runtime))
    if as_json:
        print_json(json.loads(json.dumps(asdict(record))))
    what = record.error.message if record.error else record.divergence.detail if record.divergence else ""
    console.print(f"{spec.slug}: {record.status}{': ' if what else ''}{what}", highlight=False, markup=False, soft_wrap=True)
    if record.status == "failed":
        raise typer.Exit(1)

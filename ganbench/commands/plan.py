"""What does ``ganbench plan`` do? (it changes nothing, and avoids importing torch)"""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from rich import box
from rich.table import Table

from ganbench.commands.output import PlainConsole, print_json
from ganbench.data.loading import outlined
from ganbench.data.root import data_root
from ganbench.errors import RequestError
from ganbench.plan.naming import names
from ganbench.plan.requests import may_not_fit
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec, run_id
from ganbench.plan.suite import load_suite
from ganbench.plan.variant_config import class_target
from ganbench.plan.variant_source import may_refuse
from ganbench.registry import DATASETS, SUITES
from ganbench.results.folders import find_records, finished, holder, interruption, run_folder
from ganbench.results.record import Record


def show_plan(name: str, out: Path, settings: Sequence[str], only: Sequence[str], as_json: bool, console: PlainConsole) -> None:
    """Prints the runs of a suite, their states and their expected costs; changes nothing."""
    suite, specs = load_suite(name, settings, only)
    known, faults = _past(out)
    notes = _check(specs, {record.run_id for record in known}, vetted=name in SUITES.targets and not settings)
    rows = [{**_planned(spec, out, known), "name": name} for spec, name in zip(specs, names(specs), strict=True)]
    if as_json:
        print_json({"schema_version": 1, "suite": suite.name, "notes": notes, "cells": rows, "faults": faults})
        return
    table = Table(
        title=f"{suite.name}: {len(specs)} runs in {out}", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for head in ("run", "variant", "dataset", "seed", "images", "state", "time", "memory", "disk"):
        table.add_column(head, justify="left" if head in ("run", "variant", "dataset", "state") else "right", no_wrap=head != "variant")
    for row in rows:
        table.add_row(
            row["run_id"][:8], row["name"], row["dataset"], str(row["seed"]), f"{row['budget_images']:,}", row["state"],
            _span(row["expected_s"]), _mebibytes(row["expected_memory_bytes"]), _mebibytes(row["expected_disk_bytes"]),
        )  # fmt: skip
    console.print(table)
    for note in notes:
        console.say(f"note: {note}", "yellow")
    for row in rows:
        if row["reason"]:
            said = f"{row['run_id'][:8]} {row['name']}, seed {row['seed']}: {row['state']}, {row['reason']}"
            console.say(said, "yellow")
    for fault in faults:
        console.say(f"left out: {fault}", "red")
    to_do = [row for row in rows if row["state"] in ("new", "continues", "interrupted")]
    unknown = sum(row["expected_s"] is None for row in to_do)
    total = sum(row["expected_s"] or 0 for row in to_do)
    line = f"{len(to_do)} of {len(rows)} to run"
    if to_do:
        line += f"; {_span(total)} of training one after another" if unknown < len(to_do) else ""
        line += f"; no record in {out} tells the time of {unknown}" if unknown else ""
    console.say(line)
    request = [word for flag, words in (("--set", settings), ("--only", only)) for given in words for word in (flag, given)]
    console.say(f"next: ganbench run {shlex.join([name, '--out', str(out), *request])}", "dim")


def _check(specs: Sequence[RunSpec], done: set[str], vetted: bool) -> list[str]:
    """Checks data and methods as at the start of a run, where that might refuse them; only then is torch imported.

    A user's own data may lack what a method needs. Of them only headers and labels are read, which takes little time.

    Args:
        specs: The planned runs.
        done: Ids of runs that have records, and could start therefore.
        vetted: Whether all methods are known to support their data, as in registered suites.

    Returns:
        What happens to the images of the user's own data sets, and what could not be checked.
    """
    own = {spec.dataset: outlined(spec.dataset) for spec in specs if spec.dataset.path is not None}
    notes = [f"{dataset.name}: {note}" for dataset in own.values() for note in dataset.notes]
    asked = [spec for spec in specs if run_id(spec) not in done and (spec.dataset in own or may_not_fit(spec.evaluation) or
             (not vetted and (spec.training.batch_size == 1 or may_refuse(class_target(spec.variant)))))]  # fmt: skip
    for spec in {run_id(replace(spec, seed=0)): spec for spec in asked}.values():
        if spec.dataset not in own and (away := _away(spec.dataset.name)):
            notes.append(f"{spec.dataset.name}: {away}, so that `run` has yet to check whether its methods and metrics fit")
            continue
        from ganbench.pipeline.check import check_on, real_data

        check_on(spec, own[spec.dataset] if spec.dataset in own else real_data(spec, Runtime()))
    return list(dict.fromkeys(notes))


def _away(dataset: str) -> str:
    """Why a registered data set cannot be read here without a download; empty if it can."""
    files: tuple[str, ...] = getattr(DATASETS.load(dataset), "files", ())
    root = data_root()
    return f"{root / files[0]} is not there" if files and not any((root / file).exists() for file in files) else ""


def _past(out: Path) -> tuple[Sequence[Record], Sequence[str]]:
    """The records in an output folder, and a line about each that cannot be read."""
    if not (out / "runs").is_dir():
        return [], []
    found = find_records(out)
    return found.records, found.faults


def _state(spec: RunSpec, out: Path) -> tuple[str, str]:
    """The state of a run, and its reason where it has one."""
    folder = run_folder(out, spec)
    try:
        record = finished(out, spec)
    except RequestError:
        return "damaged", ""  # the faults say what is wrong
    if record:
        return record.status, ""
    if who := holder(folder):
        return "running", f"{who} is at it"
    if stopped := interruption(folder, spec):
        return "interrupted", stopped.reason
    return "continues" if any((folder / "checkpoints").glob("[0-9]*")) else "new", ""


def _planned(spec: RunSpec, out: Path, known: Sequence[Record]) -> dict[str, Any]:
    """One row of a plan; expected costs come from records of the same variant and configuration on the same data."""
    alike = [
        r
        for r in known
        if (r.spec.variant, r.spec.dataset, r.spec.training) == (spec.variant, spec.dataset, spec.training) and r.timing and r.images_seen
    ]
    folder = run_folder(out, spec)
    state, reason = _state(spec, out)
    seconds = [spec.budget_images * (r.timing.training_s + r.timing.evaluation_s) / r.images_seen for r in alike if r.timing]
    memory = [r.timing.peak_memory_bytes for r in alike if r.timing]
    sizes = [sum(file.stat().st_size for file in run_folder(out, r.spec).rglob("*") if file.is_file()) for r in alike]
    return {
        "run_id": run_id(spec),
        "variant": spec.variant.name,
        "dataset": spec.dataset.name,
        "seed": spec.seed,
        "budget_images": spec.budget_images,
        "state": state,
        "reason": reason,
        "expected_s": median(seconds) if seconds else None,
        "expected_memory_bytes": max(memory, default=None),
        "expected_disk_bytes": max(sizes, default=None),
        "folder": str(folder),
    }


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "—"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _mebibytes(size: int | None) -> str:
    return "—" if size is None else f"{size / 2**20:,.0f} MiB"

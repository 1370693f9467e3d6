"""Where are the results of a matrix stored?

::

    OUT/manifest.json            every cell of every suite run here, written before the first run starts
    OUT/runs/<slug>/             one run: spec.json, events.jsonl, checkpoints/, samples/, record.json
    OUT/leaderboard.md, .csv     tables made from the records
    OUT/figures/
"""

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError
from ganbench.plan.runtime import Runtime, write_runtime
from ganbench.plan.spec import RunSpec, from_json, run_id, to_json
from ganbench.results.provenance import host_hash
from ganbench.results.record import Record, read_record
from ganbench.storage import read_json, writable_folder, write_json

MANIFEST_VERSION = 1


def run_folder(out: Path, spec: RunSpec) -> Path:
    """The directory of a run of a matrix."""
    return out / "runs" / spec.slug


def check_owner(folder: Path, spec: RunSpec) -> None:
    """Checks that a run directory belongs to this spec, or is empty or missing.

    Raises:
        RequestError: It belongs to another spec, or contains other files.
    """
    path = folder / "spec.json"
    if path.exists():
        owner = from_json(read_json(path), str(path))
        if run_id(owner) != run_id(spec):
            raise RequestError(f"{folder}: belongs to another run ({owner.slug}); name another folder with --out")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(f"{folder}: is not empty and holds no run; name another folder with --out")


def claim(folder: Path, spec: RunSpec, runtime: Runtime) -> None:
    """Creates a run directory for a spec, with the spec and the runtime settings.

    Raises:
        RequestError: It belongs to another spec, contains other files, or cannot be written to.
    """
    check_owner(folder, spec)
    write_json(writable_folder(folder) / "spec.json", to_json(spec))
    write_runtime(folder, runtime)


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Holds the ``running`` marker within the block: a lock that the operating system releases if the process dies.

    Raises:
        RequestError: Another process is working on this run.
    """
    marker = folder / "running"
    with marker.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise RequestError(
                f"{folder}: another process is working on this run ({handle.read().strip()}); wait for it, or stop it"
            ) from None
        if not marker.exists() or not os.path.samestat(os.fstat(handle.fileno()), marker.stat()):
            # its last holder removed the file after it was opened here, so that the lock is on a deleted file
            raise RequestError(f"{folder}: another process has just ended here; repeat the command")
        handle.truncate(0)
        handle.write(json.dumps({"pid": os.getpid(), "host": host_hash()}))
        handle.flush()
        try:
            yield
        finally:
            marker.unlink(missing_ok=True)


def heartbeat(folder: Path) -> None:
    """Sets the time of the marker's file to now, which shows that its holder is alive."""
    os.utime(folder / "running", (now := time.time(), now))


def write_manifest(out: Path, suite: str, specs: Iterable[RunSpec]) -> None:
    """Writes the list of cells before they run; cells of earlier suites in the same folder are kept."""
    path = out / "manifest.json"
    cells: dict[str, Any] = read_json(path).get("cells", {}) if path.exists() else {}
    for spec in specs:
        cells[run_id(spec)] = {"suite": suite, "folder": f"runs/{spec.slug}", "spec": to_json(spec)}
    write_json(path, {"manifest_version": MANIFEST_VERSION, "cells": cells})


def finished(out: Path, spec: RunSpec) -> Record | None:
    """The record of a run of a matrix, or None if the run has not ended.

    Raises:
        RequestError: The record in the run's folder belongs to another run.
    """
    return record_in(run_folder(out, spec), spec)


def record_in(folder: Path, spec: RunSpec) -> Record | None:
    """The record in a run's folder, or None if the run has not ended.

    Raises:
        RequestError: The record belongs to another run.
    """
    path = folder / "record.json"
    if not path.exists():
        return None
    record = read_record(path)
    if record.run_id != run_id(spec):
        raise RequestError(f"{path}: belongs to run {record.run_id}, not {run_id(spec)}; name another folder with --out")
    return record


def read_records(out: Path) -> list[Record]:
    """All records in an output folder of ``ganbench run``, in the order of the run folders.

    Raises:
        RequestError: The folder contains no runs.
    """
    if not (out / "runs").is_dir():
        raise RequestError(f"{out}: holds no runs; it is the --out of a `ganbench run` that is wanted here")
    return [read_record(path) for path in sorted((out / "runs").glob("*/record.json"))]

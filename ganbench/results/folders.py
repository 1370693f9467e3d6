"""Where are the results of a matrix stored?

::

    OUT/manifest.json            every cell of every suite run here, written before the first run starts
    OUT/runs/<slug>/             one run: spec.json, events.jsonl, checkpoints/, samples/, record.json; traceback.txt if it failed
    OUT/leaderboard.md, .tex, .csv  tables made from the records
    OUT/figures/
"""

import fcntl
import json
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from ganbench.errors import RequestError
from ganbench.plan.runtime import Runtime, write_runtime
from ganbench.plan.spec import RunSpec, from_json, read_spec, run_id, to_json
from ganbench.results.assembly import unfinished
from ganbench.results.events import EventLog
from ganbench.results.provenance import host_hash
from ganbench.results.reading import read_all, told_again
from ganbench.results.record import Record, read_record
from ganbench.storage import AGAIN, read_json, writable_folder, write_json

MANIFEST_VERSION = 1
TRACEBACK = "traceback.txt"
"""File of a failed run with the whole traceback."""
LOCK_S = 0.5
"""How long the lock of a run that another process holds is tried."""


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
    with _locked(marker) as handle:
        handle.truncate(0)
        handle.write(json.dumps({"pid": os.getpid(), "host": host_hash()}))
        handle.flush()
        try:
            yield
        finally:
            marker.unlink(missing_ok=True)


def _locked(marker: Path) -> TextIO:
    """Opens and locks the marker; waits a little, since :func:`holder` takes the lock for a moment."""
    end = time.monotonic() + LOCK_S
    while True:
        handle = marker.open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holding = handle.read().strip()
            handle.close()
            if time.monotonic() > end:
                raise RequestError(
                    f"{marker.parent}: another process is working on this run ({holding}); wait for it, or stop it"
                ) from None
            time.sleep(LOCK_S / 20)
            continue
        if marker.exists() and os.path.samestat(os.fstat(handle.fileno()), marker.stat()):
            return handle
        handle.close()  # its last holder removed the file after it was opened here: the lock is on a deleted file


def holder(folder: Path) -> str | None:
    """The process that works on a run, in words; None if there is none."""
    try:
        with (folder / "running").open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except BlockingIOError:
        try:
            said = read_json(folder / "running")
        except RequestError:
            return "another process"  # which has just begun
        return f"process {said.get('pid')}" + ("" if said.get("host") == host_hash() else " on another host")
    return None


def heartbeat(folder: Path) -> None:
    """Sets the time of the marker's file to now, which shows that its holder is alive."""
    os.utime(folder / "running", (now := time.time(), now))


def write_manifest(out: Path, suite: str, specs: Iterable[RunSpec]) -> None:
    """Writes the list of cells before they run; cells of earlier suites in the same folder are kept."""
    path = out / "manifest.json"
    cells: Any = read_json(path).get("cells", {}) if path.exists() else {}
    if not isinstance(cells, dict):
        raise RequestError(f"{path}: damaged, its cells are no JSON object; {AGAIN}")
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


def interruption(folder: Path, spec: RunSpec, reason: str = "") -> Record | None:
    """What a run measured until a fault of the machine interrupted it, and the reason; None if it was not interrupted.

    Args:
        folder: The run's folder, which has no ``record.json``.
        spec: The run.
        reason: Why it was interrupted, if the caller knows.
    """
    log = EventLog(folder / "events.jsonl")
    try:
        return unfinished(spec, log.scan()[0], str(log.path), reason)
    except RequestError:
        return unfinished(spec, [], str(log.path), reason)  # events that the next attempt will find damaged


@dataclass(frozen=True, kw_only=True)
class Found:
    """The results in an output folder of ``ganbench run``, in the order of the run folders."""

    records: tuple[Record, ...]
    """Every run that has ended, once, however often its folder was copied."""
    interrupted: tuple[Record, ...]
    """Runs that a fault of the machine interrupted; they have no record on the disk."""
    faults: tuple[str, ...]
    """A line about each record that cannot be read."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """By ``run_id``, the folder of every run."""
    repeated: tuple[str, ...] = ()
    """A line about each record of a run that was found twice, and is left out."""


def find_records(out: Path) -> Found:
    """Reads everything in an output folder of ``ganbench run`` that can be read.

    Raises:
        RequestError: The folder contains no runs.
    """
    if not (out / "runs").is_dir():
        raise RequestError(f"{out}: holds no runs; it is the --out of a `ganbench run` that is wanted here")
    folders = sorted(path for path in (out / "runs").iterdir() if path.is_dir())
    records: dict[str, tuple[Path, Record]] = {}
    faults, repeated = [], []
    for file, found in read_all([folder / "record.json" for folder in folders if (folder / "record.json").exists()]):
        if isinstance(found, str):
            faults.append(found)
            continue
        known = records.get(found.run_id)
        if known is None:
            records[found.run_id] = file.parent, found
        elif file.parent.name == found.spec.slug:  # a copy has another name
            repeated.append(told_again(known[1], f"{known[0]}/record.json", found, str(file)))
            records[found.run_id] = file.parent, found
        else:
            repeated.append(told_again(found, str(file), known[1], f"{known[0]}/record.json"))
    stopped: dict[str, tuple[Path, Record]] = {}
    for folder in folders:
        if not (folder / "record.json").exists() and (folder / "events.jsonl").exists():
            try:
                if one := interruption(folder, read_spec(folder)):
                    stopped.setdefault(one.run_id, (folder, one))
            except RequestError as error:
                faults.append(str(error))
    ended = sorted(records.values(), key=lambda found: found[0])
    return Found(
        records=tuple(record for _, record in ended),
        interrupted=tuple(record for run, (_, record) in stopped.items() if run not in records),
        faults=tuple(faults),
        folders={record.run_id: folder for folder, record in (*stopped.values(), *ended)},
        repeated=tuple(repeated),
    )


def read_records(out: Path) -> list[Record]:
    """All records in an output folder of ``ganbench run``, in the order of the run folders.

    Warns:
        UserWarning: A record cannot be read, and is left out.

    Raises:
        RequestError: The folder contains no runs.
    """
    found = find_records(out)
    for fault in found.faults:
        warnings.warn(f"left out {fault}", stacklevel=2)
    return list(found.records)

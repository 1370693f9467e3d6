"""Which results do several folders and files hold together?

Records may come from other people: every one is validated, a fault is a line about one file, and the rest stands.
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ganbench.errors import RequestError
from ganbench.plan.spec import RunSpec
from ganbench.results.folders import Found, find_records
from ganbench.results.reading import read_all, told_again
from ganbench.results.record import Record
from ganbench.results.timing_record import TimingRecord, timings_of
from ganbench.storage import read_json
from ganbench.text import file_name

RECORDS = "records"
"""Folder of record files, one a run, in a leaderboard's repository and in a written report."""
OTHERS = (
    *("manifest.json", "leaderboard.json", "latents.json", "diagnosis.json", "package.json", "verdicts.json"),
    *("site.json", "release.json"),
)
"""JSON files that stand in folders of results and are no records."""


def stem(spec: RunSpec) -> str:
    """Name of a run's record among others, without the ending: its slug, in letters of file names, and always with the start of its id."""
    name, _, start = spec.slug.rpartition("-")
    return f"{file_name(name)}-{start}"


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Records from anywhere, each run once."""

    records: tuple[Record, ...]
    """In the order in which they were found."""
    interrupted: tuple[Record, ...] = ()
    """Runs that a fault of the machine interrupted."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """By ``run_id``, the folder of the run with its events, samples and gallery; a record alone has none."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """By ``run_id``, the file that the record was read from."""
    timings: tuple[TimingRecord, ...] = ()
    faults: tuple[str, ...] = ()
    """A line about each file that cannot be read."""
    repeated: tuple[str, ...] = ()
    """A line about each run that was found twice: what was left out of it."""
    missing: tuple[str, ...] = ()
    """A line about each folder of a matrix that has planned runs without a result."""
    sources: tuple[Path, ...] = ()
    """The folders in which it was found, as they were given; the lines begin with them."""

    @property
    def all(self) -> tuple[Record, ...]:
        """Ended and interrupted runs."""
        return (*self.records, *self.interrupted)

    def published(self, line: str) -> str:
        """A line about a file as strangers may read it: of absolute paths without the folders of this machine that lead to the sources."""
        for folder, name in self._names.items():
            line = re.sub(rf"(?<![^\s\"'(:,=]){re.escape(folder)}(?![^/:,\s\"')])", name.replace("\\", r"\\"), line)
        return line

    @cached_property
    def _names(self) -> dict[str, str]:
        """Of absolute folders, the longest first, their last parts, as many as tell them apart."""
        absolute = [source for source in self.sources if source.is_absolute() and len(source.parts) > 1]
        folders = sorted(dict.fromkeys(absolute), key=lambda one: -len(one.parts))
        for kept in range(1, len(folders[0].parts) if folders else 1):
            names = {str(folder): "/".join(folder.parts[1:][-kept:]) for folder in folders}
            if len(set(names.values())) == len(names):
                return names
        return {}


def listed(results: str | Path | Sequence[str | Path]) -> list[Path]:
    """One or several paths, as a list."""
    return [Path(results)] if isinstance(results, str | Path) else [Path(one) for one in results]


def collect(paths: Sequence[Path]) -> Collection:
    """Reads everything that can be read.

    Args:
        paths: Each an output folder of ``ganbench run`` or ``bench``, the folder of one run, a folder of record files (also in a
            ``records`` folder within it), one record file, or one of timings.

    Raises:
        RequestError: A path does not exist, or holds no results of any kind.
    """
    kept: dict[str, tuple[Record, str]] = {}
    stopped: dict[str, Record] = {}
    timings: dict[str, TimingRecord] = {}
    faults: list[str] = []
    repeated: list[str] = []
    missing: list[str] = []
    folders: dict[str, Path] = {}
    for path in paths:
        timed, broken = timings_of(path)
        timings |= {timing.timing_id: timing for timing in timed}
        faults += broken
        for found, places in _found(path, bool(timed or broken)):
            faults += found.faults
            repeated += found.repeated
            for record in found.records:
                place = places[record.run_id]
                if record.run_id not in kept:
                    kept[record.run_id] = record, place
                elif place != kept[record.run_id][1]:
                    repeated.append(told_again(record, place, *kept[record.run_id]))
            stopped = {record.run_id: record for record in found.interrupted} | stopped
            folders = {**found.folders, **folders}
        missing += _missing(path, {*kept, *stopped})
    return Collection(
        records=tuple(record for record, _ in kept.values()),
        interrupted=tuple(record for run, record in stopped.items() if run not in kept),
        folders=folders,
        files={run: Path(place) for run, (_, place) in kept.items()},
        timings=tuple(timings.values()),
        faults=tuple(faults),
        repeated=tuple(repeated),
        missing=tuple(missing),
        sources=_folders(paths),
    )


def collect_files(files: Sequence[Path]) -> Collection:
    """Reads record files alone, without what may lie beside them."""
    found, places = _read(files)
    return Collection(
        records=found.records,
        files={run: Path(place) for run, place in places.items()},
        faults=found.faults,
        repeated=found.repeated,
        sources=_folders(files),
    )


def _folders(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The paths, with the folders of those that are files, each once."""
    return tuple(dict.fromkeys(path.parent if path.is_file() else path for path in paths))


def _missing(path: Path, known: Container[str]) -> list[str]:
    """How many planned runs of a matrix have no result, in a line."""
    try:
        cells = read_json(path / "manifest.json").get("cells") if (path / "manifest.json").is_file() else {}
    except RequestError as error:
        return [str(error)]
    if not isinstance(cells, dict):
        return []
    without = [run for run in cells if run not in known]
    said = f"{path}: {len(without)} of {len(cells)} planned runs have no result yet; the same `ganbench run` goes on with them"
    return [said] if without else []


def _found(path: Path, timed: bool) -> list[tuple[Found, dict[str, str]]]:
    """The results at one path, and the file of every record; those of runs come first."""
    if (path / "runs").is_dir():
        found = find_records(path)
        of_runs = found, {record.run_id: str(found.folders[record.run_id] / "record.json") for record in found.records}
        beside = _record_files(path / RECORDS) if (path / RECORDS).is_dir() else []
        return [of_runs, *([_read(beside)] if beside else [])]
    files = [] if timed and path.is_file() else _record_files(path)
    if not files and not timed:
        raise RequestError(
            f"{path}: holds no results; give the --out of a `ganbench run`, the folder of a run, record files or a folder of them"
        )
    return [_read(files)]


def _read(files: Sequence[Path]) -> tuple[Found, dict[str, str]]:
    """The records of some files, and the file of every record."""
    records: dict[str, Record] = {}
    places: dict[str, str] = {}
    faults, repeated = [], []
    for file, one in read_all(files):
        if isinstance(one, str):
            faults.append(one)
        elif one.run_id in records:
            repeated.append(told_again(one, str(file), records[one.run_id], places[one.run_id]))
        else:
            records[one.run_id], places[one.run_id] = one, str(file)
    of_runs = {run: Path(file).parent for run, file in places.items() if Path(file).name == "record.json"}
    return Found(records=tuple(records.values()), interrupted=(), faults=tuple(faults), folders=of_runs, repeated=tuple(repeated)), places


def _record_files(path: Path) -> list[Path]:
    """The record files at a path, sorted.

    Raises:
        RequestError: The path does not exist.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise RequestError(f"{path}: there is no such folder or file; give the --out of a `ganbench run`, or record files")
    if (path / "record.json").is_file():
        return [path / "record.json"]
    found = (file for folder in (path, path / RECORDS) for file in sorted([*folder.glob("*.json"), *folder.glob("*.json.gz")]))
    return [file for file in found if file.is_file() and file.name not in OTHERS]

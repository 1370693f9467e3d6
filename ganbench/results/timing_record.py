"""What was timed, under which settings, and how fast was it? (records of kind ``timing``, one file each)"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ganbench.errors import RequestError
from ganbench.plan.validation import validated
from ganbench.results.record import Throughput, digest
from ganbench.storage import read_json, write_json

SCHEMA_VERSION = 1
FOLDER = "timings"
"""Folder of timing records in an output folder."""

Task = Literal["train", "sample", "score"]
Plain = bool | int | float | str | None


@dataclass(frozen=True, kw_only=True)
class TimingRecord:
    """One thing that was timed, under one set of settings."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["timing"] = "timing"
    task: Task
    name: str
    """What was timed, in a word: a variant's name, or "features" for scores."""
    subject: dict[str, Plain]
    """What was timed, in full, as flat settings. Timings of unlike subjects answer different questions."""
    setting: dict[str, Plain]
    """Under what: device, threads, precision, determinism, engine, versions. Timings under unlike settings stand in no common column."""
    images: int
    """Images of one repetition; of scores, those of each set."""
    seconds: tuple[float, ...]
    """Seconds of every repetition, after the warm-up."""
    rate: Throughput
    """Images a second over the repetitions."""
    phases: dict[str, float] = field(default_factory=dict)
    """Share of the time that every part takes, each without the parts within it; what no part covers is "other"."""
    peak_allocated_bytes: int | None = None
    """Most memory that tensors held at a time on the GPU."""
    peak_reserved_bytes: int | None = None
    """Most memory that the process held on the GPU; on a CPU, its resident memory, with what it has kept of what was timed before."""
    flops_per_image: float | None = None
    """Floating-point operations an image, counted: of matrix products and convolutions, two for each multiplication and addition."""
    ceiling_flops: float | None = None
    """Operations a second of a large matrix product on the same device in the same precision, measured."""
    kernels: float | None = None
    """Kernels started in one repetition."""
    kernel_s: float | None = None
    """Seconds of one repetition in which a kernel ran."""
    idle_share: float | None = None
    """Share of the time in which no kernel ran."""
    slowest_kernels: dict[str, float] = field(default_factory=dict)
    """Seconds of one repetition in the kernels that took longest, by name."""
    watts: float | None = None
    joules_per_image: float | None = None
    clock_mhz: float | None = None
    """Clock of the device at the end of the repetitions."""
    unmeasured: dict[str, str] = field(default_factory=dict)
    """Why a field has no value, by field."""
    created: str
    """UTC, ISO 8601."""
    provenance: dict[str, Any] = field(default_factory=dict)
    digest: str = field(default="", compare=False)
    """SHA-256 of all other fields."""

    @property
    def timing_id(self) -> str:
        """Sixteen hexadecimal digits that are equal for equal subjects and settings."""
        canonical = json.dumps([self.task, self.subject, self.setting], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    @property
    def utilisation(self) -> float | None:
        """Share of the device's measured ceiling that the counted operations reach (model FLOPs utilisation)."""
        if self.flops_per_image is None or not self.ceiling_flops:
            return None
        return self.flops_per_image * self.rate.median / self.ceiling_flops


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Plain]:
    """Settings with lists as text, as a subject holds them."""
    return {key: value if isinstance(value, Plain) else ", ".join(map(str, value)) for key, value in settings.items()}


def write_timing(out: Path, record: TimingRecord) -> Path:
    """Writes a record into the folder of an output folder, over an older one of the same subject and settings."""
    slug = "-".join([record.task, "".join(letter if letter.isalnum() or letter in "_." else "-" for letter in record.name)])
    path = out / FOLDER / f"{slug}-{record.timing_id[:8]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(signed(record)))
    return path


def signed(record: TimingRecord) -> TimingRecord:
    """The record with its digest."""
    return replace(record, digest=digest(asdict(record)))


def read_timings(path: Path) -> list[TimingRecord]:
    """Reads a timing record, the output of ``bench --json``, or all records of an output folder.

    Raises:
        RequestError: There is none, or one is damaged.
    """
    if path.is_dir():
        folder = path / FOLDER if (path / FOLDER).is_dir() else path
        files = sorted(folder.glob("*.json"))
        if not files:
            raise RequestError(f"{path}: holds no timing records; `ganbench bench train VARIANT --out {path}` writes some")
        return [_read(read_json(file), str(file)) for file in files]
    data = read_json(path, "give the output of `ganbench bench ... --json`, or the folder given as its --out")
    several = data.get("timings")
    if several is None:
        return [_read(data, str(path))]
    if not isinstance(several, list) or not all(isinstance(one, dict) for one in several):
        raise RequestError(f"{path}: 'timings' is no list of records; give the output of `ganbench bench ... --json`")
    return [_read(one, f"{path}: timing {number}") for number, one in enumerate(several)]


def timings_of(out: Path) -> tuple[list[TimingRecord], list[str]]:
    """The timing records of an output folder, or of a file of them, that can be read, and a line about each that cannot."""
    if out.is_file():
        return _of_file(out)
    records, faults = [], []
    for file in sorted((out / FOLDER).glob("*.json")):
        try:
            records.append(_read(read_json(file), str(file)))
        except RequestError as error:
            faults.append(str(error))
    return records, faults


def _of_file(path: Path) -> tuple[list[TimingRecord], list[str]]:
    """The timings in a file; none, and no line, if it is something else."""
    try:
        data = read_json(path)
    except RequestError:
        return [], []
    if data.get("kind") != "timing" and "timings" not in data:
        return [], []
    try:
        return read_timings(path), []
    except RequestError as error:
        return [], [str(error)]


def _read(data: Mapping[str, Any], where: str) -> TimingRecord:
    """A record from plain data, checked.

    Raises:
        RequestError: It is none, of another schema, or was changed.
    """
    if data.get("kind") != "timing":
        raise RequestError(f"{where}: is no timing record; `ganbench bench ... --json` prints some")
    if data.get("schema_version") != SCHEMA_VERSION:
        raise RequestError(f"{where}: has schema {data.get('schema_version')!r}, and this ganbench reads {SCHEMA_VERSION}")
    record = validated(TimingRecord, data, where)
    if record.digest != digest(data):
        raise RequestError(f"{where}: was changed after it was written (its digest does not fit); time it again")
    if missing := [name for name in ("device", "threads", "precision", "determinism", "engine") if name not in record.setting]:
        raise RequestError(f"{where}: its setting lacks {', '.join(missing)}; time it again")
    sizes = (record.peak_allocated_bytes, record.peak_reserved_bytes)
    if any(size is not None and not 0 <= size < 2**63 for size in sizes):
        raise RequestError(f"{where}: tells of a memory that no machine has; time it again")
    if not record.seconds or min(*record.seconds, record.rate.median) <= 0:
        raise RequestError(f"{where}: tells of no time that can be compared; time it again")
    return record

"""Which tables show timings? (one for every set of settings, so that unlike timings stand in no common column)"""

import json
from collections.abc import Iterable, Mapping, Sequence

from ganbench.report.table import Cell, Column, Table, number, whole
from ganbench.results.timing_record import Plain, TimingRecord
from ganbench.spans import PHASES
from ganbench.statistics.speed import Change

WHAT = {"train": "training", "sample": "sampling", "score": "scores from features"}


def speed_tables(records: Sequence[TimingRecord]) -> list[Table]:
    """Two tables for every task and setting: speed with memory and operations, and the parts of the time."""
    groups: dict[str, list[TimingRecord]] = {}
    for record in records:
        groups.setdefault(json.dumps([record.task, record.setting], sort_keys=True), []).append(record)
    return [table for group in groups.values() for table in (_speed(group), _parts(group)) if table is not None]


def change_table(changes: Iterable[tuple[str, Change]]) -> Table:
    """Verdicts against earlier timings, by name."""
    rows = []
    for name, change in changes:
        ratio = None if change.ratio is None else f"{change.ratio:.2f}x"
        noise = None if change.threshold is None else f"{100 * change.threshold:.0f} %"
        rows.append((Cell(value=name), Cell(value=ratio), Cell(value=noise), Cell(value="\n".join([change.verdict, *change.differs]))))
    columns = tuple(Column(heading=heading) for heading in ("", "rate now\n/ before", "counts\nfrom", "verdict"))
    return Table(title="against the earlier timings", columns=columns, rows=tuple(rows))


def named(records: Sequence[TimingRecord]) -> list[str]:
    """A name for each record, with the settings in which those of one name differ."""
    groups: dict[str, list[Mapping[str, Plain]]] = {}
    for record in records:
        groups.setdefault(record.name, []).append(record.subject)
    names = []
    for record in records:
        all_of = groups[record.name]
        keys = dict.fromkeys(key for one in all_of for key in one)
        differing = [key for key in keys if any(one.get(key) != all_of[0].get(key) for one in all_of)]
        shown = ", ".join(f"{key.rpartition('.')[2]}={record.subject.get(key)}" for key in differing if key != "n")
        names.append(f"{record.name} ({shown})" if shown else record.name)
    return names


def _speed(records: Sequence[TimingRecord]) -> Table:
    first = records[0]
    per_s, per_image = {"score": ("examples\na second", "example")}.get(first.task, ("images\na second", "image"))
    columns = (
        Column(heading="examples x width" if first.task == "score" else "variant"),
        Column(heading=per_s, written=_three),
        Column(heading="s per\n1,000", written=number),
        Column(heading=f"GFLOP\nper {per_image}", written=number),
        Column(heading="of the\nceiling %", written=number),
        Column(heading="idle %", written=number),
        Column(heading="peak\nMiB", written=whole),
    )
    rows = []
    for record, name in zip(records, named(records), strict=True):
        memory = record.peak_reserved_bytes if record.peak_allocated_bytes is None else record.peak_allocated_bytes
        rows.append(
            (
                Cell(value=name),
                Cell(value=record.rate.median, low=record.rate.p5, high=record.rate.p95),
                Cell(value=1_000 / record.rate.median),
                Cell(value=None if record.flops_per_image is None else record.flops_per_image / 1e9),
                Cell(value=None if record.utilisation is None else 100 * record.utilisation),
                Cell(value=None if record.idle_share is None else 100 * record.idle_share),
                Cell(value=None if memory is None else memory / 2**20),
            )
        )
    # a column of which nothing is known, as of kernels on a CPU, is named in the notes alone
    kept = [place for place in range(len(columns)) if place < 2 or any(row[place].value is not None for row in rows)]
    return Table(
        title=_title(first, ""),
        columns=tuple(columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in rows),
        notes=tuple(_notes(records)),
    )


def _parts(records: Sequence[TimingRecord]) -> Table | None:
    """Share of the time in every part; None where no record knows any part but the rest."""
    known = {name for record in records for name in record.phases}
    if known <= {"other"}:
        return None
    shown = [name for name in (*PHASES, *sorted(known - {*PHASES, "other"}), "other") if name in known]
    columns = (Column(heading="% of the time"), *(Column(heading=_narrow(name), written=_share) for name in shown))
    rows = [
        (Cell(value=name), *(Cell(value=100 * record.phases[part] if part in record.phases else None) for part in shown))
        for record, name in zip(records, named(records), strict=True)
    ]
    return Table(title=_title(records[0], ", where the time goes"), columns=columns, rows=tuple(rows))


def how_timed(record: TimingRecord) -> str:
    """The setting of a timing in words."""
    how = record.setting
    words = [str(how["device"]), f"{how['threads']} thread{'s' if how['threads'] != 1 else ''}", str(how["precision"])]
    words += [f"determinism {how['determinism']}", f"{how['engine']} engine"]
    return ", ".join(words)


def _title(record: TimingRecord, what: str) -> str:
    return f"{WHAT[record.task]}{what}: {how_timed(record)}"


def _notes(records: Sequence[TimingRecord]) -> list[str]:
    notes = ["Median of the repetitions; below it their 5th and 95th percentile."]
    if any(record.ceiling_flops for record in records):
        best = max(record.ceiling_flops or 0 for record in records)
        notes[0] += f" Ceiling: a large matrix product, {best / 1e9:,.0f} GFLOP/s."
    if any(record.peak_allocated_bytes is None for record in records):
        notes[0] += " Peak: resident memory of the process, with what it has kept of those timed before."
    missing: dict[str, list[str]] = {}
    for record in records:
        for name, reason in record.unmeasured.items():
            fields = missing.setdefault(reason, [])
            fields += [name] if name not in fields else []
    unknown = "; ".join(f"{', '.join(fields)} ({reason})" for reason, fields in missing.items())
    return [*notes, f"Not measured: {unknown}."] if unknown else notes


def _narrow(name: str) -> str:
    """A heading of parts in few characters."""
    return {"discriminator": "discri-\nminator", "regularisers": "regula-\nrisers", "augmentation": "augmen-\ntation"}.get(
        name, name if len(name) < 11 else name.replace("_", "\n")
    )


def _three(value: float) -> str:
    """Three significant digits, with thousands separators."""
    return f"{value:,.0f}" if value >= 100 else number(value)


def _share(value: float) -> str:
    return f"{value:.0f}" if value >= 9.5 else f"{value:.1f}"

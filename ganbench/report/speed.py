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
        why = "" if change.ratio is not None else change.verdict
        verdict = "\n".join([change.verdict, *change.differs])
        ratio, threshold = Cell(value=change.ratio, note=why), Cell(value=change.threshold, note=why)
        rows.append((Cell(value=name), ratio, threshold, Cell(value=verdict)))
    columns = (
        Column(heading="", key="name"),
        Column(heading="rate now\n/ before", key="ratio", written="{:.2f}x".format),
        Column(heading="counts\nfrom", key="threshold", written=lambda share: f"{100 * share:.0f} %"),
        Column(heading="verdict", key="verdict"),
    )
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
        Column(heading="examples x width" if first.task == "score" else "variant", key="name"),
        Column(heading=per_s, key="images_per_s", written=_three),
        Column(heading="s per\n1,000", key="s_per_1000"),
        Column(heading=f"GFLOP\nper {per_image}", key="gflop_per_image"),
        Column(heading="of the\nceiling %", key="ceiling_percent"),
        Column(heading="idle %", key="idle_percent"),
        Column(heading="peak", key="peak_memory", unit="MiB", written=whole),
    )
    rows = []
    for record, name in zip(records, named(records), strict=True):
        memory = record.peak_reserved_bytes if record.peak_allocated_bytes is None else record.peak_allocated_bytes
        rows.append(
            (
                Cell(value=name),
                Cell(value=record.rate.median, low=record.rate.p5, high=record.rate.p95, n=record.rate.measurements),
                Cell(value=1_000 / record.rate.median),
                _scaled(record, record.flops_per_image, 1e-9, "flops_per_image"),
                _scaled(record, record.utilisation, 100, "flops_per_image", "ceiling_flops"),
                _scaled(record, record.idle_share, 100, "idle_share"),
                _scaled(record, memory, 2**-20, "peak_reserved_bytes", "peak_allocated_bytes"),
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


def _scaled(record: TimingRecord, value: float | None, factor: float, *fields: str) -> Cell:
    """A value in the unit of its column; without one, why the record says that these fields have none."""
    if value is not None:
        return Cell(value=value * factor)
    return Cell(
        value=None, note="not measured: " + next((record.unmeasured[one] for one in fields if one in record.unmeasured), "not known")
    )


def _parts(records: Sequence[TimingRecord]) -> Table | None:
    """Share of the time in every part; None where no record knows any part but the rest."""
    known = {name for record in records for name in record.phases}
    if known <= {"other"}:
        return None
    shown = [name for name in (*PHASES, *sorted(known - {*PHASES, "other"}), "other") if name in known]
    columns = (Column(heading="% of the time", key="name"), *(Column(heading=_narrow(name), key=name, written=_share) for name in shown))
    absent = Cell(value=None, note="no part of this training")
    rows = [
        (Cell(value=name), *(Cell(value=100 * record.phases[part]) if part in record.phases else absent for part in shown))
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
    notes = ["Median of the repetitions; with it their 5th and 95th percentile."]
    if any(record.ceiling_flops for record in records):
        ceilings = [record.ceiling_flops / 1e9 for record in records if record.ceiling_flops]
        shown = dict.fromkeys(f"{one:,.0f}" for one in (min(ceilings), max(ceilings)))
        notes[0] += f" Ceiling: a large matrix product, measured with each: {' to '.join(shown)} GFLOP/s."
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

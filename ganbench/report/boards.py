"""Which columns and notes do the tables of a leaderboard have?"""

import math
import statistics
from collections.abc import Iterable, Sequence

from ganbench.report.table import MISSING, Cell, Column, Table, number, whole
from ganbench.results.bank import Value
from ganbench.results.record import Record
from ganbench.statistics import leaderboard
from ganbench.statistics.leaderboard import Leaderboard, Row
from ganbench.statistics.noise import noise

LIFELESS, DIVERGED = "†", "‡"
"""Marks behind the names of rows whose samples are all alike, and of rows whose scores are of diverged runs."""


def tables(boards: Iterable[Leaderboard]) -> list[Table]:
    """The tables of every leaderboard: scores, diagnostics, and speed, one for every setting under which runs were timed."""
    return [table for board in boards for table in (_scores(board), _runs(board), *_speeds(board))]


def _scores(board: Leaderboard) -> Table:
    ranking = board.primary.key[:2] if board.primary else None
    shown = [column for column in board.columns if column.weights == "ema" or column.key[:2] == ranking]
    if not shown:
        rows = tuple((Cell(value=row.variant), Cell(value=_outcomes(row.records))) for row in board.rows)
        notes = tuple(_of_runs(board))
        return Table(
            title=f"{board.dataset}: no scores", columns=(Column(heading="variant"), Column(heading="runs")), rows=rows, notes=notes
        )
    best = [_best(board.rows, column) for column in shown]
    several = len({column.extractor for column in shown}) > 1
    cells = [
        (
            Cell(value=_ranked(row) + _survivors(row)),
            *(_cell(row, column, board.primary, place == best[index]) for index, column in enumerate(shown)),
        )
        for place, row in enumerate(board.rows)
    ]
    return Table(
        title=f"{board.dataset}: scores",
        columns=(Column(heading="variant"), *(Column(heading=_heading(column, several)) for column in shown)),
        rows=tuple(cells),
        notes=tuple(_notes(board, sorted({column.extractor for column in shown}))),
    )


def _heading(column: leaderboard.Column, several: bool) -> str:
    """The metric with an arrow in the better direction, and its extractor if the table has several."""
    arrow = {True: " ↑", False: " ↓", None: ""}[column.higher_is_better]
    name = column.label.replace("·", "\n") if several else column.metric.upper()
    return name + arrow + ("\nraw" if column.weights == "raw" else "")


def _cell(row: Row, column: leaderboard.Column, primary: leaderboard.Column | None, best: bool) -> Cell:
    """The median over the seeds, in the ranking column the number that ranks; below it the interval, of two seeds the seeds themselves."""
    found = row.scores.get(column.key)
    if found is None:
        return Cell(value=None)
    if column == primary and row.ranked_by is not None and math.isinf(row.ranked_by):
        return Cell(value=f"not ended\n({number(found.median)})")
    value = row.ranked_by if column == primary and row.ranked_by is not None else found.median
    if found.n == 2:
        return Cell(value=value, low=min(found.values), high=max(found.values), spread=" to ", best=best)
    return Cell(value=value, low=found.low, high=found.high, best=best)


def _notes(board: Leaderboard, extractors: Sequence[str]) -> list[str]:
    scores, plan = board.protocol["scores"], board.protocol["evaluation"]
    n_real = scores.get("n_real")
    of = "" if board.primary in (None, board.columns[0]) else f" of {board.primary.label}"
    sets = f"{plan['n_fake']:,} generated against {MISSING if n_real is None else whole(n_real)} {plan['reference']} examples"
    notes = [
        f"Median over seeds, of EMA weights unless raw; below it the 95 % t interval of the mean, of two seeds their values. "
        f"Features: {', '.join(extractors)}; {sets}. Ranked by the median seed{of}, a run that did not end being the worst. "
        "Best in green or bold where its interval is apart from the next."
    ]
    notes += _noise(board)
    notes += _of_runs(board)
    if dead := [row for row in board.rows if row.lifeless]:
        why = "; ".join(f"{row.variant}, seed {seed}: {reason}" for row in dead for seed, reason in row.lifeless.items())
        notes.append(f"{LIFELESS} The samples at the end are all but alike, whatever the scores: {why}.")
    if any(row.diverged_only for row in board.rows):
        notes.append(f"{DIVERGED} Diverged: the scores of the last evaluation, which rank nothing.")
    return notes + [f"Not ranked with another board of {board.dataset}: {line}" for line in board.differs]


def _noise(board: Leaderboard) -> list[str]:
    """How far another sample and another seed move the ranking score, in the median row."""
    if board.primary is None:
        return []
    layers = []
    for row in board.rows:
        scores = [score for record in row.done for score in record.scores if score.column == board.primary.key]
        if layer := noise([Value(value=one.value, low=one.ci_low, high=one.ci_high) for one in scores]):
            layers.append(layer)
    sampling = _median([one.sampling for one in layers if one.sampling is not None])
    training = _median([one.training for one in layers])
    if sampling is None or training is None:
        return []
    moved = f"A second sample would move {board.primary.label} by {number(sampling)}, a second seed by {number(training)}"
    return [f"{moved} (standard deviations, median row)."]


def _of_runs(board: Leaderboard) -> list[str]:
    """What the records note about their examples and data; a note that all runs share is about the data."""
    runs = {f"{row.variant}, seed {record.spec.seed}": record for row in board.rows for record in row.records}
    notes: dict[str, list[str]] = {}
    for name, record in runs.items():
        for note in record.notes:
            notes.setdefault(note, []).append(name)
    ordered = sorted(notes.items(), key=lambda item: len(item[1]) == len(runs))  # those of single runs are the worse ones
    return [f"{board.dataset if len(names) == len(runs) else '; '.join(names)}: {note}." for note, names in ordered]


def _runs(board: Leaderboard) -> Table:
    names = list(dict.fromkeys(name for row in board.rows for name in row.diagnostics))
    columns = [
        Column(heading="variant"),
        Column(heading="seeds"),
        *(Column(heading=name.replace("_", "\n")) for name in names),
        Column(heading="final\n/best", written=lambda value: f"{value:.2f}"),
    ]
    rows = []
    for row in board.rows:
        values = [*(row.diagnostics[name].mean if name in row.diagnostics else None for name in names), row.final_over_best]
        rows.append((Cell(value=_ranked(row)), Cell(value=_outcomes(row.records)), *(Cell(value=value) for value in values)))
    notes = ["Diagnostics of EMA weights, mean over finished seeds."]
    notes += [f"{row.variant}, seed {r.spec.seed}: {_why(r)}" for row in board.rows for r in row.records if r.status != "done"]
    notes += _alarms(board)
    return Table(title=f"{board.dataset}: diagnostics", columns=tuple(columns), rows=tuple(rows), notes=tuple(notes))


def _alarms(board: Leaderboard) -> list[str]:
    """Signs that something is wrong with trainings, by rule: whose, and since when."""
    found: dict[str, list[str]] = {}
    for row in board.rows:
        for record in row.records:
            for alarm in record.alarms:
                found.setdefault(alarm.rule, []).append(
                    f"{row.variant}, seed {record.spec.seed}, from {alarm.images_seen:,} images ({alarm.detail})"
                )
    return [f"Alarm, {rule}: {'; '.join(where)}." for rule, where in found.items()]


def _speeds(board: Leaderboard) -> list[Table]:
    """A table of speed and memory for every setting, since timings of unlike settings may stand in no common column."""
    places = sorted({where(record) for row in board.rows for record in row.records if record.timing})
    columns = (
        Column(heading="variant"),
        Column(heading="train\nimg/s", written=whole),
        Column(heading="sample\nimg/s", written=whole),
        Column(heading="peak\nMiB", written=whole),
    )
    found = []
    for place in places:
        rows = []
        for row in board.rows:
            timed = [record.timing for record in row.records if record.timing and where(record) == place]
            values = [
                _median([timing.training.median for timing in timed if timing.training]),
                _median([timing.sampling.median for timing in timed if timing.sampling]),
                max((timing.peak_memory_bytes for timing in timed), default=0) / 2**20 or None,
            ]
            if timed:
                rows.append((Cell(value=_ranked(row)), *(Cell(value=value) for value in values)))
        notes = ("Medians over seeds; images a second without warm-up and evaluation.",)
        found.append(Table(title=f"{board.dataset}: speed on {place}", columns=columns, rows=tuple(rows), notes=notes))
    return found


def where(record: Record) -> str:
    """Under what a run was timed: device, threads, runs at a time, precision if not float32, and whether faster kernels were allowed."""
    assert record.timing is not None
    threads, beside = record.timing.threads, record.provenance.get("hardware", {}).get("runs_at_a_time", 1)
    words = [record.timing.device, f"{threads} thread{'s' * (threads > 1)}" + (" a run" if beside > 1 else "")]
    words += [f"{beside} runs at a time"] * (beside > 1)
    words += [record.spec.training.precision] * (record.spec.training.precision != "fp32")
    words += [f"{engine} engine"] if (engine := record.provenance.get("flags", {}).get("engine")) else []  # none is named for eager
    return ", ".join([*words, *["determinism off"] * (not record.timing.deterministic)])


def _ranked(row: Row) -> str:
    return f"{row.rank or MISSING} {row.variant}{f' {LIFELESS}' if row.lifeless else ''}{f' {DIVERGED}' if row.diverged_only else ''}"


def _survivors(row: Row) -> str:
    """A remark after the name if means are over fewer seeds than were run."""
    return "" if len(row.done) in (0, len(row.records)) else f" ({len(row.done)} of {len(row.records)} seeds)"


def _outcomes(records: Sequence[Record]) -> str:
    """The number of finished seeds, and of the others by status."""
    done = sum(record.status == "done" for record in records)
    if done == len(records):
        return str(done)
    others = [
        f"{n} {status}"
        for status in ("diverged", "failed", "interrupted", "skipped")
        if (n := sum(record.status == status for record in records))
    ]
    return "\n".join([f"{done} of {len(records)}", *others])


def _why(record: Record) -> str:
    """One line that says why a seed has no scores."""
    if record.divergence:
        return f"diverged after {record.divergence.images_seen:,} images ({record.divergence.detail})"
    if record.error:
        first = record.error.message.splitlines()[0] if record.error.message else ""
        where = f" ({record.error.where})" if record.error.where else ""
        return f"failed in {record.error.stage}: {record.error.type}: {first}{where}"
    return f"{record.status}: {record.reason}"


def _best(rows: Sequence[Row], column: leaderboard.Column) -> int | None:
    """The best row if its interval overlaps no other row's; a single seed without an interval counts as its value."""
    sign = -1 if column.higher_is_better else 1
    sound = [(place, row) for place, row in enumerate(rows) if not row.lifeless and not row.diverged_only]
    cells = [(place, cell) for place, row in sound if (cell := row.scores.get(column.key)) is not None]
    if len(cells) < 2 or column.higher_is_better is None:
        return None
    place, leader = min(cells, key=lambda item: sign * item[1].mean)
    worst_of_leader = leader.low if column.higher_is_better else leader.high
    if worst_of_leader is None or len(rows[place].done) < len(rows[place].records):
        return None  # a mean over the remaining seeds only is never marked as best
    best_of_others = [cell.high if column.higher_is_better else cell.low for other, cell in cells if other != place]
    means = [cell.mean for other, cell in cells if other != place]
    apart = all(sign * (mean if best is None else best) > sign * worst_of_leader for best, mean in zip(best_of_others, means, strict=True))
    return place if apart else None


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None

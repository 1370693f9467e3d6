"""Which columns do the tables of a leaderboard have, and what is in their cells?"""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from ganbench.plan.metric_names import NO_NETWORK, STANDARD
from ganbench.report.board_notes import DIVERGED, LIFELESS, diagnostics_notes, score_notes
from ganbench.report.protocols import protocol_of
from ganbench.report.selection import matches
from ganbench.report.table import Cell, Column, Table, number, whole
from ganbench.results.record import Record
from ganbench.statistics import leaderboard
from ganbench.statistics.best import best
from ganbench.statistics.leaderboard import Leaderboard, Row

UNFINISHED = "no seed finished"


def tables(boards: Iterable[Leaderboard], metrics: Sequence[str] = ()) -> list[Table]:
    """The tables of every leaderboard: scores, diagnostics, and speed, one for every setting under which runs were timed.

    Args:
        boards: Leaderboards.
        metrics: Keys of the metrics that are shown, as ``--metrics`` takes them; none are all.
    """
    boards = list(boards)
    return [table for board, name in zip(boards, titles(boards), strict=True) for table in board_tables(board, name, metrics)]


def titles(boards: Sequence[Leaderboard]) -> list[str]:
    """The data set of every board, with a number where several boards are of one."""
    total, seen, found = Counter(board.dataset for board in boards), Counter[str](), []
    for board in boards:
        seen[board.dataset] += 1
        several = total[board.dataset] > 1
        found.append(f"{board.dataset} (protocol {seen[board.dataset]} of {total[board.dataset]})" if several else board.dataset)
    return found


def board_tables(board: Leaderboard, name: str, metrics: Sequence[str] = ()) -> list[Table]:
    """The tables of one leaderboard, whose titles begin with a name."""
    return [_scores(board, name, metrics), _diagnostics(board, name), *_speeds(board, name)]


def key_of(column: leaderboard.Column) -> str:
    """The key of a metric's column: its name in the literature, else formula and network ("fid", "fd@digits-probe", "fd.raw@pixels").

    >>> key_of(leaderboard.Column(metric="fd", extractor="pixels", weights="raw", label="FD·pixels", higher_is_better=False))
    'fd.raw@pixels'
    """
    pair = column.metric, column.extractor
    known = next((name for name, one in STANDARD.items() if (one.metric, one.extractor) == pair), None)
    network = "" if known or column.extractor == NO_NETWORK else f"@{column.extractor}"
    return (known or column.metric) + (".raw" if column.weights == "raw" else "") + network


def _scores(board: Leaderboard, name: str, metrics: Sequence[str]) -> Table:
    ranking = board.primary.key[:2] if board.primary else None
    shown = [column for column in board.columns if column.weights == "ema" or column.key[:2] == ranking]
    if metrics:
        shown = [column for column in board.columns if any(matches(key_of(column), one) for one in metrics)]
    found = [best(board.rows, column) for column in shown]
    several = len({column.extractor for column in shown}) > 1
    columns = (
        *_NAMES,
        *(_column(column, several, 0 if metrics or column == board.primary else 3 + place) for place, column in enumerate(shown)),
        Column(heading="failed", key="failed", higher_is_better=False, of_n=True, priority=1),
        Column(heading="final\n/best", key="final_over_best", higher_is_better=False, written="{:.2f}".format, priority=2),
    )
    rows = tuple(
        (
            *_named(row),
            *(_score(row, column, board.primary, place in one.rows) for column, one in zip(shown, found, strict=True)),
            _failed(row),
            _final_over_best(row),
        )
        for place, row in enumerate(board.rows)
    )
    return Table(
        title=f"{name}: scores" if board.columns else f"{name}: no scores",
        columns=columns,
        rows=rows,
        notes=tuple(score_notes(board, list(zip(shown, found, strict=True)))),
        protocol=protocol_of(board, shown),
        leading=len(_NAMES),
    )


_NAMES = (Column(heading="#", key="rank", written=whole), Column(heading="variant", key="variant"))
"""The columns that say which row it is."""


def _named(row: Row) -> tuple[Cell, Cell]:
    """Rank and name of a row."""
    why = "" if row.rank else "most of its finished seeds ended lifeless" if row.done else UNFINISHED
    sign = LIFELESS if row.lifeless else DIVERGED if row.diverged_only else ""
    return Cell(value=row.rank, note=why), Cell(value=row.variant, mark=sign)


def _column(column: leaderboard.Column, several: bool, priority: int) -> Column:
    """A metric's column, with the extractor in its heading if the table has several."""
    name = column.label.replace("·", "\n") if several else column.metric.upper()
    heading = name + ("\nraw" if column.weights == "raw" else "")
    return Column(heading=heading, key=key_of(column), higher_is_better=column.higher_is_better, priority=priority)


def _score(row: Row, column: leaderboard.Column, primary: leaderboard.Column | None, is_best: bool) -> Cell:
    """The median over the seeds, in the ranking column the number that ranks, with the interval or, of two seeds, the seeds themselves."""
    found = row.scores.get(column.key)
    if found is None:
        return Cell(value=None, note="not measured: its last samples were not finite" if row.scores else UNFINISHED)
    value = found.median
    if column == primary and row.ranked_by is not None:
        if math.isinf(row.ranked_by):
            return Cell(value=None, n=found.n, note=f"the median seed did not finish; the median of those that did is {number(value)}")
        value = row.ranked_by
    if found.n == 2:
        return Cell(value=value, low=min(found.values), high=max(found.values), of_seeds=True, n=2, best=is_best)
    return Cell(value=value, low=found.low, high=found.high, n=found.n, best=is_best)


def _failed(row: Row) -> Cell:
    """The share of the seeds that ended which failed or diverged, and why every seed without a result has none."""
    ended = len(row.done) + row.failed
    why = "; ".join(f"seed {record.spec.seed} {_why(record)}" for record in row.records if record.status != "done")
    return Cell(value=row.failed / ended if ended else None, n=ended or None, note=why)


def _why(record: Record) -> str:
    """Why a seed has no result."""
    if record.divergence:
        return f"diverged from {record.divergence.images_seen:,} images on ({record.divergence.detail})"
    if record.error:
        first = record.error.message.splitlines()[0] if record.error.message else ""
        where = f" ({record.error.where})" if record.error.where else ""
        return f"failed in {record.error.stage}: {record.error.type}: {first}{where}"
    return f"{record.status}: {record.reason}"


def _final_over_best(row: Row) -> Cell:
    why = "not defined: no score with a direction, or the best or last one is not above 0" if row.done else UNFINISHED
    return Cell(value=row.final_over_best, note=why if row.final_over_best is None else "")


def _diagnostics(board: Leaderboard, name: str) -> Table:
    names = list(dict.fromkeys(one.name for row in board.rows for record in row.records for one in record.diagnostics))
    names = [one for one in names if any(one in row.diagnostics for row in board.rows)]
    columns = (
        *_NAMES,
        *(Column(heading=one.replace("_", "\n"), key=one, bare=True, priority=place + 1) for place, one in enumerate(names)),
    )
    rows = tuple((*_named(row), *(_diagnostic(row, one) for one in names)) for row in board.rows)
    return Table(title=f"{name}: diagnostics", columns=columns, rows=rows, notes=tuple(diagnostics_notes(board)), leading=len(_NAMES))


def _diagnostic(row: Row, name: str) -> Cell:
    """The mean over the finished seeds."""
    if found := row.diagnostics.get(name):
        return Cell(value=found.mean, low=found.low, high=found.high, n=found.n)
    why = next((one.note for record in row.records for one in record.diagnostics if one.name == name and one.note), "")
    return Cell(value=None, note=f"not measured: {why}" if why else "not measured" if row.done else UNFINISHED)


def _speeds(board: Leaderboard, name: str) -> list[Table]:
    """A table of speed and memory for every setting, since timings of unlike settings may stand in no common column."""
    places = sorted({where(record) for row in board.rows for record in row.records if record.timing})
    columns = (
        *_NAMES,
        Column(heading="train", key="train_images_per_s", unit="img/s", written=whole, higher_is_better=True),
        Column(heading="sample", key="sample_images_per_s", unit="img/s", written=whole, higher_is_better=True),
        Column(heading="peak", key="peak_memory", unit="MiB", written=whole, higher_is_better=False),
    )
    found = []
    for place in places:
        rows = []
        for row in board.rows:
            timed = [record.timing for record in row.records if record.timing and where(record) == place]
            if timed:
                training = _median([timing.training.median for timing in timed if timing.training], "no step was timed after the warm-up")
                sampling = _median([timing.sampling.median for timing in timed if timing.sampling], "no sampling was timed")
                peak = max(timing.peak_memory_bytes for timing in timed) / 2**20
                memory = Cell(value=peak, n=len(timed)) if peak else Cell(value=None, note="not measured: the system does not tell")
                rows.append((*_named(row), training, sampling, memory))
        notes = ("Medians over seeds, of memory the largest; images a second without warm-up and evaluation.",)
        found.append(Table(title=f"{name}: speed on {place}", columns=columns, rows=tuple(rows), notes=notes, leading=len(_NAMES)))
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


def _median(values: Sequence[float], why: str) -> Cell:
    return Cell(value=statistics.median(values), n=len(values)) if values else Cell(value=None, note=f"not measured: {why}")

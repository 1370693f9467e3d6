"""How does a leaderboard look in a terminal and in Markdown? (one Table feeds both)"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from ganbench.results.record import Record
from ganbench.statistics.intervals import MeanInterval
from ganbench.statistics.leaderboard import Column, Leaderboard, Row

MISSING = "—"
NAME_WIDTH = 48
"""Characters of a row's name on one line of a terminal."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Text cells under headings."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    best: tuple[tuple[int, int], ...] = ()
    """(row, column) of cells to set off."""


def tables(board: Leaderboard) -> tuple[Table, ...]:
    """A board as two tables: what it scores, and how the runs went."""
    return _scores(board), _runs(board)


def to_terminal(board: Leaderboard, width: int) -> RenderableType:
    """A board for a terminal of so many characters: a table that is too wide goes on below itself."""
    parts: list[RenderableType] = []
    for table in tables(board):
        parts += [
            *(_rich(table, columns) for columns in _fitting(table, width)),
            *(Text(note, style="dim") for note in table.notes),
            Text(""),
        ]
    return Group(*parts)


def to_markdown(boards: Sequence[Leaderboard], heading: str) -> str:
    """Boards as one Markdown document."""
    blocks = [f"# {heading}"]
    for board in boards:
        for table in tables(board):
            cells = [[_bold(text, (row, column) in table.best) for column, text in enumerate(line)] for row, line in enumerate(table.rows)]
            lines = [table.columns, tuple("---" if index == 0 else "---:" for index in range(len(table.columns))), *cells]
            blocks.append(f"## {table.title}")
            blocks.append(
                "\n".join("| " + " | ".join(text.replace("\n", " ").replace("|", "\\|") for text in line) + " |" for line in lines)
            )
            blocks += [f"*{note}*" for note in table.notes]
    return "\n\n".join(blocks) + "\n"


def _bold(text: str, best: bool) -> str:
    return f"**{text}**" if best else text


def _fitting(table: Table, width: int) -> list[list[int]]:
    """Columns in groups that fit the width, the first column in each."""
    widths = [
        max(len(part) for line in (table.columns, *table.rows) for part in line[index].split("\n")) + 3
        for index in range(len(table.columns))
    ]
    widths[0] = min(widths[0], NAME_WIDTH + 3)
    groups: list[list[int]] = [[0]]
    for index in range(1, len(widths)):
        if len(groups[-1]) > 1 and sum(widths[column] for column in groups[-1]) + widths[index] > width:
            groups.append([0])
        groups[-1].append(index)
    return groups


def _rich(table: Table, columns: Sequence[int]) -> RenderableType:
    first = columns[1:2] == [1]
    grid = RichTable(title=table.title if first else None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index in columns:
        if index == 0:  # a configuration's name may be long: it goes on below itself
            grid.add_column(table.columns[index], max_width=NAME_WIDTH)
        else:
            grid.add_column(table.columns[index], justify="right", no_wrap=True)
    for row, line in enumerate(table.rows):
        grid.add_row(*(Text(line[index], style="bold green" if (row, index) in table.best else "") for index in columns))
    return grid


def _scores(board: Leaderboard) -> Table:
    shown = [column for column in board.columns if column.weights == "ema" or column.metric == board.columns[0].metric]
    if not shown:
        return Table(
            title=f"{board.dataset}: no scores",
            columns=("variant", "runs"),
            rows=tuple((row.variant, _outcomes(row.records)) for row in board.rows),
        )
    heads = [
        f"{column.metric.upper()} {'↑' if column.higher_is_better else '↓'}" + ("\nraw" if column.weights == "raw" else "")
        for column in shown
    ]
    rows = [
        (_ranked(row) + _survivors(row), *(_interval(row.scores.get((column.metric, column.weights))) for column in shown))
        for row in board.rows
    ]
    scores = board.protocol["scores"]
    plan = board.protocol["evaluation"]
    sets = f"{plan['n_fake']:,} generated against {_thousands(scores.get('n_real'))} {plan['reference']} examples"
    notes = [
        f"Mean over seeds with 95 % t interval, of EMA weights unless raw; features: {plan['extractor']}; {sets}. "
        "Ranked by the median seed, a run that did not end being the worst. "
        "Best in green or bold where its interval is apart from the next."
    ]
    notes += [f"Not ranked with another board of {board.dataset}: {line}" for line in board.differs]
    best = tuple((place, index + 1) for index, column in enumerate(shown) if (place := _best(board.rows, column)) is not None)
    return Table(title=f"{board.dataset}: scores", columns=("variant", *heads), rows=tuple(rows), notes=tuple(notes), best=best)


def _runs(board: Leaderboard) -> Table:
    names = list(dict.fromkeys(name for row in board.rows for name in row.diagnostics))
    heads = ("variant", "seeds", *(name.replace("_", "\n") for name in names), "final\n/best", "train\nimg/s", "sample\nimg/s", "peak\nMiB")
    rows = []
    for row in board.rows:
        timed = [record.timing for record in row.records if record.timing]
        training = [timing.training.median for timing in timed if timing.training]
        sampling = [timing.sampling.median for timing in timed if timing.sampling]
        rows.append(
            (
                _ranked(row),
                _outcomes(row.records),
                *(number(row.diagnostics[name].mean) if name in row.diagnostics else MISSING for name in names),
                MISSING if row.final_over_best is None else f"{row.final_over_best:.2f}",
                _thousands(_median(training)),
                _thousands(_median(sampling)),
                _thousands(max((timing.peak_memory_bytes for timing in timed), default=0) / 2**20 or None),
            )
        )
    devices = sorted({_where(record) for row in board.rows for record in row.records if record.timing})
    notes = [
        "Diagnostics of EMA weights, mean over finished seeds. "
        f"Images a second: medians, warm-up and evaluation excluded, on {'; '.join(devices) or 'no device'}."
    ]
    notes += [f"{row.variant}, seed {r.spec.seed}: {_why(r)}" for row in board.rows for r in row.records if r.status != "done"]
    return Table(title=f"{board.dataset}: diagnostics and speed", columns=heads, rows=tuple(rows), notes=tuple(notes))


def _where(record: Record) -> str:
    """The device of a run's timings, its threads, and how many runs shared the machine."""
    assert record.timing is not None
    threads, beside = record.timing.threads, record.provenance.get("hardware", {}).get("runs_at_a_time", 1)
    return f"{record.timing.device}, {threads} thread{'s' * (threads > 1)}" + (f" a run, {beside} runs at a time" if beside > 1 else "")


def _ranked(row: Row) -> str:
    return f"{row.rank or MISSING} {row.variant}"


def _survivors(row: Row) -> str:
    """Says behind a name that means are over fewer seeds than were run."""
    return "" if len(row.done) in (0, len(row.records)) else f" ({len(row.done)} of {len(row.records)} seeds)"


def _outcomes(records: Sequence[Record]) -> str:
    """How many seeds finished, and what became of the others."""
    done = sum(record.status == "done" for record in records)
    if done == len(records):
        return str(done)
    others = [f"{n} {status}" for status in ("diverged", "failed", "skipped") if (n := sum(record.status == status for record in records))]
    return "\n".join([f"{done} of {len(records)}", *others])


def _why(record: Record) -> str:
    """One line for a seed that gave no scores."""
    if record.divergence:
        return f"diverged after {record.divergence.images_seen:,} images ({record.divergence.detail})"
    if record.error:
        return (
            f"failed in {record.error.stage}: {record.error.type}: {record.error.message.splitlines()[0] if record.error.message else ''}"
        )
    return f"skipped: {record.reason}"


def _best(rows: Sequence[Row], column: Column) -> int | None:
    """The row whose interval lies apart from every other's on the better side; a single seed has none and counts as its value."""
    sign = -1 if column.higher_is_better else 1
    cells = [(place, cell) for place, row in enumerate(rows) if (cell := row.scores.get((column.metric, column.weights))) is not None]
    if len(cells) < 2:
        return None
    place, leader = min(cells, key=lambda item: sign * item[1].mean)
    worst_of_leader = leader.low if column.higher_is_better else leader.high
    if worst_of_leader is None or len(rows[place].done) < len(rows[place].records):
        return None  # the mean of the seeds that survived is no best
    best_of_others = [cell.high if column.higher_is_better else cell.low for other, cell in cells if other != place]
    means = [cell.mean for other, cell in cells if other != place]
    apart = all(sign * (mean if best is None else best) > sign * worst_of_leader for best, mean in zip(best_of_others, means, strict=True))
    return place if apart else None


def _interval(cell: MeanInterval | None) -> str:
    if cell is None:
        return MISSING
    if cell.low is None or cell.high is None:
        return number(cell.mean)
    return f"{number(cell.mean)}\n[{number(cell.low)}, {number(cell.high)}]"


def number(value: float) -> str:
    """Three significant digits; exponents only for what is far below one in a thousand."""
    size = abs(value)
    if size >= 1e3:
        return f"{value:,.0f}" if size < 1e7 else f"{value:.1e}"
    if size == 0 or size >= 0.1:
        return f"{value:.{3 if size < 1 else 2 if size < 10 else 1}f}"
    return f"{value:.3g}" if size >= 1e-4 else f"{value:.1e}"


def _thousands(value: float | None) -> str:
    return MISSING if value is None else f"{value:,.0f}"


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None

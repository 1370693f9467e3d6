"""How is a table printed in a terminal?"""

from collections.abc import Sequence
from io import StringIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from ganbench.report.selection import ALL, blocks, fitting
from ganbench.report.table import RAISED, Cell, Column, Table
from ganbench.text import line, plain

NAME_WIDTHS = 20, 48
"""Smallest and largest number of characters after which the name of a row is wrapped; in between, a third of the line."""
PROSE_WIDTH = 30
"""Number of characters after which sentences in cells are wrapped."""
GAP = 3
"""Number of characters between columns."""


def to_terminal(tables: Sequence[Table], width: int, more: str = "") -> RenderableType:
    """Formats tables for a terminal of this many characters.

    Args:
        tables: The tables.
        width: Number of characters of a line.
        more: The option that chooses columns ("--columns"). If it is given, a table that is too wide goes without its least important
            columns, which are named; if not, it is continued below.
    """
    parts: list[RenderableType] = []
    for table in tables:
        shown, left_out = fitting(table, _widths(table, width), width) if more else (table, [])
        parts.append(Text(plain(table.title), style="bold"))
        if table.protocol:
            parts.append(Text(plain("; ".join(table.protocol)), style="dim"))
        parts += [_rich(shown, columns, width) for columns in blocks(shown, _widths(shown, width), width)]
        if left_out:
            parts.append(Text(plain(f"Left out: {', '.join(left_out)}; shown by {more} {ALL} (or {','.join(left_out[:2])})")))
        parts += [*(Text(line(note), style="dim") for note in shown.below()), Text("")]
    return Group(*parts)


def in_terminal(tables: Sequence[Table], width: int, more: str = "") -> str:
    """What a terminal of this many characters would show, as text without colours; the arguments are those of :func:`to_terminal`."""
    console = Console(file=StringIO(), width=width, markup=False, emoji=False, highlight=False, color_system=None)
    with console.capture() as shown:
        console.print(to_terminal(tables, width, more))
    return "\n".join(line.rstrip() for line in shown.get().splitlines())


def _limit(table: Table, place: int, width: int) -> int:
    """Number of characters after which a cell of a column is wrapped."""
    if table.columns[place].prose:
        return PROSE_WIDTH
    return max(NAME_WIDTHS[0], min(NAME_WIDTHS[1], width // 3)) if place == table.leading - 1 else width


def _widths(table: Table, width: int) -> list[int]:
    """Number of characters of every column, with the gap behind it."""
    lines = [[column.headed for column in table.columns], *table.texts()]
    longest = [max(len(part) for line in lines for part in line[place].split("\n")) for place in range(len(table.columns))]
    return [min(one, _limit(table, place, width)) + GAP for place, one in enumerate(longest)]


def _rich(table: Table, places: Sequence[int], width: int) -> RenderableType:
    grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for place in places:
        column = table.columns[place]
        name = place == table.leading - 1  # that of a configuration may be long, and is wrapped
        if name or column.prose:
            grid.add_column(Text(plain(column.headed)), max_width=_limit(table, place, width), overflow="fold")
        else:
            grid.add_column(Text(plain(column.headed)), justify="right", no_wrap=True)
    letters = table.footnotes()
    for row in table.rows:
        grid.add_row(*(_cell(row[place], table.columns[place], letters) for place in places))
    return grid


def _cell(cell: Cell, column: Column, letters: dict[str, str]) -> Text:
    """A value with its marks, and its interval below."""
    text = Text(cell.shown(column), style="bold green" if cell.best else "")
    shown = Text.assemble(text, f" {cell.mark}" if cell.mark else "", letters.get(cell.note, "").translate(RAISED))
    interval = cell.interval(column)
    return Text.assemble(shown, ("\n" + interval, "dim")) if interval else shown

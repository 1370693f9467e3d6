"""How is a table printed in a terminal?"""

from collections.abc import Sequence
from io import StringIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from ganbench.report.table import Table
from ganbench.text import plain

NAME_WIDTH = 48
"""Number of characters after which the name of a row is wrapped."""


def to_terminal(tables: Sequence[Table], width: int) -> RenderableType:
    """Formats tables for a terminal of this many characters; a table that is too wide is continued below."""
    parts: list[RenderableType] = []
    for table in tables:
        parts += [_rich(table, columns) for columns in _fitting(table, width)]
        parts += [*(Text(plain(note), style="dim") for note in table.notes), Text("")]
    return Group(*parts)


def in_terminal(tables: Sequence[Table], width: int) -> str:
    """What a terminal of this many characters would show, as text without colours."""
    console = Console(file=StringIO(), width=width, markup=False, emoji=False, highlight=False, color_system=None)
    with console.capture() as shown:
        console.print(to_terminal(tables, width))
    return "\n".join(line.rstrip() for line in shown.get().splitlines())


def _fitting(table: Table, width: int) -> list[list[int]]:
    """Divides the columns into groups that fit the width; the first column is repeated in each."""
    lines = [[column.heading for column in table.columns], *table.texts()]
    widths = [max(len(part) for line in lines for part in line[index].split("\n")) + 3 for index in range(len(table.columns))]
    widths[0] = min(widths[0], NAME_WIDTH + 3)
    groups: list[list[int]] = [[0]]
    for index in range(1, len(widths)):
        if len(groups[-1]) > 1 and sum(widths[column] for column in groups[-1]) + widths[index] > width:
            groups.append([0])
        groups[-1].append(index)
    return groups


def _rich(table: Table, columns: Sequence[int]) -> RenderableType:
    first = columns[1:2] == [1]
    grid = RichTable(
        title=plain(table.title) if first else None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for index in columns:
        if index == 0:  # the name of a configuration may be long and is wrapped
            grid.add_column(table.columns[index].heading, max_width=NAME_WIDTH)
        else:
            grid.add_column(table.columns[index].heading, justify="right", no_wrap=True)
    for row in table.rows:
        cells = [(row[index], table.columns[index]) for index in columns]
        grid.add_row(*(Text(cell.text(column), style="bold green" if cell.best else "") for cell, column in cells))
    return grid

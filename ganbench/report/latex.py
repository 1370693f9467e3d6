r"""How is a table written in LaTeX? (a snippet for ``\input``, which needs the package booktabs alone)

Every table is a float with a caption, and its notes below. Intervals stand in small print on a line of their own. What is wider than a
page is continued below, within the float; ``ganbench leaderboard --columns`` chooses what a paper has room for.
"""

from collections.abc import Iterable

from ganbench.report.selection import blocks
from ganbench.report.table import Cell, Column, Table
from ganbench.text import latex, line

LONG_NAME = 30
"""Number of characters from which the names of rows are wrapped."""
PREAMBLE = r"""% {heading}
% Needs \usepackage{{booktabs}} in the preamble; \input this file, or copy a table."""
TABLE = r"""\begin{{table}}[htbp]
\centering\small\setlength{{\tabcolsep}}{{4pt}}
\caption{{{caption}}}
{blocks}
\begin{{minipage}}{{\linewidth}}\footnotesize\raggedright
{notes}
\end{{minipage}}
\end{{table}}"""

BLOCK = r"""\begin{{tabular}}{{{kinds}}}
\toprule
{head}
\midrule
{body}
\bottomrule
\end{{tabular}}
\par\smallskip"""
ROOM = 75
"""Number of characters of a line: the 345 pt of ``article`` by the 4.6 pt of an average digit in ``\\small``."""
GAP, SMALL = 2, 0.8
"""Width of the space between columns in characters (8 pt), and of a character in small print."""


def to_latex(tables: Iterable[Table], heading: str) -> str:
    """Tables as LaTeX, in which names and notes are text and never commands.

    Args:
        tables: The tables.
        heading: What they are of, for a comment on the first line.
    """
    blocks = [PREAMBLE.format(heading=line(heading)), *(_table(table) for table in tables)]
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> str:
    letters = table.footnotes()
    notes = [rf"\textsuperscript{{{letter}}} {latex(note)}" for note, letter in letters.items()] + [latex(note) for note in table.notes]
    return TABLE.format(
        caption=latex(table.title) + (f". {latex('; '.join(table.protocol))}" if table.protocol else ""),
        blocks="\n".join(_block(table.of(places), letters) for places in blocks(table, _widths(table), ROOM)),
        notes="\n".join(rf"{note}\par" for note in notes),
    )


def _widths(table: Table) -> list[int]:
    """Number of characters of every column, with the gap behind it."""
    widths = []
    for place, column in enumerate(table.columns):
        cells = [row[place] for row in table.rows]
        texts = [*column.headed.split("\n"), *(cell.flat(column) + cell.mark for cell in cells)]
        longest = max([*map(len, texts), *(round(SMALL * len(cell.interval(column))) for cell in cells)])
        widths.append((LONG_NAME if _kind(table, place).startswith("p") else longest) + GAP)
    return widths


def _block(table: Table, letters: dict[str, str]) -> str:
    """A tabular of some columns, whose notes are on the whole table."""
    return BLOCK.format(
        kinds="".join(_kind(table, place) for place in range(len(table.columns))),
        head="\n".join(_row(texts) for texts in _head(table.columns)),
        body="\n".join(text for row in table.rows for text in _lines(row, table.columns, letters)),
    )


def _kind(table: Table, place: int) -> str:
    """The alignment of a column; sentences and long names are wrapped."""
    name = place == table.leading - 1
    if table.columns[place].prose or (name and any(len(str(row[place].value)) > LONG_NAME for row in table.rows)):
        return r"p{0.3\linewidth}"
    return "l" if name else "r"


def _head(columns: Iterable[Column]) -> list[list[str]]:
    """The lines of the headings, the last of which are on one height."""
    parts = [[latex(part) for part in column.headed.split("\n")] for column in columns]
    height = max(map(len, parts))
    padded = [[""] * (height - len(one)) + one for one in parts]
    return [[one[place] for one in padded] for place in range(height)]


def _lines(row: Iterable[Cell], columns: Iterable[Column], letters: dict[str, str]) -> list[str]:
    """A row, and a second one of its intervals if it has any."""
    cells = list(zip(row, columns, strict=True))
    values = [_value(cell, column, letters) for cell, column in cells]
    intervals = [_number(cell.interval(column)) for cell, column in cells]
    small = [rf"{{\scriptsize {one}}}" if one else "" for one in intervals]
    return [_row(values), *([_row(small)] if any(small) else [])]


def _row(texts: Iterable[str]) -> str:
    return " & ".join(texts) + r" \\"


def _value(cell: Cell, column: Column, letters: dict[str, str]) -> str:
    """A value with its marks."""
    text = cell.flat(column)
    shown = _number(text) if isinstance(cell.value, float | int) else latex(text)
    shown = rf"\textbf{{{shown}}}" if cell.best else shown
    mark = rf"~{latex(cell.mark)}" if cell.mark else ""
    return shown + mark + (rf"\textsuperscript{{{letters[cell.note]}}}" if cell.note else "")


def _number(text: str) -> str:
    """A formatted number or interval, with minus signs in the place of hyphens; brackets cannot be arguments of a line's end."""
    return latex(text).replace("-", "$-$")

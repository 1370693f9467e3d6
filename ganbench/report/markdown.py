"""How is a table written in Markdown? (one line a row, so that a diff shows which rows changed)"""

from collections.abc import Iterable

from ganbench.report.table import RAISED, Cell, Column, Table
from ganbench.text import line, markdown


def to_markdown(tables: Iterable[Table], heading: str) -> str:
    """Tables as one Markdown document, in which names and notes are text and never markup."""
    blocks = [f"# {markdown(heading)}"]
    for table in tables:
        letters = table.footnotes()
        cells = [[_cell(cell, column, letters) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows]
        marks = ["---" if _is_text(table, place) else "---:" for place in range(len(table.columns))]
        lines = [[markdown(f"{column.flat} {column.unit}") for column in table.columns], marks, *cells]
        blocks.append(f"## {markdown(table.title)}")
        blocks += [markdown("; ".join(table.protocol))] if table.protocol else []
        blocks.append("\n".join("| " + " | ".join(texts) + " |" for texts in lines))
        blocks += [f"*{markdown(note)}*" for note in table.below()]
    return "\n\n".join(blocks) + "\n"


def _is_text(table: Table, place: int) -> bool:
    return place == table.leading - 1 or table.columns[place].prose


def _cell(cell: Cell, column: Column, letters: dict[str, str]) -> str:
    """A value with its marks and its interval; brackets around numbers are no link, and need no escape."""
    text = cell.flat(column)
    shown = markdown(text) if isinstance(cell.value, str) else line(text)
    shown = f"**{shown}**" if cell.best else shown
    shown += (f" {cell.mark}" if cell.mark else "") + letters.get(cell.note, "").translate(RAISED)
    return " ".join([shown, *([line(interval)] if (interval := cell.interval(column)) else [])])

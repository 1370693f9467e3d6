"""How is a table written in Markdown?"""

from collections.abc import Iterable

from ganbench.report.table import Cell, Table
from ganbench.text import line, markdown


def to_markdown(tables: Iterable[Table], heading: str) -> str:
    """Tables as one Markdown document, in which names and notes are text and never markup."""
    blocks = [f"# {markdown(heading)}"]
    for table in tables:
        cells = [
            [_cell(text, cell) for text, cell in zip(texts, row, strict=True)] for texts, row in zip(table.texts(), table.rows, strict=True)
        ]
        marks = ["---" if index == 0 else "---:" for index in range(len(table.columns))]
        lines = [[markdown(column.heading) for column in table.columns], marks, *cells]
        blocks.append(f"## {markdown(table.title)}")
        blocks.append("\n".join("| " + " | ".join(texts) + " |" for texts in lines))
        blocks += [f"*{markdown(note)}*" for note in table.notes]
    return "\n\n".join(blocks) + "\n"


def _cell(text: str, cell: Cell) -> str:
    """A cell's text; brackets around numbers are no link, and need no escape."""
    shown = markdown(text) if isinstance(cell.value, str) else line(text)
    return f"**{shown}**" if cell.best else shown

"""How is a table written in Markdown?"""

from collections.abc import Iterable

from ganbench.report.table import Table


def to_markdown(tables: Iterable[Table], heading: str) -> str:
    """Tables as one Markdown document."""
    blocks = [f"# {heading}"]
    for table in tables:
        cells = [
            [f"**{text}**" if cell.best else text for text, cell in zip(texts, row, strict=True)]
            for texts, row in zip(table.texts(), table.rows, strict=True)
        ]
        marks = ["---" if index == 0 else "---:" for index in range(len(table.columns))]
        lines = [[column.heading for column in table.columns], marks, *cells]
        blocks.append(f"## {table.title}")
        blocks.append("\n".join("| " + " | ".join(text.replace("\n", " ").replace("|", "\\|") for text in line) + " |" for line in lines))
        blocks += [f"*{note}*" for note in table.notes]
    return "\n\n".join(blocks) + "\n"

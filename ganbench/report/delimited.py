"""How is a table written as CSV? (one line for every cell, with its interval, seeds and note in columns of their own)

Tables of unlike columns stand in one file so, no number is formatted or rounded, and a line that was filtered out still says under which
protocol it holds. ``pandas.read_csv(...).pivot(index="row", columns="column", values="value")`` gives the table again.
"""

import csv
import io
from collections.abc import Iterable

from ganbench.report.table import Table
from ganbench.text import cell as guarded
from ganbench.text import line

FIELDS = ("table", "protocol", "row", "column", "direction", "unit", "value", "low", "high", "ends", "n", "best", "note")
"""``ends`` says what low and high are: those of an ``interval``, or the smallest and largest of two ``seeds``."""
DIRECTIONS = {True: "higher is better", False: "lower is better", None: ""}


def to_csv(tables: Iterable[Table]) -> str:
    """Tables as CSV, in which no text begins a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for table in tables:
        for row in table.rows:
            whose = table.title, "; ".join(table.protocol), row[table.leading - 1].value
            for column, cell in zip(table.columns, row, strict=True):
                about = column.name, DIRECTIONS[column.higher_is_better], column.unit
                ends = "" if cell.low is None or cell.high is None else "seeds" if cell.of_seeds else "interval"
                fields = (*whose, *about, cell.value, cell.low, cell.high, ends, cell.n, cell.best, f"{cell.mark} {cell.note}".strip())
                writer.writerow([guarded(line(field)) if isinstance(field, str) else field for field in fields])
    return text.getvalue()

"""What is a table? (cells with values under a list of columns, whatever renders them)"""

from collections.abc import Callable
from dataclasses import dataclass

MISSING = "—"
"""Stands where nothing was measured."""


def number(value: float) -> str:
    """Three significant digits; exponents only for what is far below one in a thousand.

    >>> number(0.12345), number(12345.0)
    ('0.123', '12,345')
    """
    size = abs(value)
    if size >= 1e3:
        return f"{value:,.0f}" if size < 1e7 else f"{value:.1e}"
    if size == 0 or size >= 0.1:
        return f"{value:.{3 if size < 1 else 2 if size < 10 else 1}f}"
    return f"{value:.3g}" if size >= 1e-4 else f"{value:.1e}"


def whole(value: float) -> str:
    """Rounded to a whole number, with separators."""
    return f"{value:,.0f}"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A heading, and how its numbers are written."""

    heading: str
    """Parts on lines of their own are divided by line breaks."""
    written: Callable[[float], str] = number


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One value; None where nothing was measured."""

    value: float | str | None
    low: float | None = None
    """Of its interval, where there is one."""
    high: float | None = None
    best: bool = False
    """Whether it is set off: apart from all others of its column, on the better side."""

    def text(self, column: Column) -> str:
        """The cell as text, its interval on a line of its own."""
        if self.value is None:
            return MISSING
        if isinstance(self.value, str):
            return self.value
        interval = "" if self.low is None or self.high is None else f"\n[{column.written(self.low)}, {column.written(self.high)}]"
        return column.written(self.value) + interval


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cells in rows, the first of each naming its row."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def texts(self) -> list[list[str]]:
        """Every cell as text."""
        return [[cell.text(column) for cell, column in zip(row, self.columns, strict=True)] for row in self.rows]

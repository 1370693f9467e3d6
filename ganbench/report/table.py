"""What is a table, independent of how it is rendered? (cells with values under a list of columns)"""

from collections.abc import Callable
from dataclasses import dataclass

from ganbench.text import plain

MISSING = "—"
"""Text of a cell without a value."""


def number(value: float) -> str:
    """Formats a number with about three significant digits; exponents only below 1e-4 and from 1e7.

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
    """Formats a number rounded to an integer, with thousands separators."""
    return f"{value:,.0f}"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A heading, and how the numbers of the column are formatted."""

    heading: str
    """May contain line breaks."""
    written: Callable[[float], str] = number


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One value; None if nothing was measured."""

    value: float | str | None
    low: float | None = None
    """Ends of the value's interval, if it has one."""
    high: float | None = None
    spread: str = ""
    """What stands between the ends if they are those of the seeds and not of an interval ("(0.4 to 0.6)")."""
    best: bool = False
    """Whether it is highlighted, because its interval is better than all others of its column without overlap."""

    def text(self, column: Column) -> str:
        """The cell as text, with the interval on a second line."""
        if self.value is None:
            return MISSING
        if isinstance(self.value, str):
            return plain(self.value)
        if self.low is None or self.high is None:
            return column.written(self.value)
        low, high = column.written(self.low), column.written(self.high)
        return f"{column.written(self.value)}\n" + (f"({low}{self.spread}{high})" if self.spread else f"[{low}, {high}]")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells; the first cell of each row is its name."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def texts(self) -> list[list[str]]:
        """Every cell as text."""
        return [[cell.text(column) for cell, column in zip(row, self.columns, strict=True)] for row in self.rows]

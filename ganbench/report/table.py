"""What is a table, independent of how it is rendered? (cells with values under a list of columns)

Renderers decide how values, intervals, notes and marks look; what is in them is decided before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from ganbench.text import plain

MISSING = "—"
"""Text of a cell without a value."""
LETTERS = "abcdefghijklmnoprstuvwxyz"
"""Marks of notes on cells; q is left out, since few fonts raise it."""
RAISED = str.maketrans(LETTERS, "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")
ARROWS = {True: "↑", False: "↓", None: ""}


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
    """What the cells below a heading have in common."""

    heading: str
    """Without arrow and unit; may contain line breaks."""
    key: str = ""
    """Stable name by which the column is chosen and exported ("fd@digits-probe"); that of the heading's words if empty."""
    written: Callable[[float], str] = number
    """How its numbers are formatted for people."""
    higher_is_better: bool | None = None
    """None if neither is."""
    unit: str = ""
    priority: int = 0
    """Where there is no room, the column with the largest is left out first; one of 0 never is."""
    of_n: bool = False
    """Whether values are shares of the cells' ``n``, which people see as "2/3"."""
    bare: bool = False
    """Whether people see values without their intervals, which only data formats have."""
    prose: bool = False
    """Whether cells hold sentences, which may be wrapped."""

    @property
    def name(self) -> str:
        """Its key."""
        return self.key or "_".join(self.heading.lower().replace("/", " over ").split())

    @property
    def headed(self) -> str:
        """The heading with the arrow of the better direction and the unit."""
        return f"{self.heading}{self._arrow}" + (f"\n{self.unit}" if self.unit else "")

    @property
    def flat(self) -> str:
        """The heading on one line, without the unit."""
        return self.heading.replace("-\n", "").replace("\n/", "/").replace("\n", " ") + self._arrow

    @property
    def _arrow(self) -> str:
        return f" {ARROWS[self.higher_is_better]}" if ARROWS[self.higher_is_better] else ""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One value; None if nothing was measured."""

    value: float | str | None
    low: float | None = None
    """Ends of the value's interval, if it has one."""
    high: float | None = None
    of_seeds: bool = False
    """Whether the ends are the smallest and the largest seed, which are no interval."""
    n: int | None = None
    """Number of seeds, or other repetitions, that the value is taken from."""
    best: bool = False
    """Whether it is set off as the best of its column, or as tied with it."""
    note: str = ""
    """Why the value is missing, or what its reader must know: a note on the table, to which a letter leads."""
    mark: str = ""
    """A sign behind the value ("†") that a note on the table explains."""

    def shown(self, column: Column) -> str:
        """The value as text."""
        if self.value is None:
            return MISSING
        if isinstance(self.value, str):
            return plain(self.value)
        if column.of_n and self.n:
            return f"{round(self.value * self.n)}/{self.n}"
        return column.written(self.value)

    def flat(self, column: Column) -> str:
        """The value as text on one line; a word that is divided for narrow columns is whole."""
        return self.shown(column).replace("-\n", "").replace("\n", " ")

    def interval(self, column: Column) -> str:
        """The ends as text; empty if there are none, or people are not shown them."""
        if column.bare or self.value is None or self.low is None or self.high is None:
            return ""
        low, high = column.written(self.low), column.written(self.high)
        return f"({low} to {high})" if self.of_seeds else f"[{low}, {high}]"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of cells; the first cell of each row is its name, unless ``leading`` says otherwise."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    protocol: tuple[str, ...] = ()
    """What was compared with what, and how, in a few words each; empty if the title says it."""
    leading: int = 1
    """Number of columns that say which row it is: all of them stay wherever others are left out, and the last is the row's name."""

    def footnotes(self) -> dict[str, str]:
        """The letter of every note on a cell, in reading order; equal notes have one."""
        notes = dict.fromkeys(cell.note for row in self.rows for cell in row if cell.note)
        return dict(zip(notes, _letters(len(notes)), strict=True))

    def texts(self) -> list[list[str]]:
        """Every cell as text, with raised letters for its note, and its interval on a second line."""
        letters = self.footnotes()
        return [[_text(cell, column, letters) for cell, column in zip(row, self.columns, strict=True)] for row in self.rows]

    def below(self) -> list[str]:
        """What stands below the table as text: the notes on cells behind their letters, then those on the table."""
        return [*(f"{letter.translate(RAISED)} {note}" for note, letter in self.footnotes().items()), *self.notes]

    def of_cells(self) -> list[str]:
        """The notes on cells for readers without letters, each with the row's name."""
        return [f"{row[self.leading - 1].value}: {note}" for row in self.rows for note in dict.fromkeys(one.note for one in row) if note]

    def of(self, places: Sequence[int]) -> "Table":
        """The table with these columns alone, by their places."""
        rows = tuple(tuple(row[place] for place in places) for row in self.rows)
        return replace(self, columns=tuple(self.columns[place] for place in places), rows=rows)


def _letters(n: int) -> list[str]:
    """The first n of a, b, ..., z, aa, ab, ..."""
    width = 1
    while len(LETTERS) ** width < n:
        width += 1
    return ["".join(letters) for size in range(1, width + 1) for letters in product(LETTERS, repeat=size)][:n]


def _text(cell: Cell, column: Column, letters: dict[str, str]) -> str:
    first = cell.shown(column) + (f" {cell.mark}" if cell.mark else "") + letters.get(cell.note, "").translate(RAISED)
    interval = cell.interval(column)
    return f"{first}\n{interval}" if interval else first

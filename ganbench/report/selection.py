"""Which columns of a table are shown? (those that a user names, or those that fit)"""

from collections.abc import Iterable, Sequence

from ganbench.errors import RequestError, nearest
from ganbench.report.table import Table

ALL = "all"
"""What a user writes for all columns."""


def matches(key: str, name: str) -> bool:
    """Whether a user's word names a column: its key, or the part before the network.

    >>> matches("fd@digits-probe", "fd"), matches("fd.raw@digits-probe", "fd")
    (True, False)
    """
    return name in (key, key.partition("@")[0])


def words(text: str | None, option: str) -> tuple[str, ...]:
    """The names in an option, which commas separate; none if it was not given.

    Raises:
        RequestError: It was given without a name.
    """
    if text is None:
        return ()
    found = tuple(word.strip().lower() for word in text.split(",") if word.strip())
    if not found:
        raise RequestError(f"{option} names nothing; write names with commas between, such as {option} fd,recall")
    return found


def check_names(names: Iterable[str], keys: Iterable[str], option: str) -> None:
    """Checks that every name is that of a column.

    Raises:
        RequestError: One is not; the message names the nearest.
    """
    known = list(dict.fromkeys(keys))
    short = list(dict.fromkeys(key.partition("@")[0] for key in known))
    for name in names:
        if not any(matches(key, name) for key in known):
            guess = nearest(name, [*short, *known])
            choice = f"did you mean {guess}? " if guess else ""
            raise RequestError(f"{option} {name}: there is no such column; {choice}there are {', '.join(short) or 'none'}")


def chosen(tables: Sequence[Table], names: Sequence[str]) -> list[Table]:
    """Tables with the columns that a user names, in that order, behind those that say which row it is; tables without any are left out.

    Raises:
        RequestError: No table has a column of that name.
    """
    check_names(names, [column.name for table in tables for column in table.columns[table.leading :]], "--columns")
    found = []
    for table in tables:
        keys = [column.name for column in table.columns]
        named = [place for name in names for place in range(table.leading, len(keys)) if matches(keys[place], name)]
        if named:
            found.append(table.of([*range(table.leading), *dict.fromkeys(named)]))
    return found


def fitting(table: Table, widths: Sequence[int], room: int) -> tuple[Table, list[str]]:
    """A table without its least important columns, so that the others fit as far as they may be left out.

    Args:
        table: A table.
        widths: Of every column, in characters.
        room: Number of characters of a line.

    Returns:
        The table, and the names of what was left out, short where they stay unique.
    """
    kept = list(range(len(table.columns)))
    while sum(widths[place] for place in kept) > room:
        least = max(kept, key=lambda place: (table.columns[place].priority, place))
        if table.columns[least].priority == 0:
            break
        kept.remove(least)
    keys = [column.name for column in table.columns]
    short = [key.partition("@")[0] for key in keys]
    out = [place for place in range(len(keys)) if place not in kept]
    return table.of(kept), [short[place] if short.count(short[place]) == 1 else keys[place] for place in out]


def blocks(table: Table, widths: Sequence[int], room: int) -> list[list[int]]:
    """Divides the columns of a table into groups that fit a line, each behind the columns that say which row it is."""
    leading = list(range(table.leading))
    found = [list(leading)]
    for place in range(table.leading, len(widths)):
        if len(found[-1]) > table.leading and sum(widths[one] for one in found[-1]) + widths[place] > room:
            found.append(list(leading))
        found[-1].append(place)
    return found

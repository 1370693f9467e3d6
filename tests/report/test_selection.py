"""Are the columns shown that a user names, and is the nearest name told where there is none?"""

import pytest

from ganbench.errors import RequestError
from ganbench.report.selection import check_names, chosen, fitting, words
from ganbench.report.table import Cell, Column, Table

KEYS = ("fd@digits-probe", "fd.raw@digits-probe", "recall@digits-probe", "fd@pixels")


def table(*keys: str, leading: int = 2) -> Table:
    columns = tuple(Column(heading=key, key=key, priority=place) for place, key in enumerate(("rank", "variant", *keys)))
    return Table(title="t", columns=columns, rows=(tuple(Cell(value=column.key) for column in columns),), leading=leading)


def keys(found: Table) -> list[str]:
    return [column.name for column in found.columns[2:]]


def test_a_name_is_that_of_a_column_or_of_its_metric_with_any_network() -> None:
    (whole,) = chosen([table(*KEYS)], ["fd"])
    assert keys(whole) == ["fd@digits-probe", "fd@pixels"]
    (one,) = chosen([table(*KEYS)], ["fd.raw", "fd@pixels"])
    assert keys(one) == ["fd.raw@digits-probe", "fd@pixels"]
    (turned,) = chosen([table(*KEYS)], ["fd@pixels", "fd.raw", "fd"])  # in the order of the names, each once
    assert keys(turned) == ["fd@pixels", "fd.raw@digits-probe", "fd@digits-probe"]


def test_columns_that_name_the_row_stay_and_tables_without_any_other_are_left_out() -> None:
    found = chosen([table(*KEYS), table("duplicate_rate")], ["duplicate_rate"])
    assert [[column.name for column in one.columns] for one in found] == [["rank", "variant", "duplicate_rate"]]


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(RequestError, match="--columns recal: there is no such column; did you mean recall"):
        chosen([table(*KEYS)], ["fd", "recal"])
    with pytest.raises(RequestError, match="there are fd, fd.raw, recall$"):
        check_names(["xyz"], KEYS, "--metrics")


def test_names_stand_between_commas_and_there_is_at_least_one() -> None:
    assert words(" FD, recall,", "--columns") == ("fd", "recall") and words(None, "--columns") == ()
    with pytest.raises(RequestError, match="--columns names nothing"):
        words(" ,", "--columns")


def test_the_least_important_columns_go_first_and_get_short_names_where_these_are_unique() -> None:
    left, out = fitting(table(*KEYS), [5, 10, 10, 10, 10, 10], 25)
    assert keys(left) == ["fd@digits-probe"] and out == ["fd.raw", "recall", "fd@pixels"]


def test_columns_without_a_priority_are_never_left_out() -> None:
    whole = Table(title="t", columns=tuple(Column(heading=name) for name in "abc"), rows=())
    assert fitting(whole, [30, 30, 30], 50) == (whole, [])

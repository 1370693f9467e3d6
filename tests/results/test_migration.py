"""Is a record of an older schema led through one function a schema, and is a newer one refused?"""

import json
from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import RequestError
from ganbench.results import record as records
from ganbench.results.migration import MIGRATIONS, SCHEMA_VERSION, check_schema, migrated
from ganbench.results.record import digest, read_record

GOLDEN = Path(__file__).parents[1] / "golden" / "record-v1.json"


def test_there_is_a_function_for_every_schema_before_the_current_one() -> None:
    assert sorted(MIGRATIONS) == list(range(1, SCHEMA_VERSION))


def of_schema_0() -> dict[str, Any]:
    """The golden record as a schema 0, which never was, would have had it: with milliseconds, and another name of the attempts."""
    fields: dict[str, Any] = json.loads(GOLDEN.read_text())
    fields["tries"] = fields.pop("attempts")
    for scored in (fields, *fields["evaluations"]):
        for score in scored["scores"]:
            score["milliseconds"] = 1_000 * score.pop("seconds")
    fields["schema_version"] = 0
    return {**fields, "digest": digest(fields)}


def from_0(fields: dict[str, Any]) -> dict[str, Any]:
    """What would lead on from it."""
    current = {**fields, "attempts": fields["tries"]}
    del current["tries"]
    for scored in (current, *current["evaluations"]):
        scored["scores"] = [
            {**{key: value for key, value in score.items() if key != "milliseconds"}, "seconds": score["milliseconds"] / 1_000}
            for score in scored["scores"]
        ]
    return current


@pytest.fixture
def with_schema_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "check_schema", lambda fields, where: check_schema(fields, where, {0: from_0}))
    monkeypatch.setattr(records, "migrated", lambda fields, where: migrated(fields, where, {0: from_0}))


@pytest.mark.usefixtures("with_schema_0")
def test_a_record_of_an_older_schema_is_read_as_one_of_todays(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(of_schema_0()))
    old, new = read_record(tmp_path / "old.json"), read_record(GOLDEN)
    assert old == new and old.schema_version == SCHEMA_VERSION


@pytest.mark.usefixtures("with_schema_0")
@pytest.mark.parametrize("change", [{"tries": 3}, {"digest": "00"}])
def test_the_digest_is_that_of_the_schema_in_which_it_was_written(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "old.json").write_text(json.dumps({**of_schema_0(), **change}))
    with pytest.raises(RequestError, match="has changed since it was written"):
        read_record(tmp_path / "old.json")


@pytest.mark.usefixtures("with_schema_0")
@pytest.mark.parametrize("change", [{"evaluations": None}, {"evaluations": [3]}, {"evaluations": [{"scores": [{}]}]}, {"evaluations": "x"}])
def test_what_is_no_record_of_its_schema_is_refused_in_one_line(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "old.json").write_text(json.dumps({**of_schema_0(), **change, "digest": ""}))
    with pytest.raises(RequestError, match="damaged, is no record of schema 0"):
        read_record(tmp_path / "old.json")


def test_functions_follow_each_other_until_the_current_schema() -> None:
    steps = {one: lambda fields, one=one: {**fields, "passed": [*fields.get("passed", ()), one]} for one in range(3)}
    assert migrated({"schema_version": 1}, "x", steps, 3) == {"schema_version": 3, "passed": [1, 2]}
    check_schema({"schema_version": 0}, "x", steps, 3)


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 10**30])
def test_a_newer_schema_is_refused_with_the_remedy(version: int) -> None:
    with pytest.raises(RequestError, match=f"record of schema {version}; this ganbench reads {SCHEMA_VERSION}, so update ganbench"):
        check_schema({"schema_version": version}, "x")


@pytest.mark.parametrize("version", [0, -1, -(10**30)])
def test_an_older_schema_that_never_was_is_refused(version: int) -> None:
    with pytest.raises(RequestError, match="nothing leads on"):
        check_schema({"schema_version": version}, "x")


@pytest.mark.parametrize("fields", [{}, {"schema_version": True}, {"schema_version": "1"}, {"schema_version": 1.0}])
def test_what_has_no_schema_is_no_record(fields: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="not a ganbench record"):
        check_schema(fields, "x")

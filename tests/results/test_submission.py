"""Is every file that is no record as ``add`` writes it found, whatever is in it, and is nothing of it run or followed?"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import RequestError
from ganbench.plan.spec import run_id
from ganbench.results.record import Record, digest, read_record, write_record
from ganbench.results.repository import Limits
from ganbench.results.submission import read_repository, read_submission
from ganbench.storage import compressed, json_text

LIMIT = Limits().record_bytes
Honest = Callable[..., Record]


@pytest.fixture
def board(tmp_path: Path, honest: Honest) -> Path:
    """A repository with one record."""
    (tmp_path / "records").mkdir()
    write_record(tmp_path / "records" / "dcgan-digits-s0-ddccf5b2.json", honest())
    return tmp_path


def found(board: Path) -> dict[str, list[str]]:
    """By file, what is said about it."""
    _, findings = read_repository(board, LIMIT)
    assert all(finding.refuses and "\n" not in finding.text for finding in findings)
    return {
        name: [one.text for one in findings if one.file == f"records/{name}"] for name in {one.file.split("/", 1)[1] for one in findings}
    }


def the_record(board: Path) -> Path:
    return next((board / "records").glob("*.json"))


def test_a_record_as_add_writes_it_has_no_finding(board: Path, honest: Honest) -> None:
    the_record(board).rename(board / "records" / f"{honest().spec.slug}.json")
    (board / "records" / ".gitkeep").touch()
    records, findings = read_repository(board, LIMIT)
    assert [one.record for one in records] == [honest()] and findings == []
    assert records[0].name == f"{honest().spec.slug}.json"


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder.json": (lambda path: path.mkdir(), "is no ordinary file"),
    "link.json": (lambda path: path.symlink_to("/etc/passwd"), "is a link"),
    "dangling.json": (lambda path: path.symlink_to("/nowhere"), "is a link"),
    "pipe.json": (os.mkfifo, "is no ordinary file"),
    "page.html": (lambda path: path.write_text("<script>"), "is no .json file"),
    "program.py": (lambda path: path.write_text("raise SystemExit"), "is no .json file"),
    "record.json.gz": (lambda path: path.write_bytes(compressed(b"{}")), "is no .json file"),
    "empty.json": (lambda path: path.touch(), "not valid JSON"),
    "cut.json": (lambda path: path.write_text('{"schema_version": 1, "run'), "not valid JSON"),
    "deep.json": (lambda path: path.write_text("[" * 100_000), "nested too deeply"),
    "list.json": (lambda path: path.write_text("[]"), "holds no JSON object"),
    "nan.json": (lambda path: path.write_text('{"schema_version": 1, "value": NaN}'), "NaN is no JSON number"),
    "digits.json": (lambda path: path.write_text('{"schema_version": ' + "9" * 5_000 + "}"), "not valid JSON"),
    "other.json": (lambda path: path.write_text('{"name": "left-pad"}'), "not a ganbench record"),
    "newer.json": (
        lambda path: path.write_text('{"schema_version": 99}'),
        "record of schema 99; this ganbench reads 1, so update ganbench",
    ),
    "large.json": (lambda path: path.write_text(f'{{"schema_version": 1, "notes": ["{"a" * LIMIT}"]}}'), "limits.record_bytes allows"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_record_is_named_and_the_rest_is_read(board: Path, name: str) -> None:
    make, words = ODD[name]
    make(board / "records" / name)
    records, _ = read_repository(board, LIMIT)
    assert len(records) == 1
    (said,) = found(board)[name]
    assert words in said


def test_a_file_that_expands_to_more_than_allowed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb.json.gz").write_bytes(compressed(b"[" + b" " * 2 * LIMIT + b"]"))
    assert (tmp_path / "bomb.json.gz").stat().st_size < LIMIT / 50
    with pytest.raises(RequestError, match="limits.record_bytes allows"):
        read_submission(tmp_path / "bomb.json.gz", "bomb.json.gz", LIMIT)


def test_records_behind_a_link_are_not_looked_at(tmp_path: Path, board: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "records").symlink_to(board / "records")
    records, (finding,) = read_repository(other, LIMIT)
    assert records == [] and "is no folder" in finding.text


def rewritten(board: Path, change: Callable[[dict[str, Any]], object], sealed: bool = True) -> list[str]:
    """Findings about the record after a change, with a digest that agrees."""
    path = the_record(board)
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json_text({**fields, "digest": digest(fields)} if sealed else fields))
    return found(board)[path.name]


def test_a_changed_record_is_refused_by_its_digest_and_one_without_a_digest_too(board: Path) -> None:
    assert "has changed since it was written" in rewritten(board, lambda fields: fields.update(attempts=1), sealed=False)[0]
    assert "has no digest" in rewritten(board, lambda fields: fields.update(digest="", attempts=2), sealed=False)[0]


def test_an_id_that_cannot_be_checked_is_refused(board: Path) -> None:
    said = rewritten(board, lambda fields: fields.update(id_version=0, run_id="0" * 16))
    assert "its id is of version 0" in said[0]


def test_a_run_has_one_name_whatever_its_method_is_called(board: Path, honest: Honest) -> None:
    assert found(board) == {"dcgan-digits-s0-ddccf5b2.json": [f"the name of this run's file is {honest().spec.slug}.json"]}


@pytest.mark.parametrize("name", ["../../../etc/x.py:A", "<script>.py:A", "a" * 300 + ".py:A", "\x1b[2J.py:A", "..", "", "/"])
def test_the_name_of_a_file_is_one_of_files_and_keeps_the_id(tmp_path: Path, honest: Honest, name: str) -> None:
    record = honest()
    spec = replace(record.spec, variant=replace(record.spec.variant, name=name))
    write_record(tmp_path / "record.json", replace(record, spec=spec, run_id=run_id(spec)))
    one = read_submission(tmp_path / "record.json", "x", LIMIT)
    assert one.name == Path(one.name).name and one.name.isascii() and len(one.name) < 100
    assert one.name.endswith(f"-{one.record.run_id[:8]}.json")


def test_what_hides_behind_equal_values_is_found(board: Path, honest: Honest) -> None:
    path = the_record(board).rename(board / "records" / f"{honest().spec.slug}.json")
    text = path.read_text()
    twice = text.replace('"attempts": 2', '"attempts": 77,\n "attempts": 2')
    for hidden in (twice, text.replace("\n", "\n\n", 1), text + " ", json.dumps(json.loads(text))):
        path.write_text(hidden)
        assert read_record(path) == honest()
        (said,) = found(board)[path.name]
        assert "not written as `ganbench leaderboard add` writes it" in said
    path.write_bytes(compressed(text.encode()))
    assert "not written as" in found(board)[path.name][0]

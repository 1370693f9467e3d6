"""Is every own file that is damaged told in one line, and every write whole or not there?"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench import storage
from ganbench.content import content_hash
from ganbench.errors import DataError, RequestError
from ganbench.plan.runtime import read_runtime
from ganbench.plan.spec import read_spec
from ganbench.plan.suite import load_suite
from ganbench.results.record import read_record
from ganbench.storage import MAX_DEPTH, parsed_json, parsed_toml, read_json, sweep, write_text
from ganbench.targets import Target

DAMAGED = {
    "empty": b"",
    "cut": b'{"a": ',
    "a list": b"[]",
    "a number": b"5",
    "not UTF-8": b'{"a": "\xff"}',
    "half a character": b'{"a": "\\ud800"}',
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "nested 100,000 deep": b'{"a": ' + b"[" * 100_000,
    "nested 100 deep": b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}",
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize(
    ("file", "read"),
    [
        ("record.json", lambda folder: read_record(folder / "record.json")),
        ("spec.json", read_spec),
        ("runtime.json", read_runtime),
        ("any.json", lambda folder: read_json(folder / "any.json")),
    ],
    ids=["record", "spec", "runtime", "any"],
)
def test_a_damaged_file_is_one_line_that_names_it(tmp_path: Path, name: str, file: str, read: Callable[[Path], Any]) -> None:
    (tmp_path / file).write_bytes(DAMAGED[name])
    with pytest.raises(RequestError) as told:
        read(tmp_path)
    assert str(tmp_path / file) in str(told.value) and "\n" not in str(told.value) and len(str(told.value)) < 400


SUITE = 'name = "x"\n[[matrix]]\nvariants = ["gan"]\ndatasets = ["ring8"]\nseeds = [0]\nbudget_images = %s\n' + (
    'evaluation = { extractor = "identity", metrics = ["fd"], n_fake = 100 }\n'
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"x = " + b"[" * 5_000, "not valid TOML: nested too deeply"),
        (b"x = " + b"[" * 100 + b"]" * 100, "not valid TOML: nested too deeply"),
        ((SUITE % ("9" * 5_000)).encode(), "not valid TOML"),
        (b"\xff", "cannot be read as text"),
        (b'name = "a\x00b"', "not valid TOML"),
        ((SUITE % 1).replace('"gan"', '"a\\u0000.py:A"').encode(), "NUL"),
        ((SUITE % 1).replace('"gan"', '"' + "a" * 5_000 + '.py:A"').encode(), "no such file"),
        (((SUITE % 1).replace('"ring8"', '"f"') + '[datasets.f]\npath = "a\\u0000b"\n').encode(), "NUL"),
        (((SUITE % 1).replace('"ring8"', '"f"') + '[datasets.f]\npath = "' + "b" * 5_000 + '"\n').encode(), "does not exist"),
        (((SUITE % 1) + '"config.a\\u0000" = 1\n').encode(), "NUL"),
    ],
    ids=["open", "deep", "digits", "utf8", "raw-nul", "nul-variant", "long-variant", "nul-data", "long-data", "nul-key"],
)
def test_a_damaged_suite_is_one_line(tmp_path: Path, text: bytes, words: str) -> None:
    (tmp_path / "suite.toml").write_bytes(text)
    with pytest.raises(RequestError, match=words) as told:
        load_suite(str(tmp_path / "suite.toml"))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["a\0b.toml", "x" * 5_000 + ".toml"])
def test_a_name_that_no_file_can_have_is_no_traceback(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError):
        load_suite(name)
    with pytest.raises(DataError, match="does not exist"):
        content_hash(tmp_path / name)
    with pytest.raises(RequestError, match="no such file"):
        Target(f"{name}.py", "A").below(tmp_path)
    with pytest.raises(RequestError, match="cannot be read"):
        read_json(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "record.json")
    with pytest.raises(RequestError, match="is no file"):
        read_record(tmp_path / "record.json")


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MAX_BYTES", 10 * 2**20)
    with (tmp_path / "record.json").open("wb") as file:
        file.truncate(11 * 2**20)  # of which nothing is on the disk
    with pytest.raises(RequestError, match="larger than 10 MiB"):
        read_record(tmp_path / "record.json")


def test_what_is_just_within_the_depth_is_read() -> None:
    assert parsed_json(b'{"a": ' * (MAX_DEPTH - 1) + b"1" + b"}" * (MAX_DEPTH - 1), "here")
    with pytest.raises(RequestError, match="nested too deeply"):
        parsed_json(b'{"a": ' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "here")
    assert parsed_toml('a = "é \\\\u0000"', "here") == {"a": "é \\u0000"}  # the backslash is escaped: no NUL


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "a.json", "old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    def pressed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            write_text(tmp_path / "a.json", "new")
        patch.setattr(os, "fsync", pressed)
        with pytest.raises(KeyboardInterrupt):
            write_text(tmp_path / "a.json", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "old")]


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    if sys.platform.startswith("linux"):
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # a zombie
        assert not storage._alive(child)
    os.waitpid(child, 0)  # its id is no process's now
    names = {pid: f".record.json.{pid}@{storage._host()}{storage.PARTIAL}" for pid in (child, os.getppid(), os.getpid())}
    other_host = f".record.json.{child}@{'0' * 8}{storage.PARTIAL}"
    for name in (*names.values(), other_host, ".mine", "record.json"):
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {names[os.getppid()], other_host, ".mine", "record.json"}

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganbench import storage
from ganbench.errors import RequestError
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import from_json, run_id, to_json
from ganbench.report.frame import frame as table_of
from ganbench.report.frame import load_results
from ganbench.results.events import EventLog
from ganbench.results.folders import (
    claim,
    find_records,
    finished,
    heartbeat,
    holder,
    read_records,
    run_folder,
    running,
    write_manifest,
)
from ganbench.results.record import Record, read_record, write_record
from ganbench.statistics.leaderboard import leaderboards
from ganbench.storage import writable_folder, write_json, write_text

FINISHED = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
SPEC = FINISHED.spec
OTHER = replace(SPEC, seed=1)


def log_of(tmp_path: Path) -> EventLog:
    log = EventLog(tmp_path / "events.jsonl")
    log.append("start", time="first")
    for seen in (100, 200, 300):
        log.append("tick", images_seen=seen)
        log.append("evaluation", images_seen=seen)
    log.append("start", time="second")
    return log


def test_events_come_back_in_order_and_by_kind(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    assert [event["kind"] for event in log] == ["start", *["tick", "evaluation"] * 3, "start"]
    assert [event["images_seen"] for event in log.of("tick")] == [100, 200, 300]
    assert list(EventLog(tmp_path / "none.jsonl")) == []


def test_truncation_drops_what_lies_behind_the_checkpoint_and_keeps_the_attempts(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.truncate(200)
    assert [event["images_seen"] for event in log.of("evaluation")] == [100, 200]
    assert [event["time"] for event in log.of("start")] == ["first", "second"]
    log.truncate(-1)
    assert [event["kind"] for event in log] == ["start", "start"]


def test_a_last_line_that_a_kill_cut_short_is_left_out_and_truncation_mends_the_file(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    text = log.path.read_text()
    log.path.write_text(text + '{"kind": "tick", "images_se')
    assert list(log) == [json.loads(line) for line in text.splitlines()]
    log.truncate(300)
    log.append("tick", images_seen=400)
    assert [event["images_seen"] for event in log.of("tick")] == [100, 200, 300, 400]


@pytest.mark.parametrize("torn", ['{"kind": "tick", "images_se', '{"kind": "evaluation", "label": "FD\u00b7'])
def test_a_start_appended_behind_a_torn_line_is_not_lost(tmp_path: Path, torn: str) -> None:
    log = log_of(tmp_path)
    # what a kill leaves in the middle of a write: half a line, and half of a character at that
    log.path.write_bytes(log.path.read_bytes() + torn.encode()[: -1 if torn.endswith("\u00b7") else None])
    log.append("start", time="third")
    assert [event["time"] for event in log.of("start")] == ["first", "second", "third"]


DAMAGED = [
    "5",
    "[]",
    "null",
    '{"kind": "tick"}',
    '{"kind": 7}',
    '{"kind": "end", "images_seen": true}',
    "{",
    "",
    "\x00",
    '{"kind": "start"',
]


@pytest.mark.parametrize("line", DAMAGED)
@pytest.mark.parametrize("place", [0, 3, 8], ids=["first", "middle", "last"])
def test_any_other_line_that_cannot_be_read_is_named_and_hides_what_follows(tmp_path: Path, line: str, place: int) -> None:
    log = log_of(tmp_path)
    lines = log.path.read_text().splitlines()
    log.path.write_text("\n".join([*lines[:place], line, *lines[place:]]) + "\n")
    events, fault = log.scan()
    assert (len(events), fault) == (place, f"{log.path}: line {place + 1} is damaged")
    with pytest.raises(RequestError, match=f"line {place + 1} is damaged") as told:
        list(log)
    assert "\n" not in str(told.value)
    log.truncate(300)  # mends it
    assert [json.dumps(event, sort_keys=True) for event in log] == lines


def test_what_tells_of_attempts_outlives_truncation(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.append("interrupted", reason="the disk is full")
    log.append("note", text="x")
    log.append("end", images_seen=300)
    log.truncate(-1)
    assert [event["kind"] for event in log] == ["start", "start", "interrupted", "note"]


def test_a_position_holds_while_the_lines_before_it_are_as_they_were(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    position = log.position()
    log.append("tick", images_seen=400)
    log.append("start", time="third")
    assert log.holds(position)
    log.truncate(300)
    assert log.holds(position) and [event["images_seen"] for event in log.of("tick")] == [100, 200, 300]
    log.path.write_bytes(log.path.read_bytes().replace(b"200", b"201", 1))
    assert not log.holds(position)
    log.path.write_bytes(b"")
    assert not log.holds(position)


def test_the_manifest_keeps_the_cells_of_earlier_suites(tmp_path: Path) -> None:
    write_manifest(tmp_path, "first", [SPEC])
    write_manifest(tmp_path, "second", [OTHER, SPEC])
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["manifest_version"] == 1
    assert set(manifest["cells"]) == {run_id(SPEC), run_id(OTHER)}
    assert manifest["cells"][run_id(OTHER)]["folder"] == f"runs/{OTHER.slug}"
    assert from_json(manifest["cells"][run_id(SPEC)]["spec"], "manifest") == SPEC


@pytest.mark.parametrize("cells", ["[]", "5", "null", '"x"'])
def test_a_manifest_whose_cells_are_no_table_is_one_line(tmp_path: Path, cells: str) -> None:
    (tmp_path / "manifest.json").write_text(f'{{"cells": {cells}}}')
    with pytest.raises(RequestError, match="its cells are no JSON object"):
        write_manifest(tmp_path, "first", [SPEC])


def test_a_run_directory_belongs_to_one_spec(tmp_path: Path) -> None:
    folder = tmp_path / "cell"
    claim(folder, SPEC, Runtime())
    claim(folder, SPEC, Runtime())
    with pytest.raises(RequestError, match="belongs to another run"):
        claim(folder, OTHER, Runtime())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    with pytest.raises(RequestError, match="is not empty"):
        claim(tmp_path / "full", SPEC, Runtime())
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["letter.txt"]


def test_a_record_in_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, OTHER)
    folder.mkdir(parents=True)
    assert finished(tmp_path, OTHER) is None
    write_record(folder / "record.json", FINISHED)
    with pytest.raises(RequestError, match="belongs to run"):
        finished(tmp_path, OTHER)
    assert [record.run_id for record in read_records(tmp_path)] == [FINISHED.run_id]


def put(folder: Path, record: Record) -> None:
    folder.mkdir(parents=True)
    write_json(folder / "spec.json", to_json(record.spec))
    write_record(folder / "record.json", record)


def test_a_run_whose_folder_was_copied_counts_once_everywhere(tmp_path: Path) -> None:
    second = replace(FINISHED, spec=OTHER, run_id=run_id(OTHER))
    for record in (FINISHED, second):
        put(run_folder(tmp_path, record.spec), record)
    for name in ("a-copy", "z copy"):
        shutil.copytree(run_folder(tmp_path, SPEC), tmp_path / "runs" / name)
    shutil.copytree(run_folder(tmp_path, SPEC), tmp_path / "runs" / "other seed")
    forged = json.loads((tmp_path / "runs" / "other seed" / "record.json").read_text())
    forged["spec"]["seed"] = 2
    (tmp_path / "runs" / "other seed" / "record.json").write_text(json.dumps(forged))
    found = find_records(tmp_path)
    assert found.records == (FINISHED, second)
    (fault,) = found.faults
    assert "other seed" in fault and "has changed since it was written" in fault
    with pytest.warns(UserWarning, match="other seed"):
        frame = load_results(tmp_path)
    assert len(frame[(frame["metric"] == "fd") & (frame["weights"] == "ema")]) == 2
    assert len(table_of([FINISHED, FINISHED, second])) == len(frame)
    (board,) = leaderboards([FINISHED, FINISHED, second])
    assert [len(row.records) for row in board.rows] == [2]


def test_an_interrupted_run_is_found_with_its_reason_until_it_has_a_record(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, SPEC)
    folder.mkdir(parents=True)
    write_json(folder / "spec.json", to_json(SPEC))
    log = EventLog(folder / "events.jsonl")
    log.append("start", time="first")
    assert find_records(tmp_path).interrupted == ()  # nothing says that it is not running
    log.append("tick", images_seen=64, images=64, seconds=1.0, warm_up=False)
    log.append("interrupted", time="later", reason="the disk is full")
    (stopped,) = find_records(tmp_path).interrupted
    assert (stopped.status, stopped.reason, stopped.images_seen, stopped.run_id) == ("interrupted", "the disk is full", 64, run_id(SPEC))
    assert list(load_results(tmp_path)["status"]) == ["interrupted"]
    log.append("start", time="second")
    assert find_records(tmp_path).interrupted == ()
    log.path.write_bytes(b"7\n")
    assert find_records(tmp_path).faults == ()  # the next attempt mends it
    write_record(folder / "record.json", FINISHED)
    assert find_records(tmp_path).records == (FINISHED,)


def test_the_holder_of_a_run_is_named_while_it_holds_it(tmp_path: Path) -> None:
    assert holder(tmp_path / "nowhere") is None and holder(tmp_path) is None
    (tmp_path / "running").write_text("left by a kill")
    assert holder(tmp_path) is None
    with running(tmp_path):
        assert holder(tmp_path) == f"process {os.getpid()}"
        with (tmp_path / "running").open("r+") as marker:
            marker.truncate(0)
        assert holder(tmp_path) == "another process"
    assert holder(tmp_path) is None


def test_the_marker_is_held_by_one_and_gone_after_even_an_error(tmp_path: Path) -> None:
    with running(tmp_path):
        marker = json.loads((tmp_path / "running").read_text())
        assert marker["pid"] == os.getpid()
        assert os.uname().nodename not in (tmp_path / "running").read_text()
        with pytest.raises(RequestError, match="another process is working on this run"), running(tmp_path):
            raise AssertionError("two at once")
        assert json.loads((tmp_path / "running").read_text()) == marker
        os.utime(tmp_path / "running", (0, 0))
        heartbeat(tmp_path)
        assert time.time() - (tmp_path / "running").stat().st_mtime < 60
    assert not (tmp_path / "running").exists()
    with pytest.raises(KeyError), running(tmp_path):
        raise KeyError
    assert not (tmp_path / "running").exists()


def test_a_holder_that_is_killed_drops_its_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from ganbench.results.folders import running\n"
        "with running(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(RequestError, match=str(holder.pid)), running(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait(20)
    assert (tmp_path / "running").exists()  # what a kill leaves behind
    with running(tmp_path):
        assert json.loads((tmp_path / "running").read_text())["pid"] == os.getpid()


def test_a_write_that_dies_before_the_rename_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    write_text(path, "old")

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            write_text(path, "new")
    assert path.read_text() == "old"
    write_text(path, "newer")
    assert path.read_text() == "newer"


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": None})
    assert path.read_text() == '{\n "a": null,\n "b": 1\n}\n'
    for bad in (float("nan"), object()):
        with pytest.raises((ValueError, TypeError)):
            write_json(path, bad)
    assert json.loads(path.read_text()) == {"a": None, "b": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RequestError, match="is not a folder"):
            writable_folder(path)
    assert writable_folder(tmp_path / "a" / "b").is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []

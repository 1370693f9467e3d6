import json
import os
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
from ganbench.plan.spec import from_json, run_id
from ganbench.results.events import EventLog
from ganbench.results.folders import claim, finished, heartbeat, read_records, run_folder, running, write_manifest
from ganbench.results.record import read_record, write_record
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


def test_the_manifest_keeps_the_cells_of_earlier_suites(tmp_path: Path) -> None:
    write_manifest(tmp_path, "first", [SPEC])
    write_manifest(tmp_path, "second", [OTHER, SPEC])
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["manifest_version"] == 1
    assert set(manifest["cells"]) == {run_id(SPEC), run_id(OTHER)}
    assert manifest["cells"][run_id(OTHER)]["folder"] == f"runs/{OTHER.slug}"
    assert from_json(manifest["cells"][run_id(SPEC)]["spec"], "manifest") == SPEC


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

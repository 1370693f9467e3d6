"""Does `report` write a page of results from anywhere without torch, tell every fault, and name commands that repeat the runs?"""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganbench.plan.spec import run_id, to_json
from ganbench.report.charts.chart import Chart
from ganbench.report.sections import command
from ganbench.results.folders import run_folder
from ganbench.results.record import Record, read_record, write_record
from ganbench.storage import write_json

GOLDEN = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
Command = Callable[..., Any]


def stored(out: Path, seed: int) -> Record:
    spec = replace(GOLDEN.spec, seed=seed)
    record = replace(GOLDEN, spec=spec, run_id=run_id(spec))
    folder = run_folder(out, spec)
    folder.mkdir(parents=True)
    write_json(folder / "spec.json", to_json(spec))
    return write_record(folder / "record.json", record)


def test_results_of_several_places_become_one_report_without_torch(ganbench: Command, tmp_path: Path) -> None:
    stored(tmp_path / "a", 0)
    stored(tmp_path / "b", 1)
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    (tmp_path / "copy" / "runs" / "broken").mkdir()
    (tmp_path / "copy" / "runs" / "broken" / "record.json").write_text('{"schema_version": 1, "cut')
    call = [sys.executable, "-X", "importtime", "-m", "ganbench", "report", "a", "b", "copy", "--out", "site", "--title", "Ours & theirs"]
    done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1, done.stderr  # one record was left out
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert said[0] == "report: site/index.html" and "records/" in said[1]
    assert any(line.startswith("counted once: copy/runs/") for line in said)
    assert any(line.startswith("left out: copy/runs/broken/record.json") for line in said)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "jinja2" in imported and not imported & {"torch", "torchvision", "pandas", "matplotlib", "sklearn"}
    page = (tmp_path / "site" / "index.html").read_text()
    assert "<title>Ours &amp; theirs</title>" in page and "2 runs of 1 variant on digits: 2 done" in page
    assert "copy/runs/broken/record.json" in page and "counted once" in page
    again = ganbench("report", "site/records", "--out", "again", "--title", "Ours & theirs")
    assert again.code == 0, again.err
    assert (tmp_path / "again" / "leaderboard.csv").read_text() == (tmp_path / "site" / "leaderboard.csv").read_text()


def test_what_cannot_be_reported_is_refused_in_one_line(ganbench: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no results" in ganbench("report", "empty").one_line()
    assert "there is no such folder or file" in ganbench("report", "nothing").one_line()
    (tmp_path / "x.json").write_text("{}")
    assert "no record can be read, the first because of this: x.json" in ganbench("report", "x.json").one_line()
    (tmp_path / "taken").write_text("")
    stored(tmp_path / "a", 0)
    assert "taken" in ganbench("report", "a", "--out", "taken").one_line()


def test_a_run_is_repeated_from_its_record_with_the_command_of_the_page(
    ganbench: Command, suite: Callable[..., Path], tmp_path: Path
) -> None:
    suite()
    assert ganbench("run", "suite.toml", "--out", "out", "--device", "cpu").code == 0
    assert ganbench("report", "out", "--out", "site").code == 0
    (file,) = (tmp_path / "site" / "records").iterdir()
    first = read_record(file)
    said = command(first, f"records/{file.name}")
    assert f"<code>{said}</code>" in (tmp_path / "site" / "index.html").read_text()
    words = shlex.split(said)
    assert words[0] == "ganbench"
    assert ganbench(*words[1:], "--device", "cpu", cwd=tmp_path / "site").code == 0
    again = read_record(tmp_path / "site" / words[-1] / "record.json")
    assert again.weights_sha256 == first.weights_sha256 and again.run_id == first.run_id


def test_the_python_file_of_a_record_runs_only_if_that_is_allowed(ganbench: Command, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("open('ran', 'w').close()\n")
    data = json.loads((Path(__file__).parents[1] / "golden" / "record-v1.json").read_text())
    data["spec"]["variant"] |= {"name": "evil.py:Evil", "path": "evil.py", "content": "0" * 64}
    (tmp_path / "record.json").write_text(json.dumps(data))
    said = ganbench("run", "--spec", "record.json", "--out", "again").one_line()
    assert "a record whose method is the Python file evil.py, of which nothing has run" in said and "--trust" in said
    assert not (tmp_path / "ran").exists() and not (tmp_path / "again").exists()


def test_a_folder_with_records_of_another_report_is_refused(ganbench: Command, tmp_path: Path) -> None:
    stored(tmp_path / "a", 0)
    stored(tmp_path / "b", 1)
    assert ganbench("report", "a", "--out", "site").code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()}
    assert "holds 1 records that are not in this report" in ganbench("report", "b", "--out", "site").one_line()
    assert "is one of the folders whose records are reported" in ganbench("report", "site", "--out", "site").one_line()
    assert {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()} == before
    assert ganbench("report", "a", "b", "--out", "site").code == 0


def test_planned_runs_without_a_result_are_told(ganbench: Command, suite: Callable[..., Path], tmp_path: Path) -> None:
    suite()
    assert ganbench("run", "suite.toml", "--out", "out", "--device", "cpu").code == 0
    (record,) = (tmp_path / "out" / "runs").glob("*/record.json")
    record.unlink()
    stored(tmp_path / "out", 7)
    result = ganbench("report", "out", "--out", "site")
    assert result.code == 0 and "out: 1 of 1 planned runs have no result yet" in result.err
    for file in ("index.html", "leaderboard.md", "leaderboard.tex", "leaderboard.json"):
        assert "1 of 1 planned runs have no result yet" in (tmp_path / "site" / file).read_text()


def test_a_report_of_absolute_paths_does_not_tell_where_they_lie(ganbench: Command, suite: Callable[..., Path], tmp_path: Path) -> None:
    suite()
    out = tmp_path / "out"
    assert ganbench("run", "suite.toml", "--out", str(out), "--device", "cpu").code == 0
    assert str(tmp_path) not in (out / "index.html").read_text() + (out / "leaderboard.json").read_text()
    (record,) = (out / "runs").glob("*/record.json")
    (record.parent / "events.jsonl").write_text("{\n{}\n")
    stored(tmp_path / "other", 7)
    (out / "records").mkdir()
    (out / "records" / "broken.json").write_text("{")
    (out / "records" / "again.json").write_bytes(record.read_bytes())
    result = ganbench("report", str(out), str(tmp_path / "other"), "--out", "site")
    assert f"left out: {out / 'records' / 'broken.json'}: " in result.err
    page = (tmp_path / "site" / "index.html").read_text()
    assert "out/records/broken.json: " in page and "out/records/again.json" in page and "events.jsonl" in page
    texts = {
        path.name: path.read_text() for path in (tmp_path / "site").rglob("*") if path.suffix in (".html", ".md", ".tex", ".json", ".csv")
    }
    assert len(texts) == 5 and [name for name, text in texts.items() if str(tmp_path) in text] == []


def test_a_chart_is_a_file_of_either_kind(tmp_path: Path) -> None:
    one = Chart(title="t", alt="a", width=10, height=10, body="<rect/>")
    assert one.save(tmp_path / "a.svg").read_text().count("<svg") == 1
    with pytest.raises(Exception, match=r"written as \.svg or \.png"):
        one.save(tmp_path / "a.jpg")


def scored(folder: Path, seed: int, factor: float) -> None:
    """Writes a run whose scores are those of the golden one times a factor."""
    spec = replace(GOLDEN.spec, seed=seed)
    series = tuple(
        replace(one, scores=tuple(replace(score, value=score.value * factor) for score in one.scores)) for one in GOLDEN.evaluations
    )
    record = replace(GOLDEN, spec=spec, run_id=run_id(spec), evaluations=series, scores=series[-2].scores + series[-1].scores)
    place = run_folder(folder, spec)
    place.mkdir(parents=True)
    write_record(place / "record.json", record)


def test_runs_held_against_a_bank_have_the_verdict_of_the_gate_in_their_report(ganbench: Command, tmp_path: Path) -> None:
    for seed in range(12):
        scored(tmp_path / "old", seed, 1 + seed % 4 / 100)
        scored(tmp_path / "new", 100 + seed, 2 + seed % 4 / 100)
        scored(tmp_path / "same", 100 + seed, 1 + seed % 4 / 100)
    assert ganbench("gate", "bank", "old", "--out", "bank").code == 0
    for candidate, word in (("new", "REGRESSED"), ("same", "PASS")):
        done = ganbench("report", candidate, "--baseline", "bank", "--out", f"{candidate}-report")
        assert done.code == 0 and f"gate: {word}, against bank" in done.err
        gate = ganbench("gate", "--baseline", "bank", "--candidate", candidate)
        assert gate.code == (word == "REGRESSED")
        page, text = (tmp_path / f"{candidate}-report" / name for name in ("index.html", "leaderboard.md"))
        assert f'<a href="#gate">gate: {word}</a>' in page.read_text() and "Verdict of the gate" in page.read_text()
        assert f"## gate: {word}" in text.read_text()
    assert "holds no runs and no bank" in ganbench("report", "new", "--baseline", "same-report/figures").one_line()

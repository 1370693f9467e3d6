"""Does a report have the same files however many processes write them?"""

from dataclasses import replace
from pathlib import Path

import pytest

from ganbench.errors import RequestError
from ganbench.plan.spec import run_id
from ganbench.report import folder
from ganbench.report.folder import write_report
from ganbench.results.collection import Collection, collect
from ganbench.results.record import read_record, write_record

FINISHED = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")


def three_runs(place: Path) -> Collection:
    place.mkdir()
    for seed in range(3):
        spec = replace(FINISHED.spec, seed=seed)
        write_record(place / f"{seed}.json", replace(FINISHED, spec=spec, run_id=run_id(spec)))
    return collect([place])


def test_another_process_writes_the_records_of_large_reports_and_they_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = three_runs(tmp_path / "source")
    reports = []
    for many in (1, 1_000):
        monkeypatch.setattr(folder, "MANY", many)
        out = tmp_path / str(many)
        assert out / "records" in write_report(out, found, "three runs")
        reports.append({path.relative_to(out): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()})
    assert reports[0] == reports[1]
    assert len([path for path in reports[0] if path.parent.name == "records"]) == 3
    assert collect([tmp_path / "1"]).records == found.records


def test_a_record_that_is_gone_by_then_is_told_by_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = three_runs(tmp_path / "source")
    (tmp_path / "source" / "1.json").unlink()
    for many in (1, 1_000):
        monkeypatch.setattr(folder, "MANY", many)
        with pytest.raises(RequestError, match=r"1\.json: cannot be read"):
            write_report(tmp_path / str(many), found, "three runs")

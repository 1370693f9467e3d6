"""Are results of several folders and files put together, with every fault named and every run counted once?"""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ganbench.errors import RequestError
from ganbench.plan.spec import run_id
from ganbench.results import reading
from ganbench.results.collection import collect
from ganbench.results.record import Record, Throughput, read_record, write_record
from ganbench.results.timing_record import TimingRecord, signed
from ganbench.storage import compressed, write_json

FINISHED = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")


def of_seed(seed: int) -> Record:
    spec = replace(FINISHED.spec, seed=seed)
    return replace(FINISHED, spec=spec, run_id=run_id(spec))


def written(folder: Path, name: str, record: Record) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_record(folder / name, record)
    return folder / name


def test_folders_of_runs_folders_of_records_and_single_files_are_read(tmp_path: Path) -> None:
    written(tmp_path / "out" / "runs" / of_seed(0).spec.slug, "record.json", of_seed(0))
    written(tmp_path / "records", "one.json", of_seed(1))
    (tmp_path / "records" / "two.json.gz").write_bytes(compressed(written(tmp_path, "plain.json", of_seed(2)).read_bytes()))
    run = written(tmp_path / "run", "record.json", of_seed(3)).parent
    found = collect([tmp_path / "out", tmp_path / "records", run, written(tmp_path / "elsewhere", "x.json", of_seed(4))])
    assert [record.spec.seed for record in found.records] == [0, 1, 2, 3, 4]
    assert found.records[2] == replace(of_seed(2), digest=found.records[2].digest)
    assert found.folders == {of_seed(0).run_id: tmp_path / "out" / "runs" / of_seed(0).spec.slug, of_seed(3).run_id: run}
    assert [path.name for path in found.files.values()] == ["record.json", "one.json", "two.json.gz", "record.json", "x.json"]
    assert found.faults == found.repeated == ()
    assert [record.spec.seed for record in collect([tmp_path]).records] == [2, 1]  # those in it, and in its folder `records`


def test_a_run_that_is_found_twice_counts_once_and_that_is_told(tmp_path: Path) -> None:
    first, again = (written(tmp_path / name, "a.json", of_seed(0)) for name in ("first", "again"))
    confirmed = written(tmp_path / "confirmed", "a.json", replace(of_seed(0), attempts=7))
    other = written(tmp_path / "other", "a.json", replace(of_seed(0), weights_sha256={"raw": "45" * 32, "ema": "67" * 32}))
    found = collect([first.parent, again, confirmed, other, first])
    assert len(found.records) == 1 and found.records[0].attempts == FINISHED.attempts
    assert found.repeated == (
        f"{again}: the same run as {first}, counted once",
        f"{confirmed}: run {of_seed(0).run_id} of {first} again, with the same weights and scores; {first} counts",
        f"{other}: run {of_seed(0).run_id} of {first} again, with another result; {first} counts",
    )
    runs = tmp_path / "out" / "runs"
    written(runs / "copy", "record.json", of_seed(0))
    own = written(runs / of_seed(0).spec.slug, "record.json", of_seed(0))
    found = collect([tmp_path / "out"])
    assert found.folders[of_seed(0).run_id] == own.parent and len(found.repeated) == 1


@pytest.mark.parametrize("many", [1, 1_000], ids=["by several processes", "by this process"])
def test_what_cannot_be_read_is_named_and_the_rest_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    monkeypatch.setattr(reading, "MANY", many)
    whole = written(tmp_path, "whole.json", of_seed(0)).read_text()
    (tmp_path / "cut.json").write_text(whole[: len(whole) // 2])
    (tmp_path / "cut.json.gz").write_bytes(compressed(whole.encode())[:-9])
    (tmp_path / "edited.json").write_text(json.dumps({**json.loads(whole), "attempts": 77}))
    (tmp_path / "foreign.json").write_text('{"name": "another tool"}')
    (tmp_path / "newer.json").write_text(json.dumps({**json.loads(whole), "schema_version": 99}))
    (tmp_path / "folder.json").mkdir()
    found = collect([tmp_path])
    assert found.records == (of_seed(0),)
    named = {Path(fault.partition(":")[0]).name for fault in found.faults}
    assert named == {"cut.json", "cut.json.gz", "edited.json", "foreign.json", "newer.json"}
    assert next(fault for fault in found.faults if "newer.json" in fault).endswith("update ganbench")
    assert all("\n" not in fault for fault in found.faults)


def test_what_holds_no_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no such folder or file"):
        collect([tmp_path / "nothing"])
    with pytest.raises(RequestError, match="holds no results; give the --out"):
        collect([tmp_path])
    (tmp_path / "runs").mkdir()
    assert collect([tmp_path]).all == ()  # the first run of a matrix has not ended


def test_parts_that_records_have_in_common_are_kept_once(tmp_path: Path) -> None:
    for seed in range(3):
        written(tmp_path, f"{seed}.json", of_seed(seed))
    first, *others = collect([tmp_path]).records
    assert all(
        one.scores[0].protocol is first.scores[0].protocol and one.spec.variant.config is first.spec.variant.config for one in others
    )
    assert first == replace(of_seed(0), digest=first.digest)


def test_a_file_of_timings_is_told_from_one_of_a_run(tmp_path: Path) -> None:
    setting = {"device": "cpu", "threads": 1, "precision": "fp32", "determinism": "strict", "engine": "eager"}
    rate = Throughput(median=10.0, p5=9.0, p95=11.0, measurements=2)
    timing = signed(
        TimingRecord(
            task="train", name="gan", subject={"variant": "gan"}, setting=setting, images=10, seconds=(1.0, 1.0), rate=rate, created="now"
        )
    )
    write_json(tmp_path / "one.json", asdict(timing))
    write_json(tmp_path / "several.json", {"timings": [asdict(timing), {**asdict(timing), "name": "edited"}]})
    found = collect([tmp_path / "one.json", written(tmp_path, "run.json", of_seed(0))])
    assert found.timings == (timing,) and found.records == (of_seed(0),) and found.faults == ()
    broken = collect([tmp_path / "several.json"])
    assert broken.timings == () and "several.json: timing 1: was changed after it was written" in broken.faults[0]


def test_lines_for_strangers_tell_sources_apart_but_not_where_they_lie_on_a_machine(tmp_path: Path) -> None:
    one, other, single = tmp_path / "a" / "out", tmp_path / "b" / "out", tmp_path / "single"
    for folder in (one, other, single):
        written(folder, "good.json", FINISHED)
        (folder / "bad.json").write_text("{")
    found = collect([one, other, single / "good.json", single / "bad.json"])
    shown = [found.published(line).partition(": ")[0] for line in found.faults]
    assert shown == ["a/out/bad.json", "b/out/bad.json", f"{tmp_path.name}/single/bad.json"]
    assert str(tmp_path) in found.faults[0] and not any(str(tmp_path) in found.published(line) for line in (*found.faults, *found.repeated))
    alone = collect([single])
    assert [alone.published(line).partition(": ")[0] for line in alone.faults] == ["single/bad.json"]
    for kept in (f"{single}-other: kept", f"/elsewhere{single}/x: kept"):
        assert alone.published(kept) == kept
    assert alone.published(f"read '{single}', twice") == "read 'single', twice"


def test_lines_about_relative_paths_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "out", "good.json", FINISHED)
    (tmp_path / "out" / "bad.json").write_text("{")
    found = collect([Path("out")])
    assert found.faults[0].startswith("out/bad.json: ") and [found.published(line) for line in found.faults] == list(found.faults)

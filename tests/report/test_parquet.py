"""Are results in Parquet those of ``load_results``, under types that do not depend on them?"""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ganbench.errors import RequestError
from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.report.frame import load_results
from ganbench.report.parquet import DESCRIBED, check_parquet, curves_file, table, write_parquet
from ganbench.report.rows import COLUMNS, CURVE_COLUMNS
from ganbench.results.folders import run_folder

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def out(tiny_spec: Callable[..., RunSpec], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two methods on points."""
    folder = tmp_path_factory.mktemp("out")
    for name in ("gan", "wgan_gp"):
        spec = replace(tiny_spec(name, DatasetSpec(name="ring8")), budget_images=64)
        run_cell(spec, run_folder(folder, spec), Runtime(device="cpu"))
    return folder


def test_both_tables_are_those_of_load_results(out: Path, tmp_path: Path) -> None:
    written = write_parquet(out, tmp_path / "results.parquet")
    assert written.faults == ()
    for path, curves in ((tmp_path / "results.parquet", False), (curves_file(tmp_path / "results.parquet"), True)):
        frame, read = load_results(out, curves=curves), pd.read_parquet(path)
        assert list(read.columns) == list(frame.columns)
        assert len(read) == len(frame) == written.rows[path] > 0
        for name in frame.columns:
            for mine, theirs in zip(read[name], frame[name], strict=True):
                same = mine == theirs or (pd.api.types.is_scalar(theirs) and pd.isna(theirs) and pd.isna(mine))
                assert same or mine == _as_json(theirs), name


def _as_json(value: Any) -> str:
    return str(list(value)).replace("'", '"') if isinstance(value, tuple) else str(value).lower()


def test_every_column_has_a_type_and_says_what_it_is(out: Path, tmp_path: Path) -> None:
    write_parquet(out, tmp_path / "results.parquet")
    for path in tmp_path.iterdir():
        schema = pq.read_schema(path)
        assert all(field.metadata[b"description"] for field in schema)
        assert {str(field.type) for field in schema} <= {"string", "int64", "double", "bool"}
        assert schema.field("seed").type == pa.int64() and schema.field("value").type == pa.float64()
        assert schema.field("config.latent_dim").type == pa.float64()
        assert schema.field("config.generator_widths").type == pa.string()
    assert set(DESCRIBED) == {*COLUMNS, *CURVE_COLUMNS}


def test_types_are_the_same_of_no_rows_and_of_runs_without_scores() -> None:
    empty, failed = table([], COLUMNS), table([{"run_id": "a", "seed": 3, "rank": None}], COLUMNS)
    assert empty.schema.equals(failed.schema)
    assert failed.to_pylist()[0]["value"] is None


def test_a_part_that_is_a_number_here_and_a_list_there_is_text() -> None:
    rows = [{"config.a": 1, "config.b": 2, "config.c": True}, {"config.a": (1, 2), "config.b": 0.5}, {"config.a": "x", "config.b": None}]
    read = table(rows, ("run_id",)).to_pydict()
    assert read["config.a"] == ["1", "[1, 2]", "x"]
    assert read["config.b"] == [2.0, 0.5, None]
    assert read["config.c"] == [True, None, None]


def test_the_file_must_be_one_of_parquet(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"ends in \.parquet"):
        check_parquet(tmp_path / "results.csv")
    (tmp_path / "a.parquet").mkdir()
    with pytest.raises(RequestError, match=r"ends in \.parquet"):
        check_parquet(tmp_path / "a.parquet")


def test_folders_of_records_have_the_scores_and_evaluations_of_their_runs_and_no_logs(out: Path, tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    for place, record in enumerate(sorted(out.glob("runs/*/record.json"))):
        shutil.copy(record, tmp_path / "records" / f"{place}.json")
    write_parquet(tmp_path / "records", tmp_path / "results.parquet")
    assert pd.read_parquet(tmp_path / "results.parquet")["run_id"].nunique() == 2
    pd.testing.assert_frame_equal(load_results(tmp_path / "records"), load_results(out))
    pd.testing.assert_frame_equal(load_results([tmp_path / "records" / "0.json", out]), load_results(out))
    alone, whole = load_results(tmp_path / "records", curves=True), load_results(out, curves=True)
    assert set(whole["kind"]) - set(alone["kind"]) == {"log"} and len(alone) == (whole["kind"] != "log").sum()


def test_what_is_no_number_in_a_log_is_no_row(out: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(out, tmp_path / "copy"))
    log = next(folder.glob("runs/*/events.jsonl"))
    lines = log.read_text().splitlines()
    place, tick = next((place, event) for place, event in enumerate(map(json.loads, lines)) if event["kind"] == "tick")
    lines[place] = json.dumps({**tick, "logs": {**tick["logs"], "huge": 10**400, "switch": True, "text": "x", "good": 3}})
    log.write_text("".join(f"{line}\n" for line in lines))
    write_parquet(folder, tmp_path / "results.parquet")
    read = pd.read_parquet(curves_file(tmp_path / "results.parquet"))
    assert set(read["metric"]) - set(load_results(out, curves=True)["metric"]) == {"good"}


def test_a_number_that_a_column_cannot_hold_is_refused_and_named() -> None:
    with pytest.raises(RequestError, match="column seed: holds a number that a int64 of Parquet cannot"):
        table([{"run_id": "a", "seed": 2**70}], COLUMNS)

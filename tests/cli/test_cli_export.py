"""Does ``export`` write what ``score`` takes, and refuse on one line what it cannot write?"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.results.folders import run_folder

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def run(tiny_spec: Callable[..., RunSpec], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few steps on points, in an output folder."""
    out = tmp_path_factory.mktemp("out")
    spec = replace(tiny_spec("gan", DatasetSpec(name="ring8")), budget_images=64)
    assert run_cell(spec, run_folder(out, spec), Runtime(device="cpu")).error is None
    return run_folder(out, spec)


def values(ganbench: Command, name: str) -> list[float]:
    result = ganbench("score", name, "--trust", "--real", "ring8", "--extractor", "identity", "--metrics", "fd", "--n", "300",
                      "--no-cache", "--json", "--device", "cpu")  # fmt: skip
    assert result.code == 0, result.err
    return [one["value"] for one in json.loads(result.out)["scores"]]


def test_what_is_exported_scores_as_the_run_does(ganbench: Command, run: Path, tmp_path: Path) -> None:
    result = ganbench("export", run, "--to", "torchscript", "--out", "gan.ts")
    assert (result.code, result.out) == (0, "")
    assert "equal the run's" in result.err and "next: ganbench score gan.ts --trust" in result.err
    assert values(ganbench, "gan.ts") == values(ganbench, str(run))
    again = ganbench("export", run, "--to", "torchscript", "--out", "gan.ts").one_line()
    assert "is there already" in again
    assert [path.name for path in tmp_path.iterdir()] == ["gan.ts"]


@pytest.mark.parametrize(
    ("to", "out", "words"),
    [
        ("onxx", "a.onnx", "did you mean 'onnx'?"),
        ("torch.export", "a.pt", "write --out a.pt2"),
        ("safetensors", "a", "write --out a.safetensors"),
        ("parquet", "a.csv", "ends in .parquet"),
        ("safetensors", "missing/folder/a.safetensors", "does not exist"),
    ],
)
def test_a_wrong_request_is_refused_on_one_line(to: str, out: str, words: str, ganbench: Command, run: Path, tmp_path: Path) -> None:
    said = ganbench("export", run, "--to", to, "--out", out).one_line()
    assert words in said
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_run_is_refused_on_one_line(ganbench: Command, tmp_path: Path) -> None:
    assert "is no run directory" in ganbench("export", "nowhere", "--to", "onnx", "--out", "a.onnx").one_line()
    assert "there is no such folder or file" in ganbench("export", "nowhere", "--to", "parquet", "--out", "a.parquet").one_line()
    assert list(tmp_path.iterdir()) == []


def test_tables_are_written_as_parquet(ganbench: Command, run: Path, tmp_path: Path) -> None:
    result = ganbench("export", run.parents[1], "--to", "parquet", "--out", "results.parquet")
    assert result.code == 0, result.err
    assert "results.parquet: 2 rows" in result.err and "results-curves.parquet: " in result.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results-curves.parquet", "results.parquet"]

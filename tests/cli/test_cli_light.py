import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ganbench as package
from ganbench.commands.list import REGISTRIES
from ganbench.plan.metric_names import STANDARD

LIGHT = [("--help",), ("--version",), ("diagnose", "--rules"), *(("list", kind) for kind in REGISTRIES)]
HEAVY = ("torch", "torchvision", "pandas", "matplotlib", "scipy", "sklearn")


def start(*arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *options, "-m", "ganbench", *arguments], capture_output=True, text=True, check=False, timeout=60)


def imported(stderr: str) -> set[str]:
    """Top-level modules in the lines of -X importtime."""
    names = (line.rpartition("|")[2].strip() for line in stderr.splitlines() if line.startswith("import time:"))
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_answers_and_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    result = start(*arguments, options=("-X", "importtime"))
    assert result.returncode == 0
    assert result.stdout.strip()
    assert imported(result.stderr).isdisjoint(HEAVY)
    assert "typer" in imported(result.stderr)  # the reading above works


def test_version_is_the_packages() -> None:
    assert start("--version").stdout == f"ganbench {package.__version__}\n"


@pytest.mark.parametrize("kind", list(REGISTRIES))
def test_list_json_names_summary_and_origin_of_everything(ganbench: Callable[..., Any], kind: str) -> None:
    result = ganbench("list", kind, "--json")
    assert (result.code, result.err) == (0, "")
    rows = json.loads(result.out)
    assert [row["name"] for row in rows] == [*REGISTRIES[kind].names(), *(STANDARD if kind == "metrics" else ())]
    assert all(row["summary"] and row["origin"] for row in rows)


def test_list_prints_a_row_for_every_name_on_stdout(ganbench: Callable[..., Any]) -> None:
    result = ganbench("list", "metrics")
    assert (result.code, result.err) == (0, "")
    assert all(name in result.out for name in REGISTRIES["metrics"].names())


def test_plan_imports_no_torch_and_writes_nothing(suite: Callable[..., Path], tmp_path: Path, tree: Callable[[Path], Any]) -> None:
    path = suite(seeds="[0, 1]")
    before = tree(tmp_path)
    result = start("plan", str(path), "--out", str(tmp_path / "new"), "--json", options=("-X", "importtime"))
    assert result.returncode == 0
    assert imported(result.stderr).isdisjoint({"torch", "torchvision"})
    assert tree(tmp_path) == before
    plan = json.loads(result.stdout)
    assert plan["schema_version"] == 1
    assert plan["suite"] == "small"
    cells = plan["cells"]
    assert [(cell["variant"], cell["dataset"], cell["seed"], cell["state"]) for cell in cells] == [
        ("gan", "ring8", 0, "new"),
        ("gan", "ring8", 1, "new"),
    ]
    assert len({cell["run_id"] for cell in cells}) == 2
    assert all(cell["budget_images"] == 512 and cell["expected_s"] is None for cell in cells)


def test_plan_says_how_many_are_to_run_and_the_next_command(suite: Callable[..., Path], ganbench: Callable[..., Any]) -> None:
    suite(seeds="[0, 1, 2]")
    result = ganbench("plan", "suite.toml", "--out", "there")
    assert (result.code, result.out) == (0, "")
    assert "3 of 3 to run" in result.err
    assert "next: ganbench run suite.toml --out there" in result.err


@pytest.mark.parametrize("name", REGISTRIES["suites"].names())
def test_every_registered_suite_can_be_planned(ganbench: Callable[..., Any], name: str, tmp_path: Path) -> None:
    result = ganbench("plan", name, "--json")
    assert result.code == 0
    assert json.loads(result.out)["cells"]
    assert list(tmp_path.iterdir()) == []


def planned(ganbench: Callable[..., Any], *settings: str) -> list[dict[str, Any]]:
    result = ganbench("plan", "suite.toml", "--json", *(word for setting in settings for word in ("--set", setting)))
    assert result.code == 0, result.err
    cells: list[dict[str, Any]] = json.loads(result.out)["cells"]
    return cells


def test_set_changes_every_matrix_and_a_config_only_where_its_variant_is(suite: Callable[..., Path], ganbench: Callable[..., Any]) -> None:
    second = '[[matrix]]\nvariants = ["wgan"]\ndatasets = ["ring8"]\nseeds = [7]\nbudget_images = 512\n'
    suite(tail=second + 'evaluation = { extractor = "identity", metrics = ["fd"], n_fake = 64 }')
    plain = planned(ganbench)
    assert [(cell["variant"], cell["seed"]) for cell in plain] == [("gan", 0), ("wgan", 7)]
    shorter = planned(ganbench, "budget_images=256", "seeds=[3]")
    assert [(cell["seed"], cell["budget_images"]) for cell in shorter] == [(3, 256), (3, 256)]
    clipped = planned(ganbench, "config.wgan.clip=0.02")
    assert clipped[0]["run_id"] == plain[0]["run_id"]
    assert clipped[1]["run_id"] != plain[1]["run_id"]
    nested = planned(ganbench, "training.learning_rate_schedule=cosine", "evaluation.every_images=128")
    assert {cell["run_id"] for cell in nested}.isdisjoint(cell["run_id"] for cell in plain)
    assert planned(ganbench, "training.batch_size=64")[0]["run_id"] == plain[0]["run_id"]


def test_an_interrupted_import_of_a_compiled_module_ends_like_any_interruption() -> None:
    code = """
import os, signal
import ganbench.cli as cli
def app(standalone_mode):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    except KeyboardInterrupt:
        raise ImportError("initialization failed")  # as pybind11 does
cli.app = app
cli.main()
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (said.returncode, said.stderr) == (130, "interrupted: the same command goes on\n")

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for package in ("ganbench", "baselines") for path in (ROOT / package).rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]


def test_there_are_sources_to_look_at() -> None:
    assert len(SOURCES) > 50


@pytest.mark.parametrize("name", [name for name in NAMES if name != "ganbench/__init__.py" and name != "baselines/__init__.py"])
def test_a_module_answers_one_question_and_says_it_first(name: str) -> None:
    first = (ast.get_docstring(ast.parse((ROOT / name).read_text())) or "").partition("\n")[0]
    assert "?" in first


@pytest.mark.parametrize("name", NAMES)
def test_no_module_is_longer_than_350_lines(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) <= 350


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("ganbench/")])
def test_ganbench_knows_no_variant_by_name(name: str) -> None:
    strings = {node.value for node in ast.walk(ast.parse((ROOT / name).read_text())) if isinstance(node, ast.Constant)}
    assert strings.isdisjoint(PROJECT["project"]["entry-points"]["ganbench.variants"])


def test_global_seeding_is_banned_everywhere_but_in_seeding() -> None:
    lint = PROJECT["tool"]["ruff"]["lint"]
    assert "TID251" in lint["select"]
    assert {"torch.manual_seed", "torch.cuda.manual_seed_all", "random.seed", "numpy.random.seed"} <= lint["flake8-tidy-imports"][
        "banned-api"
    ].keys()
    excused = [path for path, rules in lint["per-file-ignores"].items() if "TID251" in rules and not path.startswith("tests")]
    assert excused == ["ganbench/seeding.py"]


def test_the_rule_on_imports_is_kept_by_contracts() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    assert any(c["source_modules"] == ["ganbench"] and c["forbidden_modules"] == ["baselines"] for c in contracts)
    assert any("torch" in c["forbidden_modules"] and "ganbench.report" in c["source_modules"] for c in contracts)

"""Does a data set own its budgets, also one of another package, and does a plan still need no torch?"""

import subprocess
import sys
from pathlib import Path

import pytest

from ganbench.errors import RequestError
from ganbench.plan.budgets import budget_images, budgets
from ganbench.registry import DATASETS
from ganbench.targets import Target

PLUG_IN = """
from ganbench.data.loader import loader

@loader(budgets={"smoke": 640, "paper": 6_400})
def mine(spec, root): ...

def bare(spec, root): ...
"""


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "budget_plug_in.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(tmp_path)
    added = {name: Target("budget_plug_in", name) for name in ("mine", "bare", "gone")}
    monkeypatch.setitem(vars(DATASETS), "targets", {**DATASETS.targets, **added})


def test_a_plug_ins_loader_says_its_budgets(plug_in: None) -> None:
    assert budgets("mine") == {"smoke": 640, "paper": 6_400}
    assert budget_images("paper", "mine", "here") == 6_400
    with pytest.raises(RequestError, match="so it has no budget 'short'; take smoke, paper"):
        budget_images("short", "mine", "here")


def test_a_loader_without_budgets_and_data_of_the_users_own_have_none(plug_in: None) -> None:
    assert budgets("bare") == budgets("my-folder") == {}
    with pytest.raises(RequestError, match="short is 48,000 on digits, 64,000 on mnist, 256,000 on cifar10"):
        budget_images("short", "bare", "here")


def test_a_loader_that_cannot_be_imported_is_one_line(plug_in: None) -> None:
    with pytest.raises(RequestError, match="'gone' is registered as budget_plug_in:gone but cannot be imported"):
        budgets("gone")


def test_budgets_of_the_built_in_data_are_read_without_torch() -> None:
    code = (
        "import sys; from ganbench.plan.budgets import budgets; from ganbench.registry import DATASETS\n"
        "print([name for name in DATASETS.builtins if not budgets(name)], 'torch' in sys.modules)"
    )
    # on noise there is nothing to learn, however long
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "['noise'] False\n"

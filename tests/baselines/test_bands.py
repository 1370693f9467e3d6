"""Do the committed bands hold what the collection promises, and is its page what they say?"""

from dataclasses import replace
from pathlib import Path

import pytest

from baselines.bands import BANK, CONTROLS, HERE, published, read_bank, reference_variants, render, run_of, write_bank
from ganbench.budgets import BUDGETS, budget_images
from ganbench.errors import RequestError
from ganbench.registry import DATASETS, VARIANTS
from ganbench.results.record import read_record

RUNS = read_bank()


def test_the_page_is_what_the_bank_says() -> None:
    assert (HERE / "README.md").read_text(encoding="utf-8") == render(RUNS), "run `python -m baselines.bands`"


def test_the_page_lists_every_variant_that_is_no_control() -> None:
    assert set(reference_variants()) == {name for name in VARIANTS.targets if not name.startswith(CONTROLS)}
    assert all(entry.keys() == {"recipe", "number"} for entry in published().values())


def test_a_record_becomes_a_line_of_the_bank_and_comes_back(tmp_path: Path) -> None:
    record = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
    assert run_of(record) is None, "its budget has no name"
    spec = replace(record.spec, budget_images=BUDGETS[record.spec.dataset.name]["smoke"])
    line = run_of(replace(record, spec=spec))
    assert line is not None and (line.variant, line.budget, line.status) == (spec.variant.name, "smoke", record.status)
    write_bank([line], tmp_path / "bank.csv")
    (again,) = read_bank(tmp_path / "bank.csv")
    assert (again.variant, again.overrides, again.modes) == (line.variant, line.overrides, line.modes)
    if line.final is not None:
        assert again.final == pytest.approx(line.final, rel=1e-5)


def test_budgets_grow_and_every_data_set_of_this_project_has_them() -> None:
    assert BUDGETS.keys() == set(DATASETS.builtins)
    for dataset, budgets in BUDGETS.items():
        assert budgets["smoke"] < budgets["short"] < budgets["standard"]
        assert budget_images("short", dataset, "here") == budgets["short"]
    with pytest.raises(RequestError, match="nobody published a length on digits"):
        budget_images("paper", "digits", "here")


def test_the_bank_holds_each_run_once() -> None:
    assert len({run.run_id for run in RUNS}) == len(RUNS) and BANK.is_file()

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from ganbench.errors import RequestError, UnknownName
from ganbench.results.bank import Measure, Recipe, write_recipe
from ganbench.statistics.banking import make_bank, selected
from ganbench.statistics.outcomes import read_results
from ganbench.statistics.thresholds import FILE, Rule, Threshold, Thresholds, read_thresholds, write_thresholds

FD = Measure(label="FD", higher_is_better=False, relative=True)
Make = Callable[..., Recipe]
TWENTY = [100.0 + i for i in range(20)]


def test_thresholds_are_read_as_they_were_written(tmp_path: Path, recipe: Make) -> None:
    asked = Thresholds(rule=Rule(reason='a "quoted" one'), recipes={"gan on digits": Threshold(measure="fd", tolerance=0.12, reason="ü")})
    write_thresholds(tmp_path, asked, {"gan on digits": recipe(TWENTY)})
    assert read_thresholds(tmp_path) == asked
    assert "tolerance = 0.12  # a share of the value, for the worse" in (tmp_path / FILE).read_text()


def test_tolerances_of_distances_are_shares() -> None:
    assert Threshold(measure="fd", tolerance=0.5).as_shift(FD) == pytest.approx(math.log(1.5))


def test_a_recipe_without_a_threshold_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'gan on digits'"):
        Thresholds(recipes={"gan on digits": Threshold(measure="fd", tolerance=0.1)}).of("gan on digit")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[rule]\nruns = [5, 10]\nalphas = [0.05]", "as many of each, and rising runs"),
        ("[rule]\nruns = [10, 5]\nalphas = [0.01, 0.04]", "as many of each, and rising runs"),
        ("[rule]\nalphas = [0.01, 0.9]", "rule.alphas.1 = 0.9: must be below 0.5"),
        ("[recipes.a]\nmeasure = 'fd'\ntolerance = 0", "recipes.a.tolerance = 0: must be above 0"),
        ("[recipes.a]\nmeasure = 'fd'", "'recipes.a.tolerance' is missing"),
        ("[rules]", "unknown key 'rules'; did you mean 'rule'?"),
        ("x =", "not valid TOML"),
    ],
)
def test_bad_thresholds_are_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(RequestError) as error:
        read_thresholds(tmp_path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_without_thresholds_the_command_that_writes_them_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is missing; `ganbench gate bank"):
        read_thresholds(tmp_path)


def test_a_bank_keeps_what_was_asked_and_proposes_the_rest(tmp_path: Path, recipe: Make) -> None:
    one = recipe(TWENTY)
    runs, bank = tmp_path / "runs", tmp_path / "bank"
    runs.mkdir()
    write_recipe(runs, one)
    written, made = make_bank([runs], bank)
    assert made.recipes == (one,)
    assert {path.name for path in written} == {FILE, f"gan-digits-{one.key}.json"}
    proposed = read_thresholds(bank).of("gan on digits")
    sd = 0.0545  # of ln(100 ... 119), by hand
    assert math.expm1(sd) < proposed.tolerance < math.expm1(2 * sd)
    assert "20 runs" in proposed.reason
    (bank / FILE).write_text((bank / FILE).read_text().replace(f"tolerance = {proposed.tolerance:g}", "tolerance = 0.5"))
    write_recipe(runs, recipe([100.0 + i for i in range(20)], first_seed=20), "more")
    write_recipe(runs, recipe([5.0 + i for i in range(5)], method="other"))
    make_bank([runs], bank)
    again = read_thresholds(bank)
    assert again.of("gan on digits").tolerance == 0.5
    assert set(again.recipes) == {"gan on digits", "other on digits"}
    assert sorted(one.name for one in read_results(bank).recipes) == ["gan on digits", "other on digits"]
    assert [len(one.outcomes) for one in read_results(bank).recipes] == [40, 5]


def test_runs_that_cannot_be_a_bank_are_refused(tmp_path: Path, recipe: Make) -> None:
    write_recipe(tmp_path, recipe([1.0] * 4))
    with pytest.raises(RequestError, match="4 runs are no bank; it takes at least 5 seeds"):
        make_bank([tmp_path], tmp_path / "bank")
    write_recipe(tmp_path, recipe([1.0] * 4 + [math.inf] * 6))
    with pytest.raises(RequestError, match="10 runs, of which 4 ended well, are no bank"):
        make_bank([tmp_path], tmp_path / "bank")
    write_recipe(tmp_path, recipe([1.0, 1.1, 1.2, 1.3, 1.4] + [math.inf] * 15))
    make_bank([tmp_path], tmp_path / "unstable")
    assert "15 of 20 runs failed" in read_thresholds(tmp_path / "unstable").of("gan on digits").reason
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(RequestError, match="a bank is made of runs that can all be read"):
        make_bank([tmp_path], tmp_path / "bank")
    assert not (tmp_path / "bank").exists()


def test_runs_without_differences_get_a_small_tolerance(tmp_path: Path, recipe: Make) -> None:
    write_recipe(tmp_path, recipe([3.0] * 5))
    make_bank([tmp_path], tmp_path / "bank")
    assert read_thresholds(tmp_path / "bank").of("gan on digits").tolerance == 0.01


def test_recipes_are_selected_by_name(tmp_path: Path, recipe: Make) -> None:
    write_recipe(tmp_path, recipe(TWENTY))
    write_recipe(tmp_path, recipe([1.0], method="other"))
    there = read_results(tmp_path)
    assert [one.method for one in selected(there, ["other on digits"]).recipes] == ["other"]
    assert selected(there, []) == there
    with pytest.raises(UnknownName, match="did you mean 'other on digits'"):
        selected(there, ["other on digit"])


def test_a_tolerance_goes_with_its_recipe_when_another_of_its_name_joins(tmp_path: Path, recipe: Make) -> None:
    runs, bank = tmp_path / "runs", tmp_path / "bank"
    runs.mkdir()
    write_recipe(runs, recipe(TWENTY, settings={"rate": 1}))
    make_bank([runs], bank)
    path = bank / FILE
    path.write_text(path.read_text().replace(f"tolerance = {read_thresholds(bank).of('gan on digits').tolerance:g}", "tolerance = 0.02"))
    write_recipe(runs, recipe(TWENTY, settings={"rate": 2}))
    make_bank([runs], bank)
    asked = read_thresholds(bank).recipes
    assert list(asked) == ["gan on digits (rate=1)", "gan on digits (rate=2)"]
    assert asked["gan on digits (rate=1)"].tolerance == 0.02 != asked["gan on digits (rate=2)"].tolerance
    with pytest.raises(RequestError, match="is decided by fd; change it there"):
        make_bank([runs], bank, "acc")

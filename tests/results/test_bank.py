import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from ganbench.errors import RequestError
from ganbench.results.bank import Measure, Outcome, Recipe, Value, merged, named, read_recipe, rounded, unlike, write_recipe

MEASURE = Measure(label="FD", higher_is_better=False, relative=True, protocol={"n_fake": 500})


def recipe(seeds: tuple[int, ...] = (0, 1), **fields: object) -> Recipe:
    outcomes = tuple(Outcome(seed=seed, values={"fd": Value(value=80.5 + seed, low=70.0, high=90.0)}) for seed in seeds)
    return replace(Recipe(method="gan", data="digits", settings={"rate": 0.1}, measures={"fd": MEASURE}, outcomes=outcomes), **fields)  # type: ignore[arg-type]


def test_a_recipe_is_read_as_it_was_written(tmp_path: Path) -> None:
    failed = Outcome(seed=7, failure='diverged after 64 images: it\'s "NaN"')
    full = Outcome(
        seed=8,
        values={"fd": Value(value=1.0)},
        final_over_best=1.5,
        volatility=0.25,
        images_per_s=1000.0,
        machine="EPYC",
        environment="abc",
        weights_sha256={"ema": "0f"},
    )
    one = recipe(outcomes=(*recipe().outcomes, failed, full))
    path = write_recipe(tmp_path, one)
    assert path.name == f"gan-digits-{one.key}.json"
    assert read_recipe(path) == one
    lines = path.read_text().splitlines()
    assert sum('"seed"' in line for line in lines) == 4  # a run a line, so that a change of one is a line of a diff


def test_names_of_files_are_safe(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, recipe(method="../up/my gan.py:Mine"))
    assert path.parent == tmp_path
    assert path.name.startswith(".._up_my_gan.py_Mine-digits-")


def test_runs_of_one_recipe_are_put_together_by_seed() -> None:
    (found,) = merged([recipe((3, 4)), recipe((0,))], "here")
    assert found.seeds == (0, 3, 4)
    assert merged([recipe((0,)), recipe((0,))], "here")[0].seeds == (0,)  # the same run twice counts once


def test_two_results_of_one_seed_are_refused() -> None:
    other = recipe((0,), outcomes=(Outcome(seed=0, values={"fd": Value(value=1.0)}),))
    with pytest.raises(RequestError, match="here: gan on digits has two different runs with seed 0"):
        merged([recipe((0,)), other], "here")


def test_speed_alone_makes_no_other_result() -> None:
    again = recipe((0,), outcomes=tuple(replace(one, images_per_s=5.0) for one in recipe((0,)).outcomes))
    assert merged([recipe((0,)), again], "here")[0].seeds == (0,)


def test_other_settings_or_protocols_make_another_recipe() -> None:
    rates = recipe(settings={"rate": 0.2})
    protocol = recipe(measures={"fd": replace(MEASURE, protocol={"n_fake": 1_000})})
    assert len(merged([recipe(), rates, protocol], "here")) == 3
    assert list(named([recipe(), rates])) == ["gan on digits (rate=0.1)", "gan on digits (rate=0.2)"]
    assert list(named([recipe(), protocol])) == ["gan on digits (n_fake=500)", "gan on digits (n_fake=1000)"]
    assert list(named([recipe()])) == ["gan on digits"]


def test_a_run_without_scores_joins_those_with_some() -> None:
    crashed = recipe(measures={}, outcomes=(Outcome(seed=9, failure="failed: TypeError"),))
    (found,) = merged([crashed, recipe()], "here")
    assert found.seeds == (0, 1, 9)
    assert found.measures == {"fd": MEASURE}


def test_differences_of_settings_are_named() -> None:
    assert unlike({"config.rate": 0.1, "a": 1}, {"config.rate": 0.2, "a": 1, "b": (1, 2)}) == ["rate: 0.1, now 0.2", "b: None, now [1, 2]"]


def test_numbers_keep_six_digits() -> None:
    assert rounded(math.pi * 1e-5) == 3.14159e-05


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "bank"}, "holds no runs of a recipe"),
        ({"schema_version": 2}, "has schema 2, and this ganbench reads 1; update ganbench"),
        ({"outcomes": [{"seed": "x"}]}, "outcomes.0.seed = 'x': a whole number is wanted"),
        ({"outcomes": [{"seed": 0, "sed": 1}]}, "unknown key 'outcomes.0.sed'; did you mean 'seed'?"),
        ({"measures": 3}, "a table is wanted"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path: Path, change: dict[str, object], said: str) -> None:
    path = write_recipe(tmp_path, recipe())
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(RequestError) as error:
        read_recipe(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)

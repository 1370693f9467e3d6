import math
from dataclasses import replace
from pathlib import Path

import pytest

from ganbench.errors import RequestError
from ganbench.plan.spec import run_id, to_json
from ganbench.results.bank import Measure, Outcome, Recipe, Value
from ganbench.results.folders import run_folder
from ganbench.results.record import Divergence, Failure, Record, read_record, write_record
from ganbench.statistics.outcomes import badness, change_of, failure, primary, read_results, recipe_key, recipes_of, repeated
from ganbench.statistics.series import final_over_best, volatility
from ganbench.storage import write_json

GOLDEN = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
DISTANCE = Measure(label="FD", higher_is_better=False, relative=True)
HIGHER = Measure(label="P", higher_is_better=True, relative=False)


def seeded(seed: int, **changes: object) -> Record:
    spec = replace(GOLDEN.spec, seed=seed)
    return replace(GOLDEN, spec=spec, run_id=run_id(spec), **changes)  # type: ignore[arg-type]


def stored(out: Path, *records: Record) -> None:
    for record in records:
        folder = run_folder(out, record.spec)
        folder.mkdir(parents=True)
        write_json(folder / "spec.json", to_json(record.spec))
        write_record(folder / "record.json", record)


def test_records_become_recipes_with_all_scores_that_have_a_direction() -> None:
    (recipe,) = recipes_of([seeded(1), seeded(0)], "here")
    assert (recipe.name, recipe.seeds) == (f"{GOLDEN.spec.variant.name} on {GOLDEN.spec.dataset.name}", (0, 1))
    first = next(score for score in GOLDEN.scores if score.column[2] == "ema" and score.higher_is_better is not None)
    key = f"{first.metric}@{first.protocol['extractor']}"
    assert primary(recipe) == key  # EMA weights come first
    assert recipe.outcomes[0].values[key].value == pytest.approx(first.value, rel=1e-5)
    assert f"{key}:raw" in recipe.measures
    assert "weights" not in recipe.measures[key].protocol
    assert recipe.settings["config.latent_dim"] == GOLDEN.spec.variant.config["latent_dim"]
    assert recipe.key == recipe_key(GOLDEN.spec)
    assert not {"version", "training.precision", "training.stop_on_collapse", "dataset.n_train"} & recipe.settings.keys()
    other = replace(GOLDEN.spec, training=replace(GOLDEN.spec.training, stop_on_collapse=True))
    assert recipe_key(other) != recipe.key
    with pytest.raises(RequestError, match="has no measure 'nosuch'"):
        primary(recipe, "nosuch")


def test_every_end_that_is_no_result_of_quality_counts_as_failed() -> None:
    assert failure(GOLDEN) == ""
    diverged = replace(GOLDEN, status="diverged", divergence=Divergence(kind="nonfinite", images_seen=640, detail="loss was NaN"))
    assert failure(diverged) == "diverged after 640 images: loss was NaN"
    broken = Failure(type="TypeError", message="no\nway", stage="training", traceback="", command="")
    assert failure(replace(GOLDEN, status="failed", error=broken)) == "failed in training: TypeError: no"
    alike = tuple(replace(one, value=0.001) if one.name == "feature_variance_ratio" else one for one in GOLDEN.diagnostics)
    assert failure(replace(GOLDEN, diagnostics=alike)) == "ended lifeless: feature variance is 0.1 % of the real one"


def test_runs_that_a_machine_stopped_are_told_and_not_counted(tmp_path: Path) -> None:
    stored(tmp_path, seeded(0), seeded(1, status="skipped", reason="no labels", scores=(), evaluations=()))
    found = read_results(tmp_path)
    assert found.recipes[0].seeds == (0,)
    assert len(found.unfinished) == 1 and found.unfinished[0].endswith("skipped: no labels")


def test_a_record_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    stored(tmp_path, seeded(0), seeded(1))
    (run_folder(tmp_path, seeded(1).spec) / "record.json").write_text("{")
    found = read_results(tmp_path)
    assert found.recipes[0].seeds == (0,)
    assert len(found.faults) == 1


def test_one_record_is_a_result_and_other_files_are_none(tmp_path: Path) -> None:
    stored(tmp_path, seeded(0))
    path = run_folder(tmp_path, seeded(0).spec) / "record.json"
    assert read_results(path).recipes[0].seeds == (0,)
    (tmp_path / "x.json").write_text('{"a": 1}')
    with pytest.raises(RequestError, match="not a ganbench record"):
        read_results(tmp_path / "x.json")
    with pytest.raises(RequestError, match="holds no runs and no bank"):
        read_results(tmp_path / "nosuch")


def made(measure: Measure, value: float | None, why: str = "") -> tuple[Recipe, Outcome]:
    outcome = Outcome(seed=0, failure=why, values={} if value is None else {"m": Value(value=value)})
    return Recipe(method="a", data="b", measures={"m": measure}, outcomes=(outcome,)), outcome


def test_badness_rises_as_runs_get_worse_and_failures_are_the_worst() -> None:
    def bad(measure: Measure, value: float | None, why: str = "") -> float:
        recipe, outcome = made(measure, value, why)
        return badness(recipe, "m", outcome)

    assert bad(DISTANCE, math.e) == pytest.approx(1)
    assert bad(DISTANCE, 0.0) == bad(DISTANCE, -1.0) == pytest.approx(math.log(1e-12))  # no failure, and not minus infinity
    assert bad(HIGHER, 0.25) == -0.25
    assert bad(HIGHER, 0.9, "diverged") == bad(DISTANCE, None) == math.inf


def test_shifts_are_told_as_people_do() -> None:
    assert change_of(DISTANCE, math.log(1.5)) == pytest.approx(0.5)
    assert change_of(HIGHER, 0.25) == 0.25
    assert change_of(DISTANCE, math.inf) == math.inf


def test_bits_are_compared_within_one_environment_alone() -> None:
    def stamped(bits: str, environment: str) -> Recipe:
        recipe, outcome = made(DISTANCE, 1.0)
        return replace(recipe, outcomes=(replace(outcome, weights_sha256={"raw": bits}, environment=environment),))

    assert repeated(stamped("a", "e"), stamped("a", "e")) == ((0,), ())
    assert repeated(stamped("a", "e"), stamped("b", "e")) == ((), (0,))
    assert repeated(stamped("a", "e"), stamped("b", "f")) == ((), ())
    assert repeated(stamped("a", ""), stamped("a", "")) == ((), ())
    assert repeated(stamped("a", "e"), replace(stamped("a", "e"), settings={"x": 1})) == ((), ())


def test_runs_without_hashes_are_the_same_if_all_their_values_are() -> None:
    old, other = made(DISTANCE, 1.0)[0], made(DISTANCE, 2.0)[0]
    assert repeated(old, old) == ((0,), ())
    assert repeated(old, other) == ((), ())


def test_what_a_score_did_during_a_run() -> None:
    assert final_over_best([90.0, 40.0, 50.0], higher_is_better=False) == 1.25
    assert final_over_best([0.2, 0.8, 0.4], higher_is_better=True) == 2
    assert final_over_best([], True) is None and final_over_best([1.0, 0.0], True) is None
    assert final_over_best([0.0, 1.0], True) == 1 and final_over_best([0.0, 1.0], False) is None  # an early 0 is the worst or the best
    steps, values = list(range(1, 10)), [0.0] * 6 + [9.0, 10.0, 11.0]
    assert volatility(steps, values) == pytest.approx(0.1)  # standard deviation 1 at a mean of 10
    assert volatility(steps[:4], values[:4]) is None

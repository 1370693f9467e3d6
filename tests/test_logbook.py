import math
from pathlib import Path

import pytest

import ganbench
from ganbench.errors import RequestError, UnknownName
from ganbench.logbook import RunLog
from ganbench.results.bank import Outcome
from ganbench.statistics.outcomes import read_results


def opened(folder: Path, seed: int = 0, **fields: object) -> RunLog:
    return ganbench.log_run(
        folder, **{"method": "mine", "data": "faces", "seed": seed, "measures": {"fid": "distance"}, "settings": {"rate": 0.1}, **fields}
    )


def outcome(folder: Path) -> Outcome:
    (recipe,) = read_results(folder).recipes
    (found,) = recipe.outcomes
    return found


def test_a_run_is_one_file_with_its_last_values(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        for step, fid in ((1, 90.0), (2, 40.0), (3, 50.0)):
            run.log(step, fid=fid)
        run.images_per_s = 100.0
    found = outcome(tmp_path)
    assert (found.seed, found.failure, found.values["fid"].value) == (0, "", 50)
    assert found.final_over_best == 1.25
    assert found.images_per_s == 100
    assert len(list(tmp_path.iterdir())) == 1


def test_seeds_of_one_recipe_are_read_together_and_other_settings_apart(tmp_path: Path) -> None:
    for seed in range(3):
        with opened(tmp_path, seed) as run:
            run.log(1, fid=50.0 + seed)
    with opened(tmp_path, settings={"rate": 0.2}) as run:
        run.log(1, fid=50.0)
    assert sorted(recipe.seeds for recipe in read_results(tmp_path).recipes) == [(0,), (0, 1, 2)]


def test_an_error_makes_a_failed_run_and_goes_on(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), opened(tmp_path) as run:
        run.log(1, fid=50.0)
        1 / 0  # noqa: B018
    assert outcome(tmp_path).failure == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize("value", [None, "abc", [1.0, 2.0], 10**400])
def test_a_wrong_call_of_the_log_is_no_failure_of_the_training(tmp_path: Path, value: object) -> None:
    with pytest.raises(RequestError, match="fid = .*: a number is wanted"), opened(tmp_path) as run:
        run.log(1, fid=value)  # type: ignore[arg-type]
    with pytest.raises(UnknownName), opened(tmp_path) as run:
        run.log(1, fidd=1.0)
    assert not list(tmp_path.iterdir())


def test_odd_texts_and_numbers_leave_a_file_that_can_be_read(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        run.log(1, fid=2.0)
        run.images_per_s = pytest.importorskip("numpy").float32(3.0)
        run.fail("half a pair \ud800")
    assert outcome(tmp_path).failure == "half a pair ?"
    assert outcome(tmp_path).images_per_s == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError, MemoryError])
def test_what_says_nothing_of_the_method_leaves_no_run(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), opened(tmp_path) as run:
        run.log(1, fid=50.0)
        raise error
    assert not list(tmp_path.iterdir())


def test_numbers_that_are_not_finite_are_a_failure_that_stays(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        run.log(10, fid=50.0)
        run.log(20, fid=math.nan)
        run.log(30, fid=40.0)
    assert outcome(tmp_path).failure == "diverged after 20: fid is not finite"
    assert "NaN" not in next(tmp_path.iterdir()).read_text().replace("is not finite", "")


def test_a_score_that_collapsed_and_never_returned_is_a_failure(tmp_path: Path) -> None:
    """The rule of the collapse diagnostic: above twice the best for three evaluations, and no return."""
    with opened(tmp_path) as run:
        for step, fid in enumerate([100.0, 20.0, 90.0, 95.0, 99.0, 99.0]):
            run.log(step, fid=fid)
    assert outcome(tmp_path).failure.startswith("collapsed after 2: score ended at 99")


def test_a_loop_may_say_itself_that_a_run_failed_and_one_without_a_number_has(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        run.log(1, fid=50.0)
        run.fail("all samples are grey")
        run.fail("and more")
    assert outcome(tmp_path).failure == "all samples are grey"
    with opened(tmp_path / "other"):
        pass
    assert outcome(tmp_path / "other").failure == "ended without a measurement"


def test_a_run_is_never_repeated_to_get_a_better_one(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        run.log(1, fid=50.0)
    with pytest.raises(RequestError, match="this run is there already, and no run is repeated"):
        opened(tmp_path)


def test_scalar_tensors_are_numbers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    with opened(tmp_path) as run:
        run.log(torch.tensor(3), fid=torch.tensor(2.5))
    assert outcome(tmp_path).values["fid"].value == 2.5


def test_wrong_calls_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="at least one measure"):
        opened(tmp_path, measures={})
    with pytest.raises(UnknownName, match="did you mean 'lower'"):
        opened(tmp_path, measures={"fid": "lowest"})
    for wrong in ({"seed": -1}, {"seed": 1.7}, {"seed": True}, {"method": "x" * 300}, {"data": ""}, {"measures": ["fid"]}):
        with pytest.raises(RequestError, match="is wanted|at least one measure"):
            opened(tmp_path, **wrong)
    with pytest.raises(RequestError, match="is below 0, so that it is no distance"):
        opened(tmp_path).log(1, fid=-1.0)
    with pytest.raises(RequestError, match="setting 'net' is a object"):
        opened(tmp_path, settings={"net": object()})
    with pytest.raises(RequestError, match="setting 'rate' is not finite"):
        opened(tmp_path, settings={"rate": math.nan})
    run = opened(tmp_path, measures={"fid": "distance", "acc": "higher"})
    with pytest.raises(UnknownName, match="did you mean 'fid'"):
        run.log(1, fd=1.0)
    with pytest.raises(RequestError, match="'acc' is missing"):
        run.log(1, fid=1.0)
    run.log(5, fid=1.0, acc=1.0)
    with pytest.raises(RequestError, match="step 4 comes after step 5"):
        run.log(4, fid=1.0, acc=1.0)


def test_settings_of_any_plain_kind_are_kept(tmp_path: Path) -> None:
    with opened(tmp_path, settings={"a": (1, 2), "b": None, "c": True, "d": "x"}) as run:
        run.log(1, fid=1.0)
    assert read_results(tmp_path).recipes[0].settings == {"a": (1, 2), "c": True, "d": "x"}


def test_logging_imports_no_torch() -> None:
    import subprocess
    import sys

    code = "import sys, ganbench; ganbench.log_run; ganbench.gate; ganbench.compare; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"

"""Does ``ganbench leaderboard`` print tables from records alone, and do refused requests cost no import of torch?"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganbench.plan.spec import run_id, to_json
from ganbench.results.folders import run_folder
from ganbench.results.record import Record, read_record, write_record
from ganbench.storage import write_json

GOLDEN = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
HEAVY = ("torch", "torchvision", "pandas", "matplotlib", "sklearn")
Command = Callable[..., Any]


def stored(out: Path, *records: Record) -> None:
    for record in records:
        folder = run_folder(out, record.spec)
        folder.mkdir(parents=True)
        write_json(folder / "spec.json", to_json(record.spec))
        write_record(folder / "record.json", record)


def seeded(seed: int, value: float) -> Record:
    """The golden run with another seed, and this FD at its end."""
    spec = replace(GOLDEN.spec, seed=seed)
    last = GOLDEN.images_seen
    series = tuple(
        replace(one, scores=tuple(replace(score, value=value if score.metric == "fd" else 0.5) for score in one.scores))
        if one.images_seen == last
        else one
        for one in GOLDEN.evaluations
    )
    scores = tuple(score for one in series if one.images_seen == last for score in one.scores)
    return replace(GOLDEN, spec=spec, run_id=run_id(spec), evaluations=series, scores=scores)


def imports(*arguments: object, cwd: Path) -> tuple[int, str, set[str]]:
    """Exit code and last line of a command in a fresh process, and which heavy packages it imported."""
    call = [sys.executable, "-X", "importtime", "-m", "ganbench", *map(str, arguments)]
    done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=cwd)
    lines = done.stderr.splitlines()
    found = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines if line.startswith("import time:")}
    assert "typer" in found  # the reading works
    said = [line for line in lines if not line.startswith("import time:")]
    return done.returncode, said[-1] if said else "", found.intersection(HEAVY)


def test_the_tables_of_several_folders_are_printed_on_stdout_at_the_width_of_columns(ganbench: Command, tmp_path: Path) -> None:
    stored(tmp_path / "a", seeded(0, 1.0), seeded(1, 3.0))
    stored(tmp_path / "b", seeded(2, 8.0))
    before = sorted(tmp_path.rglob("*"))
    result = ganbench("leaderboard", "a", "b", env={"COLUMNS": "80"})
    assert (result.code, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= 80
    assert "digits: scores" in result.out and "3.00" in result.out  # the median of 1, 3 and 8, whose mean is 4
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture()
def two(tmp_path: Path) -> Path:
    """A folder of two runs."""
    stored(tmp_path / "a", seeded(0, 1.0), seeded(1, 3.0))
    return tmp_path / "a"


def test_columns_and_metrics_choose_what_is_shown(ganbench: Command, two: Path) -> None:
    whole = ganbench("leaderboard", "a").out
    assert "FD ↓" in whole and "PRECISION ↑" in whole and "diagnostics" in whole and max(map(len, whole.splitlines())) <= 80
    few = ganbench("leaderboard", "a", "--columns", "precision,failed")
    assert few.code == 0 and "PRECISION" in few.out and "failed" in few.out
    assert "FD ↓" not in few.out and "diagnostics" not in few.out
    of_one = ganbench("leaderboard", "a", "--metrics", "precision").out
    assert "PRECISION" in of_one and "FD ↓" not in of_one and "diagnostics" in of_one


def test_an_unknown_column_or_metric_is_refused_in_one_line_with_the_nearest(ganbench: Command, two: Path) -> None:
    assert (
        "--columns precison: there is no such column; did you mean precision?"
        in ganbench("leaderboard", "a", "--columns", "precison").one_line()
    )
    assert "--metrics failed: there is no such column" in ganbench("leaderboard", "a", "--metrics", "failed").one_line()
    assert "--json prints everything" in ganbench("leaderboard", "a", "--json", "--columns", "fd").one_line()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("markdown", ("# a\n", "| # | variant | FD ↓ |")),
        ("csv", ("table,protocol,row,column", "fd@random-conv,lower is better,,2.0,1.0,3.0,seeds,2")),
        ("latex", ("\\toprule", "FD $\\downarrow$")),
        ("html", ("<!doctype html>", '<th scope="col" data-key="fd@random-conv"')),
    ],
)
def test_every_format_is_printed_on_stdout(ganbench: Command, two: Path, form: str, words: tuple[str, ...]) -> None:
    result = ganbench("leaderboard", "a", "--format", form)
    assert (result.code, result.err) == (0, "")
    assert all(word in result.out for word in words) and "Left out" not in result.out


def test_json_says_what_ranks_and_which_runs_are_in_a_row(ganbench: Command, tmp_path: Path) -> None:
    stored(tmp_path / "a", seeded(0, 1.0), seeded(1, 3.0), seeded(2, 8.0))
    result = ganbench("leaderboard", "a", "--json")
    (board,) = json.loads(result.out)["boards"]
    (row,) = board["rows"]
    assert board["ranked_by"]["metric"] == "fd" and (row["rank"], row["ranked_by"]) == (1, 3.0)
    assert row["scores"]["fd/random-conv/ema"]["values"] == [1.0, 3.0, 8.0]
    assert (row["failed"], row["ended"], row["final_over_best"]) == (0, 3, 1.5)  # 1, 3 and 8 after 2 at half the way
    assert board["protocol"]["scores"]["n_fake"] == 128
    assert [run["seed"] for run in row["runs"]] == [0, 1, 2] and row["setup"]["config.latent_dim"] == 8


def test_a_damaged_record_is_named_and_the_rest_is_shown(ganbench: Command, tmp_path: Path) -> None:
    stored(tmp_path / "a", seeded(0, 1.0), seeded(1, 3.0))
    (run_folder(tmp_path / "a", seeded(1, 3.0).spec) / "record.json").write_text("{")
    result = ganbench("leaderboard", "a")
    assert result.code == 1 and "digits: scores" in result.out
    assert result.err.startswith("left out: ") and len(result.err.splitlines()) == 1


REFUSED: dict[str, list[str]] = {
    "suite": ["run", "nosuch.toml"],
    "suite of plan": ["plan", "nosuch.toml"],
    "variant": ["run", "quickstart", "--only", "variant=nosuch"],
    "device": ["run", "quickstart", "--device", "tpu"],
    "folder of results": ["run", "quickstart", "--out", "file.txt"],
    "fake": ["score", "nosuch", "--real", "digits"],
    "real": ["score", "digits", "--real", "nosuch"],
    "split": ["score", "digits:tset", "--real", "digits"],
    "kind of file": ["score", "file.txt", "--real", "digits"],
    "empty folder": ["score", "empty", "--real", "digits"],
    "module": ["score", "nosuch.module:sample", "--real", "digits"],
    "file of a function": ["score", "nosuch.py:sample", "--real", "digits"],
    "features": ["score", "nosuch.npz", "--real", "file.npz", "--features"],
    "metric": ["score", "digits", "--real", "digits", "--metrics", "fdd"],
    "extractor": ["score", "digits", "--real", "digits", "--extractor", "nosuch"],
    "file of an extractor": ["score", "digits", "--real", "digits", "--extractor", "nosuch.py:E"],
    "weights": ["score", "digits", "--real", "digits", "--weights", "nosuch"],
    "no real set": ["score", "digits", "--metrics", "fd@pixels"],
    "statistics": ["stats", "nosuch", "--out", "out.npz"],
    "file of statistics": ["stats", "digits", "--out", "out.txt"],
    "run": ["generate", "nosuch", "--out", "out"],
    "run of latents": ["latents", "nosuch", "--out", "out"],
    "truncation": ["generate", "nosuch", "--out", "out", "--truncation", "0"],
    "leaderboard": ["leaderboard", "nosuch"],
    "leaderboard's repository": ["leaderboard", "build", "empty"],
    "submission": ["leaderboard", "submit-check", "nosuch"],
    "kind of list": ["list", "nosuch"],
    "format": ["leaderboard", "empty", "--format", "nosuch"],
    "published results": ["list", "publications", "nosuch"],
    "option": ["score", "digits", "--reel", "digits"],
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_a_request_that_is_refused_imports_no_torch(tmp_path: Path, case: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    code, said, heavy = imports(*REFUSED[case], cwd=tmp_path)
    assert code == 2 and said.startswith("ganbench: "), said
    assert not heavy
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.npz").exists()


def test_a_missing_choice_is_a_sentence_of_its_own(ganbench: Command) -> None:
    assert "'publications'" in (said := ganbench("list", "nosuch").one_line()) and "'. See `" in said


def test_a_matrix_with_nothing_to_do_imports_nothing_heavy_and_leaves_the_report_as_it_is(
    ganbench: Command, suite: Callable[..., Path], tmp_path: Path
) -> None:
    suite()
    first = ganbench("run", "suite.toml", "--out", "out", "--device", "cpu")
    assert first.code == 0, first.err
    report = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    code, _, heavy = imports("run", "suite.toml", "--out", "out", cwd=tmp_path)
    assert (code, heavy) == (0, set())
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()} == report
    assert imports("leaderboard", "out", cwd=tmp_path)[::2] == (0, set())
    (tmp_path / "out" / "figures" / "curves-ring8.svg").unlink()
    assert ganbench("run", "suite.toml", "--out", "out").code == 0
    assert (tmp_path / "out" / "figures" / "curves-ring8.svg").is_file()  # what is missing is made again


PIXELS = '{ extractor = "pixels", metrics = ["fd"], n_fake = 320 }'


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"variants": '["acgan"]'}, "acgan works on images"),
        ({"variants": '["progressive_gan"]', "datasets": '["digits"]', "evaluation": PIXELS}, "is grown after"),
        ({"variants": '["pacgan"]', "training": "{ batch_size = 63 }"}, "training.batch_size = 63"),
    ],
    ids=["shape", "budget", "batch"],
)
def test_plan_refuses_what_run_refuses_of_registered_sets(
    ganbench: Command, suite: Callable[..., Path], changes: dict[str, Any], words: str
) -> None:
    suite(**changes)
    said = [ganbench(command, "suite.toml", "--out", "out").one_line() for command in ("plan", "run")]
    assert said[0] == said[1] and words in said[0]


def test_plan_says_what_it_could_not_check_where_the_data_are_away(ganbench: Command, suite: Callable[..., Path], tmp_path: Path) -> None:
    suite(variants='["dcgan"]', datasets='["mnist"]', evaluation='{ extractor = "pixels", metrics = ["fd"], n_fake = 64 }')
    result = ganbench("plan", "suite.toml", env={"GANBENCH_DATA": str(tmp_path / "nowhere")})
    assert result.code == 0 and "note: mnist: " in result.err and "is not there, so that `run` has yet to check" in result.err


def test_an_error_in_a_method_names_its_line_and_the_file_of_the_traceback(
    ganbench: Command, suite: Callable[..., Path], methods: Path, tmp_path: Path
) -> None:
    suite(variants=f'["{methods}:Raises"]')
    result = ganbench("run", "suite.toml", "--out", "out", "--device", "cpu")
    line = 1 + methods.read_text().splitlines().index('            raise ArithmeticError("the third step\\nis too much")')
    assert result.code == 1
    assert f"1 failed with ArithmeticError: the third step (methods.py, line {line}, in generator_step)" in result.err
    (told,) = (part.split(": ")[1] for part in result.err.splitlines() if part.startswith("  traceback: "))
    assert "is too much" in (tmp_path / told).read_text() and "generator_step" in (tmp_path / told).read_text()
    again = ganbench("run", "suite.toml", "--out", "out", "--retry-failed", "--device", "cpu", env={"MENDED": "1"})
    assert again.code == 0 and not (tmp_path / told).exists()

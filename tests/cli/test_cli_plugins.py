"""Does a metric from a file score like a registered one, and is whatever is wrong with it said on one line?"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ganbench as package

Command = Callable[..., Any]
METRIC = '''
import math
from ganbench.metrics.base import Estimate, Metric

def mean_gap(comparison, stream):
    value = (comparison.real.values.mean(0) - comparison.fake.values.mean(0)).norm().item()
    return Estimate(value=value, ci_low=value, ci_high=value, ci_method="none")

def raises(comparison, stream):
    raise ArithmeticError("too\\nmuch")

MEAN_GAP = Metric(name="mean_gap", version=1, higher_is_better=False, minimum_n=2, bounds=(0, math.inf), parameters=(), estimate=mean_gap)
"""Distance of the means."""
RAISES = Metric(name="raises", version=1, higher_is_better=False, minimum_n=2, bounds=(0, 1), parameters=(), estimate=raises)
NUMBER = Metric(name="number", version=1, higher_is_better=False, minimum_n=2, bounds=(0, 1), parameters=(), estimate=lambda *_: 1.0)
TAKEN = Metric(name="fid", version=1, higher_is_better=False, minimum_n=2, bounds=(0, 1), parameters=(), estimate=mean_gap)
MANY = Metric(name="many", version=1, higher_is_better=False, minimum_n=9_999, bounds=(0, 1), parameters=(), estimate=mean_gap)
COMPUTED = Metric(name="computed", version=1, higher_is_better=False, minimum_n=len("12"), bounds=(0, 1), parameters=(), estimate=mean_gap)
NO_METRIC = dict(higher_is_better=False, minimum_n=2, bounds=(0, 1))
THREE = 3
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my.py").write_text(METRIC)
    (tmp_path / "broken.py").write_text("METRIC = Metric(\n")
    (tmp_path / "raising.py").write_text(METRIC + "\nraise OSError('on\\nimport')\n")
    np.save(tmp_path / "real.npy", np.random.RandomState(0).randint(0, 256, (60, 8, 8), dtype=np.uint8))
    np.save(tmp_path / "fake.npy", np.random.RandomState(1).randint(0, 200, (50, 8, 8), dtype=np.uint8))
    return tmp_path


SETS = ("score", "fake.npy", "--real", "real.npy", "--no-cache", "--device", "cpu")


def test_a_metric_from_a_file_scores_beside_registered_ones(ganbench: Command, folder: Path) -> None:
    result = ganbench(*SETS, "--metrics", "fd@pixels,my.py:MEAN_GAP@pixels,vendi@pixels", "--json")
    assert result.code == 0, result.err
    scores = {score["metric"]: score for score in json.loads(result.out)["scores"]}
    assert scores.keys() == {"fd", "my.py:MEAN_GAP", "vendi"}
    mine = scores["my.py:MEAN_GAP"]
    assert (mine["label"], mine["higher_is_better"], mine["protocol"]["extractor"]) == ("MEAN GAP·pixels", False, "pixels")
    assert mine["protocol"]["metric_source_sha256"] == hashlib.sha256((folder / "my.py").read_bytes()).hexdigest()
    assert "metric_source_sha256" not in scores["fd"]["protocol"]
    table = ganbench(*SETS, "--metrics", "my.py:MEAN_GAP", "--extractor", "pixels").err
    assert "MEAN GAP" in table


def test_python_scores_it_alike_and_where_the_file_lies_is_no_part_of_the_score(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "my.py").write_text(METRIC)
    rng = np.random.default_rng(0)
    fake, real = rng.normal(size=(50, 3)), rng.normal(size=(60, 3))
    here, there = (
        package.score(fake, real, [f"{place}:MEAN_GAP"], extractor="identity").scores[0]
        for place in (folder / "my.py", folder / "elsewhere" / "my.py")
    )
    assert here.value == pytest.approx(float(np.linalg.norm(fake.mean(0) - real.mean(0))))
    assert (here.protocol, here.value) == (there.protocol, there.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.py:METRIC", "missing.py: no such file"),
        ("my.py:MEAN_GAPS", "there is no MEAN_GAPS = Metric(...)"),
        ("my.py:THREE", "there is no THREE = Metric(...)"),
        ("my.py:NO_METRIC", "is no metric but a dict"),
        ("my.py:COMPUTED", "with literals"),
        ("my.py:TAKEN", "calls itself 'fid', which is the name of another"),
        ("my.py:RAISES", "'my.py:RAISES' raised ArithmeticError: too much"),
        ("my.py:NUMBER", "gave a float; give an Estimate"),
        ("my.py:MANY", "needs at least 9,999 examples"),
        ("my.py:MEAN_GAP@", "half a name"),
        ("my.py:MEAN_GAP@pixel", "did you mean 'pixels'?"),
        ("broken.py:METRIC", "broken.py, line 1: not valid Python"),
        ("raising.py:MEAN_GAP", "cannot be imported: OSError: on import"),
        ("my.py:MEAN_GAP,my.py:MEAN_GAP", "is there twice"),
    ],
)
def test_what_is_wrong_with_it_is_one_line(ganbench: Command, folder: Path, name: str, words: str) -> None:
    line = ganbench(*SETS, "--metrics", name, "--extractor", "pixels").one_line()
    assert words in line, line


def test_one_that_raises_costs_no_other_its_score(ganbench: Command, folder: Path) -> None:
    result = ganbench(*SETS, "--metrics", "my.py:RAISES,fd", "--extractor", "pixels", "--json")
    assert result.code == 1 and "ArithmeticError" in result.err and "Traceback" not in result.err
    assert [score["metric"] for score in json.loads(result.out)["scores"]] == ["fd"]

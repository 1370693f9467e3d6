"""Are a metric's facts read from its source what the metric says of itself?"""

from dataclasses import fields
from pathlib import Path

import pytest

from ganbench.errors import RequestError, UnknownName
from ganbench.metrics import classes, pairs_of_images
from ganbench.metrics.base import Metric
from ganbench.metrics.frechet import FD
from ganbench.metrics.kernel import KD
from ganbench.plan.facts import Facts, facts
from ganbench.plan.metric_names import STANDARD
from ganbench.registry import METRICS


@pytest.mark.parametrize("name", METRICS.names())
def test_what_is_read_without_importing_is_what_is_imported(name: str) -> None:
    metric: Metric = METRICS.load(name)
    assert facts(name) == Facts(**{field.name: getattr(metric, field.name) for field in fields(Facts)})


def test_a_standard_name_has_the_facts_of_its_formula() -> None:
    assert all(facts(name) is not None and facts(name) == facts(standard.metric) for name, standard in STANDARD.items())


def test_facts_of_one_formula_that_rest_on_another_agree_with_it() -> None:
    assert (classes.INTRA_FD.minimum_n, classes.INTRA_FD.bounds) == (FD.minimum_n, FD.bounds)
    assert (classes.INTRA_KD.minimum_n, classes.INTRA_KD.bounds) == (KD.minimum_n, KD.bounds)
    assert pairs_of_images.MS_SSIM.minimum_side == pairs_of_images.SMALLEST


def test_scores_carry_bounds_that_json_can_hold() -> None:
    assert facts("fid").of_scores() == {"higher_is_better": False, "bounds": (0.0, None), "depends_on_n": True}
    assert facts("ct").of_scores() == {"higher_is_better": None, "bounds": (None, None), "depends_on_n": False}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("MINE = Metric(higher_is_better=True, minimum_n=10, bounds=(0.0, top()))", "with literals"),
        ("MINE = make()", "with literals"),
        ("MINE = 3", "there is no MINE = Metric(...)"),
        ("MINE = Metric(higher_is_better=True)", "with literals"),
        ("MINE = Metric(higher_is_better=True, minimum_n=10, bounds=(1.0, 0.0))", "the smallest value comes first"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "own.py").write_text(text + "\n")
    with pytest.raises(RequestError) as caught:
        facts(f"{tmp_path / 'own.py'}:MINE")
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_facts_of_a_metric_from_a_file_and_of_none(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        'SIZE = 7\nMINE = Metric(higher_is_better=None, minimum_n=SIZE, bounds=(-1.0, math.inf), needs_real=("images",))\n'
    )
    found = facts(f"{tmp_path / 'own.py'}:MINE")
    assert (found.minimum_n, found.bounds, found.needs_real) == (7, (-1.0, float("inf")), ("images",))
    with pytest.raises(UnknownName, match="did you mean 'recall'"):
        facts("recal")

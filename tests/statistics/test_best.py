"""Which rows count as the best of a column, as far as seeds can tell?"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganbench.plan.spec import run_id
from ganbench.results.record import Diagnostic, Record, read_record
from ganbench.statistics.best import Best, best
from ganbench.statistics.intervals import mean_interval
from ganbench.statistics.leaderboard import leaderboards

FINISHED = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
ALIKE = (Diagnostic(name="feature_variance_ratio", value=0.004, perfect=1.0, n=128),)


def run(name: str, seed: int, fd: float, **changes: Any) -> Record:
    """The golden run with this FD of all weights."""
    series = tuple(
        replace(one, scores=tuple(replace(score, value=fd) if score.metric == "fd" else score for score in one.scores))
        for one in FINISHED.evaluations
    )
    spec = replace(FINISHED.spec, seed=seed, variant=replace(FINISHED.spec.variant, name=name))
    scores = series[-2].scores + series[-1].scores
    return replace(FINISHED, spec=spec, run_id=run_id(spec), evaluations=series, scores=scores, **changes)


def names(*records: Record, turned: bool = False) -> tuple[set[str], str]:
    """The names of the best rows by FD, and why there are none; turned: as if higher were better."""
    (board,) = leaderboards(records)
    column = replace(board.columns[0], higher_is_better=turned)
    found = best(board.rows, column)
    return {board.rows[place].variant for place in found.rows}, found.unsettled


def seeds(name: str, *values: float) -> list[Record]:
    return [run(name, seed, value) for seed, value in enumerate(values)]


def test_a_row_whose_interval_excludes_all_others_is_the_best_alone() -> None:
    assert names(*seeds("a", 1.0, 1.01, 1.02), *seeds("b", 2.0, 2.01, 2.02)) == ({"a"}, "")


def test_every_row_whose_interval_overlaps_the_leaders_is_tied_with_it_and_no_chain_leads_further() -> None:
    # t of 2 degrees of freedom is 4.303: the half widths are 4.303 x 0.1 / sqrt(3) = 0.248
    a, b, c = seeds("a", 0.9, 1.0, 1.1), seeds("b", 1.3, 1.4, 1.5), seeds("c", 1.7, 1.8, 1.9)
    assert mean_interval([0.9, 1.0, 1.1]).high == pytest.approx(1.248, abs=1e-3)
    assert names(*a, *b, *c) == ({"a", "b"}, "")  # c overlaps b, which is no reason
    assert names(*a, *b, *c, turned=True) == ({"b", "c"}, "")


def test_intervals_that_touch_overlap() -> None:
    assert names(*seeds("a", 1.0, 1.0, 1.0), *seeds("b", 1.0, 1.0, 1.0)) == ({"a", "b"}, "")


def test_the_only_row_and_a_metric_without_a_direction_have_no_best() -> None:
    assert names(*seeds("a", 1.0, 1.1)) == (set(), "")
    (board,) = leaderboards([*seeds("a", 1.0, 1.1), *seeds("b", 9.0, 9.1)])
    assert best(board.rows, replace(board.columns[0], higher_is_better=None)) == Best()


@pytest.mark.parametrize(
    ("leader", "why"),
    [
        (seeds("a", 1.0), "a, whose mean is best, has one seed"),
        (seeds("a", 1.0, 1.01), "a, whose mean is best, has two seeds, which are too few to tell"),
        ([*seeds("a", 1.0, 1.1, 1.2), run("a", 3, 1.0, status="interrupted", reason="full")], "a, whose mean is best, lost a seed"),
        ([*seeds("a", 1.0, 1.1, 1.2), run("a", 3, 1.0, diagnostics=ALIKE)], "a, whose mean is best, has lifeless seeds"),
    ],
    ids=["one seed", "two seeds", "lost", "lifeless"],
)
def test_a_leader_that_cannot_be_the_best_leaves_nobody(leader: list[Record], why: str) -> None:
    assert names(*leader, *seeds("b", 5.0, 5.1, 5.2), *seeds("c", 9.0, 9.1, 9.2)) == (set(), why)


def test_a_row_that_cannot_be_the_best_takes_nothing_from_a_better_one() -> None:
    assert names(*seeds("a", 1.0, 1.1, 1.2), *seeds("b", 1.15), *seeds("c", 9.0, 9.1, 9.2)) == ({"a"}, "")


def test_rows_without_a_rank_are_not_compared() -> None:
    dead = [run("dead", seed, 0.1, diagnostics=ALIKE) for seed in (0, 1)]
    assert names(*dead, *seeds("a", 1.0, 1.01, 1.02), *seeds("b", 2.0, 2.01, 2.02)) == ({"a"}, "")

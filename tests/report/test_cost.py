"""Do scores stand over what they cost, also on devices on which they were never trained?"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ganbench.plan.naming import setup
from ganbench.plan.spec import run_id
from ganbench.report.charts.overview import quality_against_cost
from ganbench.report.cost import ELSEWHERE, costs, unit_of
from ganbench.report.rows import score_rows
from ganbench.results.record import Record, Throughput, read_record
from ganbench.results.timing_record import TimingRecord, plain_settings
from ganbench.statistics.leaderboard import leaderboards

FINISHED = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
SHAPE = "1x8x8"


def run(seed: int, fd: float, **changes: Any) -> Record:
    spec = replace(FINISHED.spec, seed=seed)
    scores = tuple(replace(score, value=fd) if score.metric == "fd" else score for score in FINISHED.scores)
    provenance = {**FINISHED.provenance, "dataset": {"shape": SHAPE}}
    return replace(FINISHED, spec=spec, run_id=run_id(spec), scores=scores, provenance=provenance, **changes)


def timing(rate: float, **changes: Any) -> TimingRecord:
    subject = {key: value for key, value in setup(FINISHED.spec).items() if key not in ELSEWHERE}
    setting = {"device": "H100", "threads": 1, "precision": "fp32", "determinism": "off", "engine": "eager", "runs_at_a_time": 1}
    fields: dict[str, Any] = {
        "task": "train",
        "name": "dcgan",
        "subject": {**plain_settings(subject), "shape": SHAPE, "classes": 10, "batch_size": 64},
        "setting": setting,
        "images": 64,
        "seconds": (64 / rate,),
        "rate": Throughput(median=rate, p5=rate, p95=rate, measurements=1),
        "created": "now",
    }
    return TimingRecord(**{**fields, **changes})


def test_a_budget_costs_its_images_by_the_rate_of_the_runs_and_of_every_timing() -> None:
    (board,) = leaderboards([run(0, 2.0), run(1, 4.0)])
    images = FINISHED.spec.budget_images
    found = costs(board, [timing(100.0)])
    assert FINISHED.timing is not None and FINISHED.timing.training is not None
    own, other = "as trained: cpu, 1 thread", "as timed: H100, 1 thread, fp32, determinism off, eager engine"
    assert [(place, [row.seconds for row in rows]) for place, rows in found.items()] == [
        (other, [images / 100]),
        (own, [pytest.approx(images / FINISHED.timing.training.median)]),
    ]
    assert found[own][0].values == found[other][0].values == (2.0, 4.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "sample"},
        {"subject": {**timing(1.0).subject, "shape": "3x32x32"}},
        {"subject": {**timing(1.0).subject, "variant": "wgan"}},
        {"setting": {**timing(1.0).setting, "precision": "bf16"}},
    ],
    ids=["sampling", "another shape", "another method", "another precision"],
)
def test_a_timing_of_something_else_prices_nothing(changes: dict[str, Any]) -> None:
    (board,) = leaderboards([run(0, 2.0)])
    assert list(costs(board, [timing(100.0, **changes)])) == ["as trained: cpu, 1 thread"]


def test_runs_that_did_not_end_or_were_not_timed_have_no_price() -> None:
    (board,) = leaderboards([run(0, 2.0, status="diverged"), run(1, 3.0, timing=None)])
    assert costs(board, []) == {}


def test_the_chart_shows_every_row_over_its_price_in_units_that_read_well() -> None:
    (board,) = leaderboards([run(0, 2.0), run(1, 40.0)])
    drawn = [quality_against_cost(board, place, rows) for place, rows in costs(board, [timing(100.0)]).items()]
    assert [one.title.partition(": ")[0] for one in drawn if one] == ["Quality against cost, as timed", "Quality against cost, as trained"]
    assert (
        drawn[0] is not None and "seconds of training" in drawn[0].body and "lower is better" in drawn[0].body and "dcgan" in drawn[0].body
    )
    assert quality_against_cost(board, "nowhere", []) is None
    assert [unit_of(seconds)[1] for seconds in (100, 121, 7_300)] == ["seconds", "minutes", "hours"]
    assert asdict(timing(1.0))["kind"] == "timing"


def test_the_number_that_ranks_is_the_quality_and_no_row_of_which_the_median_seed_failed_has_a_price() -> None:
    def failed(seed: int) -> Record:
        return replace(run(seed, 9.0), status="failed", scores=(), diagnostics=())

    (board,) = leaderboards([run(0, 2.0), run(1, 4.0), failed(2)])
    assert {row.value for rows in costs(board, [timing(100.0)]).values() for row in rows} == {4.0}  # the median of 2, 4 and a failure
    (board,) = leaderboards([run(0, 2.0), failed(1)])
    assert costs(board, [timing(100.0)]) == {}
    assert {row["ranked_by"] for row in score_rows([run(0, 2.0), failed(1)])} == {None}  # and not an infinite number

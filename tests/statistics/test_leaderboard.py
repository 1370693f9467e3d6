import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganbench.plan.spec import RunSpec, run_id
from ganbench.results.record import Diagnostic, Divergence, Evaluation, Failure, Record, read_record
from ganbench.statistics.leaderboard import final_over_best, leaderboards

GOLDEN = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
"""A finished run of dcgan on digits with FD and precision, raw and EMA."""


def run(name: str, seed: int, fd: float | None = None, *, status: str = "done", precision: float = 0.5, **changes: Any) -> Record:
    """A run whose EMA weights have this FD; anything but "done" has no scores."""
    spec: RunSpec = replace(GOLDEN.spec, seed=seed, variant=replace(GOLDEN.spec.variant, name=name), **changes.pop("spec", {}))

    def revalued(evaluation: Evaluation) -> Evaluation:
        values = {"fd": fd if fd is not None else 1.0, "precision": precision}
        return replace(evaluation, scores=tuple(replace(score, value=values[score.metric]) for score in evaluation.scores))

    series = tuple(revalued(evaluation) for evaluation in GOLDEN.evaluations)
    scores = series[-2].scores + series[-1].scores if status == "done" else ()
    extra: dict[str, Any] = {}
    if status == "diverged":
        extra["divergence"] = Divergence(kind="nonfinite", images_seen=96, detail="a loss was not finite")
    if status == "failed":
        extra["error"] = Failure(type="ValueError", message="no", stage="training", traceback="", command="ganbench run")
    diagnostics = GOLDEN.diagnostics if status == "done" else ()
    fields = {"scores": scores, "diagnostics": diagnostics, "evaluations": series, "status": status, **extra, **changes}
    return replace(GOLDEN, spec=spec, run_id=run_id(spec), **fields)


def order(*records: Record) -> list[str]:
    (board,) = leaderboards(records)
    return [row.variant for row in board.rows]


def test_rows_are_ordered_by_the_first_metric_lower_distance_first() -> None:
    assert order(run("b", 0, 3.0), run("a", 0, 5.0), run("c", 0, 1.0)) == ["c", "b", "a"]


def test_rows_are_ordered_downwards_where_higher_is_better() -> None:
    flipped = [
        replace(record, scores=tuple(replace(score, higher_is_better=True) for score in record.scores))
        for record in (run("b", 0, 3.0), run("a", 0, 5.0))
    ]
    assert order(*flipped) == ["a", "b"]


def test_a_failed_seed_counts_as_worst_and_is_never_averaged_away() -> None:
    shaky = [run("shaky", 0, 1.0), run("shaky", 1, status="diverged")]
    steady = [run("steady", seed, 9.0) for seed in (0, 1)]
    assert order(*shaky, *steady) == ["steady", "shaky"]  # median of (1, inf) is inf


def test_one_failure_in_three_leaves_the_median_seed_to_decide() -> None:
    shaky = [run("shaky", 0, 1.0), run("shaky", 1, 2.0), run("shaky", 2, status="failed")]
    steady = [run("steady", seed, 9.0) for seed in (0, 1, 2)]
    assert order(*shaky, *steady) == ["shaky", "steady"]


def test_rows_with_equal_medians_are_told_apart_by_failures_then_means_then_names() -> None:
    failing = [run("failing", 0, 1.0), run("failing", 1, 2.0), run("failing", 2, status="failed")]
    whole = [run("whole", 0, 1.0), run("whole", 1, 2.0), run("whole", 2, 99.0)]
    assert order(*failing, *whole) == ["whole", "failing"]
    low = [run("zlow", 0, 1.0), run("zlow", 1, 2.0), run("zlow", 2, 3.0)]
    assert order(*whole, *low) == ["zlow", "whole"]
    assert order(run("b", 0, 1.0), run("a", 0, 1.0)) == ["a", "b"]


def test_ranks_count_from_one_and_a_row_without_a_finished_seed_has_none() -> None:
    (board,) = leaderboards([run("a", 0, 3.0), run("b", 0, 1.0), run("c", 0, status="diverged"), run("d", 0, status="failed")])
    assert [(row.variant, row.rank) for row in board.rows] == [("b", 1), ("a", 2), ("c", None), ("d", None)]
    assert board.rows[2].scores == {} and board.rows[2].final_over_best is None
    assert board.rows[2].done == ()


def test_a_row_has_the_mean_over_finished_seeds_with_its_t_interval() -> None:
    (board,) = leaderboards([run("a", seed, fd) for seed, fd in ((2, 4.0), (0, 2.0), (1, 3.0))] + [run("a", 3, status="failed")])
    (row,) = board.rows
    cell = row.scores["fd", "random-conv", "ema"]
    # t(0.975, 2) = 4.303 and the sample standard deviation of 2, 3, 4 is 1; cut off at 0, below which no distance lies
    assert cell.n == 3 and cell.mean == 3.0
    assert cell.low == pytest.approx(3 - 4.303 / math.sqrt(3), abs=1e-3)
    assert cell.high == pytest.approx(3 + 4.303 / math.sqrt(3), abs=1e-3)
    assert [record.spec.seed for record in row.records] == [0, 1, 2, 3]
    assert [record.spec.seed for record in row.done] == [0, 1, 2]


def test_intervals_of_shares_and_distances_stay_where_such_values_can_be() -> None:
    (board,) = leaderboards([run("a", 0, 0.1, precision=0.2), run("a", 1, 9.0, precision=0.9)])
    assert board.rows[0].scores["fd", "random-conv", "ema"].low == 0.0
    share = board.rows[0].scores["precision", "random-conv", "ema"]
    assert (share.low, share.high) == (0.0, 1.0)


def test_diagnostics_average_where_they_are_defined() -> None:
    (board,) = leaderboards([run("a", 0, 1.0), run("a", 1, 1.0)])
    assert board.rows[0].diagnostics.keys() == {"feature_variance_ratio"}  # the duplicate rate is undefined in every seed
    assert board.rows[0].diagnostics["feature_variance_ratio"].mean == 0.75


def test_columns_are_ema_in_the_order_of_the_plan_then_raw() -> None:
    (board,) = leaderboards([run("a", 0, 1.0)])
    shown = [(column.metric, column.weights) for column in board.columns]
    assert shown == [("fd", "ema"), ("precision", "ema"), ("fd", "raw"), ("precision", "raw")]


def test_a_record_that_is_in_twice_counts_once() -> None:
    record = run("a", 0, 1.0)
    (board,) = leaderboards([record, run("a", 1, 3.0), record])
    assert len(board.rows[0].records) == 2
    assert board.rows[0].scores["fd", "random-conv", "ema"].mean == 2.0


def changed_protocol(record: Record, **parts: Any) -> Record:
    def changed(evaluation: Evaluation) -> Evaluation:
        return replace(evaluation, scores=tuple(replace(s, protocol={**s.protocol, **parts}) for s in evaluation.scores))

    series = tuple(changed(evaluation) for evaluation in record.evaluations)
    return replace(record, evaluations=series, scores=series[-2].scores + series[-1].scores)


@pytest.mark.parametrize(
    ("part", "value"), [("fingerprint", "00" * 32), ("extractor_weights_sha256", "11" * 32), ("resize", "other"), ("tf32", True)]
)
def test_scores_under_different_protocols_are_never_ranked_together(part: str, value: Any) -> None:
    boards = leaderboards([run("a", 0, 1.0), changed_protocol(run("b", 0, 2.0), **{part: value})])
    assert [[row.variant for row in board.rows] for board in boards] == [["a"], ["b"]]
    assert [[row.rank for row in board.rows] for board in boards] == [[1], [1]]
    mine = GOLDEN.scores[0].protocol[part]
    assert boards[0].differs == (f"{part}: {mine} here, {value} there",)
    assert boards[1].differs == (f"{part}: {value} here, {mine} there",)


def test_other_numbers_of_examples_make_another_board_and_the_difference_is_named() -> None:
    wider = replace(GOLDEN.spec.evaluation, n_fake=256)
    boards = leaderboards([run("a", 0, 1.0), changed_protocol(run("b", 0, 2.0, spec={"evaluation": wider}), n_fake=256)])
    assert len(boards) == 2
    assert "n_fake: 128 here, 256 there" in boards[0].differs[0]


def test_how_often_one_looked_on_the_way_makes_no_other_board() -> None:
    rarer = replace(GOLDEN.spec.evaluation, every_images=512)
    assert order(run("a", 0, 1.0), run("b", 0, 2.0, spec={"evaluation": rarer})) == ["a", "b"]


def test_data_sets_have_boards_of_their_own_in_the_order_of_their_first_records() -> None:
    other = replace(GOLDEN.spec.dataset, name="mnist")
    boards = leaderboards([run("a", 0, 1.0, spec={"dataset": other}), run("a", 0, 1.0)])
    assert [board.dataset for board in boards] == ["mnist", "digits"]
    assert all(board.differs == () for board in boards)


def test_a_run_without_any_score_stands_on_the_board_of_its_plan() -> None:
    died = run("b", 0, status="failed", evaluations=())
    (board,) = leaderboards([died, run("a", 0, 1.0)])
    assert [row.variant for row in board.rows] == ["a", "b"]


def test_rows_of_one_name_show_the_settings_in_which_they_differ_and_no_others() -> None:
    narrow, wide = (
        {"variant": replace(GOLDEN.spec.variant, name="a", config={**GOLDEN.spec.variant.config, "latent_dim": n})} for n in (8, 64)
    )
    records = [replace_spec(run("a", seed, 1.0 + seed), **spec) for seed in (0, 1) for spec in (narrow, wide)]
    longer = replace_spec(run("a", 0, 5.0), **narrow, budget_images=2_048)
    (board,) = leaderboards([*records, longer, run("b", 0, 9.0)])
    assert sorted(row.variant for row in board.rows) == [
        "a (latent_dim=64, budget_images=1024)",
        "a (latent_dim=8, budget_images=1024)",
        "a (latent_dim=8, budget_images=2048)",
        "b",
    ]


def replace_spec(record: Record, **fields: Any) -> Record:
    spec = replace(record.spec, **fields)
    return replace(record, spec=spec, run_id=run_id(spec))


def test_final_over_best_is_how_many_times_worse_the_end_is() -> None:
    # the golden series of EMA weights is FD 64, 2, 4; the untrained start does not count
    assert final_over_best(GOLDEN) == 2.0
    rising = replace(
        GOLDEN,
        evaluations=tuple(replace(e, scores=tuple(replace(s, higher_is_better=True) for s in e.scores)) for e in GOLDEN.evaluations),
    )
    assert final_over_best(rising) == 1.0  # 4 is the highest after the start
    assert final_over_best(replace(GOLDEN, evaluations=())) is None


def test_final_over_best_is_undefined_where_a_score_can_be_zero_or_less() -> None:
    negative = replace(
        GOLDEN, evaluations=tuple(replace(e, scores=tuple(replace(s, value=-0.1) for s in e.scores)) for e in GOLDEN.evaluations)
    )
    assert final_over_best(negative) is None


def test_no_records_make_no_board() -> None:
    assert leaderboards([]) == []


ALIKE = (
    Diagnostic(name="feature_variance_ratio", value=0.004, perfect=1.0, n=128),
    Diagnostic(name="duplicate_rate", value=1.0, perfect=0.001, n=128),
)


def test_a_run_whose_samples_are_all_alike_has_no_rank_however_well_it_scores() -> None:
    dead = [run("dead", seed, 1.0, diagnostics=ALIKE) for seed in (0, 1)]
    alive = [run("alive", seed, 9.0) for seed in (0, 1)]
    shaky = [run("shaky", 0, 2.0), run("shaky", 1, status="diverged")]
    (board,) = leaderboards([*dead, *shaky, *alive, run("lost", 0, status="failed")])
    assert [(row.variant, row.rank) for row in board.rows] == [("alive", 1), ("shaky", 2), ("dead", None), ("lost", None)]
    assert list(board.rows[2].lifeless) == [0, 1] and "near-copy" in board.rows[2].lifeless[0]


def test_raw_weights_that_end_lifeless_count_too_and_one_seed_of_three_is_marked_but_ranked() -> None:
    one = run("some", 0, 1.0)
    raw = replace(one.evaluations[-2], diagnostics=ALIKE)
    (board,) = leaderboards(
        [replace(one, evaluations=(*one.evaluations[:-2], raw, one.evaluations[-1])), run("some", 1, 1.0), run("some", 2, 1.0)]
    )
    (row,) = board.rows
    assert row.rank == 1 and list(row.lifeless) == [0]


def test_samples_that_were_alike_on_the_way_and_are_no_more_do_not_count() -> None:
    one = run("some", 0, 1.0)
    (board,) = leaderboards([replace(one, evaluations=(replace(one.evaluations[0], diagnostics=ALIKE), *one.evaluations[1:]))])
    assert board.rows[0].lifeless == {} and board.rows[0].rank == 1


def test_diverged_runs_keep_their_scores_and_rank_nothing() -> None:
    gone = [replace(run("gone", seed, 0.1, status="diverged"), scores=run("gone", seed, 0.1).scores) for seed in (0, 1)]
    half = [run("half", 0, 5.0), replace(run("half", 1, 0.1, status="diverged"), scores=run("half", 1, 0.1).scores)]
    (board,) = leaderboards([*gone, *half, run("fine", 0, 9.0)])
    assert [(row.variant, row.rank) for row in board.rows] == [("fine", 1), ("half", 2), ("gone", None)]
    ema = board.primary
    assert ema is not None
    assert board.rows[1].scores[ema.key].mean == 5.0  # of the seed that finished alone
    assert board.rows[2].scores[ema.key].mean == 0.1 and board.rows[2].diverged_only


def test_interrupted_seeds_count_as_not_run() -> None:
    steady = [run("steady", seed, 9.0) for seed in (0, 1)]
    stopped = [run("stopped", 0, 1.0), *(run("stopped", seed, status="interrupted", reason="the disk is full") for seed in (1, 2))]
    (board,) = leaderboards([*steady, *stopped, run("never", 0, status="interrupted")])
    assert [(row.variant, row.rank) for row in board.rows] == [("stopped", 1), ("steady", 2), ("never", None)]


def test_a_done_run_without_its_score_is_no_traceback_and_comes_last() -> None:
    assert order(replace(run("odd", 0, 1.0), scores=()), run("even", 0, 9.0)) == ["even", "odd"]


def test_rows_that_nothing_tells_apart_share_a_rank() -> None:
    (board,) = leaderboards([run("c", 0, 5.0), run("b", 0, 3.0), run("a", 0, 3.0), run("d", 0, 1.0)])
    assert [(row.variant, row.rank) for row in board.rows] == [("d", 1), ("a", 2), ("b", 2), ("c", 4)]

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ganbench.plan.spec import run_id
from ganbench.report.boards import tables
from ganbench.report.html import to_html
from ganbench.report.latex import to_latex
from ganbench.report.markdown import to_markdown
from ganbench.report.table import Cell, Column, Table
from ganbench.report.terminal import in_terminal, to_terminal
from ganbench.results.record import Diagnostic, Divergence, Evaluation, Failure, Record, read_record
from ganbench.statistics.leaderboard import Leaderboard, leaderboards

GOLDEN = Path(__file__).parents[1] / "golden"
FINISHED = read_record(GOLDEN / "record-v1.json")


def run(name: str, seed: int, fd: float = 1.0, precision: float = 0.5, **changes: Any) -> Record:
    def revalued(evaluation: Evaluation) -> Evaluation:
        values = {"fd": fd, "precision": precision}
        return replace(evaluation, scores=tuple(replace(score, value=values[score.metric]) for score in evaluation.scores))

    spec = replace(FINISHED.spec, seed=seed, variant=replace(FINISHED.spec.variant, name=name))
    series = tuple(revalued(evaluation) for evaluation in FINISHED.evaluations)
    fields = {"scores": series[-2].scores + series[-1].scores, "evaluations": series, **changes}
    return replace(FINISHED, spec=spec, run_id=run_id(spec), **fields)


DIVERGED = {
    "status": "diverged",
    "scores": (),
    "diagnostics": (),
    "divergence": Divergence(kind="nonfinite", images_seen=1_096, detail="a | loss was not finite"),
}
FAILED = {
    "status": "failed",
    "scores": (),
    "diagnostics": (),
    "timing": None,
    "error": Failure(type="ValueError", message="first line\nsecond", stage="training", traceback="", command="ganbench"),
}


def board() -> Leaderboard:
    (found,) = leaderboards(
        [
            *(run("good", seed, 1.0 + seed / 100, 0.9) for seed in (0, 1, 2)),
            *(run("fair", seed, 5.0 + seed, 0.6 + seed / 10) for seed in (0, 1, 2)),
            *(run("shaky", 0, 1_234.5, 0.0), run("shaky", 1, **DIVERGED), run("shaky", 2, **FAILED)),
            run("lost", 0, **FAILED),
        ]
    )
    return found


def printed(width: int, shown: Leaderboard | None = None, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="truecolor" if colour else None, no_color=not colour)
    console.print(to_terminal(tables([shown or board()]), width), highlight=False)
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_terminal_of_any_width_shows_every_cell_uncut(width: int) -> None:
    text = printed(width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    shown = {
        part
        for table in tables([board()])
        for line in ([column.headed for column in table.columns], *table.texts())
        for cell in line
        for part in cell.split("\n")
    }
    assert all(part in text for part in shown)


def test_a_narrow_terminal_repeats_the_first_column_and_a_wide_one_does_not() -> None:
    assert printed(50).count("good") > printed(200).count("good") == 3


def set_off(shown: Leaderboard) -> list[str]:
    table = tables([shown])[0]
    return [f"{row[1].value} {column.key}" for row in table.rows for cell, column in zip(row, table.columns, strict=True) if cell.best]


FD, RAW = "fd@random-conv", "fd.raw@random-conv"


def test_the_best_row_is_set_off_alone_where_its_interval_is_apart_and_with_all_tied_ones_elsewhere() -> None:
    apart = tables([board()])[0]
    assert [column.headed for column in apart.columns[2:4]] == ["FD ↓", "PRECISION ↑"]
    # good's FD lies within [0.98, 1.04] and fair's above 3; its precision is 0.9 in every seed, fair's interval reaches 0.95
    assert set_off(board()) == [f"good {FD}", "good precision@random-conv", f"good {RAW}", "fair precision@random-conv"]


def test_a_row_that_cannot_be_the_best_keeps_others_from_being_it_and_a_note_says_so() -> None:
    (alone,) = leaderboards([run("a", seed, 1.0) for seed in (0, 1)])
    assert set_off(alone) == []  # nothing to be better than
    rest = [*(run("b", seed, 50.0) for seed in (0, 1, 2)), *(run("c", seed, 90.0) for seed in (0, 1, 2))]
    (single,) = leaderboards([run("a", 0, 1.0), *rest])
    assert not {f"{name} {FD}" for name in "abc"} & {*set_off(single)}
    assert "Nothing is bold in FD·random-conv, FD·random-conv raw: a, whose mean is best, has one seed." in tables([single])[0].notes
    lost = {"error": FAILED["error"], "status": "failed", "scores": (), "diagnostics": ()}
    (shaky,) = leaderboards([run("a", 0, 1.0), run("a", 1, 1.0), run("a", 2, **lost), *rest])
    assert f"b {FD}" not in set_off(shaky) and "a, whose mean is best, lost a seed" in " ".join(tables([shaky])[0].notes)


def test_a_terminal_sets_the_best_cell_off_in_colour() -> None:
    bold_green = "\x1b[1;32m"
    assert f"{bold_green}1.01" in printed(160, colour=True)
    assert f"{bold_green}6.00" not in printed(160, colour=True)


def column(table: Table, key: str) -> list[str]:
    """The texts of a column."""
    return [row[[one.name for one in table.columns].index(key)] for row in table.texts()]


def test_failed_and_diverged_seeds_are_a_column_and_each_has_its_reason() -> None:
    scores = tables([board()])[0]
    assert column(scores, "variant") == ["good", "fair", "shaky", "lost"]
    assert column(scores, "failed") == ["0/3", "0/3", "2/3ᵇ", "1/1ᵈ"]
    assert scores.below()[1:4:2] == [
        "ᵇ seed 1 diverged from 1,096 images on (a | loss was not finite); seed 2 failed in training: ValueError: first line",
        "ᵈ seed 0 failed in training: ValueError: first line",
    ]


def test_how_much_worse_than_its_best_evaluation_a_run_ended_is_a_column() -> None:
    assert column(tables(leaderboards([run("a", 0)]))[0], "final_over_best") == ["1.00"]
    early = replace(FINISHED.evaluations[3], scores=tuple(replace(one, value=0.5) for one in FINISHED.evaluations[3].scores))
    series = (*FINISHED.evaluations[:3], early, *FINISHED.evaluations[4:])
    assert column(tables(leaderboards([replace(FINISHED, evaluations=series)]))[0], "final_over_best") == ["8.00"]  # 4.0 after 0.5


def test_every_missing_value_has_a_reason() -> None:
    missing = [cell for table in tables([board()]) for row in table.rows for cell in row if cell.value is None]
    assert len(missing) > 5 and all(cell.note for cell in missing)


def test_the_number_shown_is_the_one_that_ranks() -> None:
    (found,) = leaderboards(
        [run("steady", seed, 4.0) for seed in (0, 1, 2)] + [run("mostly", seed, 1.0 + 100 * (seed == 2)) for seed in (0, 1, 2)]
    )
    assert [(row.variant, row.ranked_by) for row in found.rows] == [("mostly", 1.0), ("steady", 4.0)]
    shown = column(tables([found])[0], FD)
    assert [text.split("\n")[0] for text in shown] == ["1.00", "4.00"]  # the mean of the first is 34.3


def test_of_two_seeds_the_seeds_are_shown_and_not_an_interval_twelve_times_as_wide() -> None:
    (found,) = leaderboards([run("a", seed, 2.0 + seed) for seed in (0, 1)])
    assert column(tables([found])[0], FD) == ["2.50\n(2.00 to 3.00)"]  # the 95 % t interval is [-3.85, 8.85]


def test_a_row_whose_median_seed_did_not_end_says_so_where_it_is_ranked() -> None:
    (found,) = leaderboards([run("shaky", 0, 2.0), run("shaky", 1, **FAILED), run("whole", 0, 9.0), run("whole", 1, 9.0)])
    table = tables([found])[0]
    assert column(table, FD) == ["9.00\n(9.00 to 9.00)", "—ᵃ"]
    assert table.below()[0] == "ᵃ the median seed did not finish; the median of those that did is 2.00"
    assert column(table, RAW)[1] == "2.00"  # raw weights rank nothing, so the seed that ended is shown


def test_protocol_and_speed_are_told() -> None:
    scores, _, speed = tables([board()])
    assert scores.protocol == (
        "random-conv abababab", "128 generated against 1,438 train examples", "EMA and raw weights", "torch 2.9.0"
    )  # fmt: skip
    assert speed.title == "digits: speed on cpu, 1 thread"
    assert speed.texts()[0][2:] == ["5,000", "20,000", "300"]  # medians of the golden record's timing, and MiB


def test_timings_under_unlike_settings_stand_in_tables_of_their_own() -> None:
    def timed(record: Record, **changes: Any) -> Record:
        assert record.timing is not None
        return replace(record, timing=replace(record.timing, **changes))

    def rounded(record: Record) -> Record:
        spec = replace(record.spec, training=replace(record.spec.training, precision="bf16"))
        return replace(record, spec=spec, run_id=run_id(spec))

    reordered = replace(run("d", 0), provenance={"flags": {"engine": "channels-last"}})
    records = [run("a", 0), timed(run("a", 1), device="H100"), timed(run("b", 0), deterministic=False), rounded(run("c", 0)), reordered]
    speeds = [table for table in tables(leaderboards(records)) if "speed" in table.title]
    assert {table.title.partition(" on ")[2]: column(table, "variant") for table in speeds} == {
        "H100, 1 thread": ["a"],
        "cpu, 1 thread": ["a"],
        "cpu, 1 thread, bf16": ["c"],
        "cpu, 1 thread, channels-last engine": ["d"],
        "cpu, 1 thread, determinism off": ["b"],
    }


def test_a_board_names_what_keeps_it_from_another() -> None:
    other = replace(FINISHED.spec, evaluation=replace(FINISHED.spec.evaluation, reference="held_out"))
    first, second = leaderboards([run("a", 0), replace(run("b", 0), spec=other, run_id=run_id(other))])
    assert any("reference: train here, held_out there" in note for note in tables([first])[0].notes)
    assert [table.title for table in tables([first, second])][::3] == [
        "digits (protocol 1 of 2): scores",
        "digits (protocol 2 of 2): scores",
    ]


def test_a_board_without_any_score_still_shows_its_rows() -> None:
    (nothing,) = leaderboards([run("a", 0, **{**FAILED, "evaluations": ()})])
    text = printed(80, nothing)
    assert "digits: no scores" in text and "1/1" in text
    assert "ValueError: first line" in to_markdown(tables([nothing]), "x")


def test_markdown_cells_cannot_break_the_table() -> None:
    (piped,) = leaderboards([run("a|b", 0), run("c", 0)])
    for line in to_markdown(tables([piped]), "x").splitlines():
        if line.startswith("| ") and "a" in line and "b" in line and "1.00" in line:
            assert "a\\|b" in line
            break
    else:
        raise AssertionError("the row is missing")


def test_names_in_square_brackets_are_shown_and_not_read_as_markup() -> None:
    (marked,) = leaderboards([run("[red]a", 0), run("c", 0)])
    assert "[red]a" in printed(160, marked)


def test_a_metric_without_a_direction_has_no_arrow_ranks_nothing_and_sets_nothing_off() -> None:
    def turned(record: Record) -> Record:
        scores = tuple(replace(score, higher_is_better=None if score.metric == "fd" else True) for score in record.scores)
        return replace(record, scores=scores)

    (found,) = leaderboards(
        [turned(run(name, seed, fd, precision)) for name, fd, precision in (("a", 1.0, 0.1), ("b", 9.0, 0.9)) for seed in (0, 1, 2)]
    )
    table = tables([found])[0]
    assert [column.headed for column in table.columns[2:4]] == ["FD", "PRECISION ↑"]
    assert [row.variant for row in found.rows] == ["b", "a"]  # by precision, the first metric with a direction
    assert [row[2].best for row in table.rows] == [False, False] and table.rows[0][3].best


def test_one_metric_of_two_extractors_has_two_columns() -> None:
    def doubled(record: Record) -> Record:
        others = [
            replace(s, label="FD·pixels", value=7.0, protocol={**s.protocol, "extractor": "pixels"})
            for s in record.scores
            if s.metric == "fd"
        ]
        return replace(record, scores=(*record.scores, *others))

    (found,) = leaderboards([doubled(run("a", 0, 2.0))])
    table = tables([found])[0]
    shown = dict(zip([column.headed for column in table.columns], table.texts()[0], strict=True))
    assert (shown["FD\nrandom-conv ↓"], shown["FD\npixels ↓"]) == ("2.00", "7.00")
    assert [part.split()[0] for part in table.protocol[:2]] == ["pixels", "random-conv"]


def test_notes_of_records_stand_below_the_scores_the_worst_first_and_each_once() -> None:
    data = "alpha channel dropped in 40 of 40 images"
    records = [run("alpha", seed, notes=(data,)) for seed in (0, 1)]
    records.append(run("beta", 0, notes=("compared with the real images, they are upside down; flip the rows", data)))
    scores = tables(leaderboards(records))[0]
    told = [note for note in scores.notes if "upside" in note or "alpha channel" in note]
    assert len(told) == 2
    assert "seed 0: compared with the real images, they are upside down" in told[0]
    assert told[1] == f"{records[0].spec.dataset.name}: {data}."
    assert all(note in to_markdown([scores], "x") for note in told)
    assert not any("dropped" in note for note in tables(leaderboards([run("alpha", 0)]))[0].notes)


ALIKE = (
    Diagnostic(name="feature_variance_ratio", value=0.004, perfect=1.0, n=128),
    Diagnostic(name="duplicate_rate", value=1.0, perfect=0.001, n=128),
)


def test_dead_diverged_and_interrupted_runs_are_marked_in_every_table_and_never_set_off() -> None:
    scores = run("x", 0).scores
    (mixed,) = leaderboards(
        [
            *(run("dead", seed, 0.01, diagnostics=ALIKE) for seed in (0, 1, 2)),
            *(run("fair", seed, 5.0 + seed / 100) for seed in (0, 1, 2)),
            *(run("poor", seed, 50.0 + seed / 100) for seed in (0, 1, 2)),
            run("gone", 0, **{**DIVERGED, "scores": scores}),
            run("stopped", 0, status="interrupted", scores=(), diagnostics=(), timing=None, reason="the disk is full"),
        ]
    )
    first, second, _ = tables([mixed])
    names = ["fair", "poor", "dead †", "gone ‡", "stopped"]
    assert [column(table, "variant") for table in (first, second)] == [names, names]
    assert [row[0].value for row in first.rows] == [1, 2, None, None, None]
    assert [text for text in set_off(mixed) if text.endswith(FD)] == [f"fair {FD}"]
    notes = " ".join(first.notes)
    assert "† The samples at the end are all but alike" in notes and "dead, seed 1: feature variance is 0.4 % of the real one" in notes
    assert "‡ Diverged: the scores of the last evaluation, which rank nothing" in notes
    assert column(first, FD)[3] == "1.00" and column(first, "failed")[3].startswith("1/1")
    assert column(first, "failed")[4].startswith("—") and first.rows[4][5].note == "seed 0 interrupted: the disk is full"


def test_what_a_record_notes_is_below_the_table() -> None:
    (noted,) = leaderboards([run("gan", 0, notes=("generator was never updated by ctx.minimize",)), run("gan", 1)])
    assert "gan, seed 0: generator was never updated by ctx.minimize." in tables([noted])[0].notes


def test_rows_of_unlike_budgets_are_told_apart_in_a_note() -> None:
    def longer(record: Record) -> Record:
        spec = replace(record.spec, budget_images=2 * record.spec.budget_images)
        return replace(record, spec=spec, run_id=run_id(spec))

    (alike,) = leaderboards([run("a", 0), run("b", 0)])
    assert not any("Budgets" in note for table in tables([alike]) for note in table.notes)
    (unlike,) = leaderboards([run("a", 0), *(longer(run(name, 0)) for name in "bcdef")])
    budget = FINISHED.spec.budget_images
    said = f"Budgets differ, and ranks do not allow for it: {budget:,} images (a); {2 * budget:,} images (5 rows)."
    assert said in tables([unlike])[0].notes


def test_a_word_that_is_divided_for_a_terminal_is_whole_where_cells_have_one_line() -> None:
    table = Table(title="t", columns=(Column(heading="verdict"),), rows=((Cell(value="INCON-\nCLUSIVE"),), (Cell(value="a\nb"),)))
    for text in (to_markdown([table], "h"), to_latex([table], "h"), to_html(table, "t")):
        assert "INCONCLUSIVE" in text and "a b" in text
    assert "INCON-\n" in in_terminal([table], 80)

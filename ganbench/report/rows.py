"""Which rows do the scores and curves of runs give? (plain values under the columns of ``load_results`` and ``leaderboard.csv``)

Text that a spreadsheet would take for a formula is marked as text, so that the rows may be saved as CSV.
"""

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, TextIO

from ganbench.plan.naming import names, setup
from ganbench.report.runs import Run, is_number
from ganbench.results.collection import Collection
from ganbench.results.record import Evaluation, Record, Score, protocol_key
from ganbench.statistics.leaderboard import Leaderboard, leaderboards
from ganbench.text import cell

Row = dict[str, Any]
RUN = ("run_id", "name", "rank", "ranked_by", "variant", "dataset", "seed", "status", "budget_images", "images_seen")
"""Columns that say which run a row is from, how it ended, and where its row of the leaderboard stands."""
SCORE = ("metric", "label", "value", "ci_low", "ci_high", "ci_method", "n_real", "n_fake", "higher_is_better")
SPEED = ("train_images_per_s", "sample_images_per_s", "peak_memory_bytes", "device")
COLUMNS = (*RUN, "weights", *SCORE, "protocol", *SPEED)
"""Columns of scores, before those of the configuration."""
CURVE_COLUMNS = (*RUN, "kind", "weights", "metric", "value", "ci_low", "ci_high")
"""Columns of curves, before those of the configuration."""


def score_rows(found: Iterable[Record]) -> list[Row]:
    """One row per run, weights and score; a run without scores has one row without a score, and repeated records count once."""
    return [row for own, config in _scores(_runs(found)) for row in ({**one, **config} for one in own)]


def write_scores(handle: TextIO, found: Iterable[Record], boards: Sequence[Leaderboard]) -> None:
    """Writes the rows of :func:`score_rows` as CSV, run by run, since those of thousands of runs take gigabytes together.

    Args:
        handle: Text file.
        found: The records.
        boards: Their leaderboards.
    """
    runs = _runs(found, boards)
    names = columns([config for _, _, config in runs], COLUMNS)
    of_config = names[len(COLUMNS) :]
    writer = csv.writer(handle, lineterminator="\n")
    writer.writerow(names)
    for rows, config in _scores(runs):
        last = [config.get(name) for name in of_config]
        writer.writerows([*(row.get(name) for name in COLUMNS), *last] for row in rows)


def _scores(runs: Iterable[tuple[Record, Row, Row]]) -> Iterator[tuple[list[Row], Row]]:
    """By run, the rows of its scores, and the columns of its configuration, which they share."""
    keys: dict[int, str] = {}  # of the protocols, which runs share
    for record, run, config in runs:
        timing = record.timing
        speed = {
            "train_images_per_s": timing.training.median if timing and timing.training else None,
            "sample_images_per_s": timing.sampling.median if timing and timing.sampling else None,
            "peak_memory_bytes": timing.peak_memory_bytes if timing else None,
            "device": timing.device if timing else None,
        }
        shared, scores = _safe({**run, **speed}), [_safe(_score(score, keys)) for score in record.scores]
        yield [{**shared, **score} for score in scores] or [shared], _safe(config)


def curve_rows(found: Collection) -> list[Row]:
    """One row per run, evaluation and number: its scores and diagnostics, and what the steps logged (losses, gradient norms).

    Args:
        found: Runs; the logs of those that have a folder are read.
    """
    rows = []
    for record, run, config in _runs(found.all):
        for evaluation in record.evaluations:
            rows += [{**run, "images_seen": evaluation.images_seen, **one, **config} for one in _evaluated(evaluation)]
        for seen, logs in Run(record, found.folders.get(record.run_id)).ticks():
            point = {**run, "images_seen": seen, "kind": "log"}
            rows += [{**point, "metric": key, "value": value, **config} for key, value in logs.items() if is_number(value)]
    return [_safe(row) for row in rows]


def columns(rows: Sequence[Row], first: Sequence[str]) -> list[str]:
    """The columns of rows: the first ones, then every part of a configuration that any row has, sorted."""
    return [*first, *sorted({key for row in rows for key in row} - set(first))]


def _safe(row: Row) -> Row:
    return {key: cell(value) if isinstance(value, str) else value for key, value in row.items()}


def _runs(found: Iterable[Record], boards: Sequence[Leaderboard] | None = None) -> list[tuple[Record, Row, Row]]:
    """Every run once, with what identifies it and with its configuration."""
    records = list({record.run_id: record for record in found}.values())
    places = {one.run_id: row for board in (boards or leaderboards(records)) for row in board.rows for one in row.records}
    runs = []
    for record, name in zip(records, names([record.spec for record in records]), strict=True):
        place, spec = places[record.run_id], record.spec
        run = {
            "run_id": record.run_id,
            "name": name,
            "rank": place.rank,
            "ranked_by": place.ranked_by if place.ranked_by is not None and math.isfinite(place.ranked_by) else None,
            "variant": spec.variant.name,
            "dataset": spec.dataset.name,
            "seed": spec.seed,
            "status": record.status,
            "budget_images": spec.budget_images,
            "images_seen": record.images_seen,
        }
        data = {f"dataset.{key}": value for key, value in asdict(spec.dataset).items() if key not in ("name", "path", "content")}
        config = {key: value for key, value in {**setup(spec), **data}.items() if "." in key}
        runs.append((record, run, config))
    return runs


def _score(score: Score, keys: dict[int, str]) -> Row:
    own = {name: getattr(score, name) for name in SCORE}
    place = id(score.protocol)
    if place not in keys:
        keys[place] = protocol_key(score.protocol)
    return {"weights": score.protocol.get("weights", ""), **own, "protocol": keys[place]}


def _evaluated(evaluation: Evaluation) -> list[Row]:
    """Scores and diagnostics of one evaluation."""
    of = {"weights": evaluation.weights}
    shown = ("metric", "value", "ci_low", "ci_high")
    scores = [{**of, "kind": "score", **{name: getattr(one, name) for name in shown}} for one in evaluation.scores]
    return scores + [{**of, "kind": "diagnostic", "metric": one.name, "value": one.value} for one in evaluation.diagnostics]

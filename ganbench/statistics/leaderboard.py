"""Which variant is better, as far as the records say?

Rules. A row is one variant with one configuration, training and budget; its seeds are averaged. Rows are
compared only if every score has the same protocol. They are ordered by the median seed of the first
metric with failed and diverged seeds counted as worst, so that a failure is never averaged away.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, median
from typing import Any

from ganbench.plan.naming import names, setup_key
from ganbench.results.record import Diagnostic, Record, Score, Weights
from ganbench.statistics.intervals import MeanInterval, mean_interval

BOUNDS = {
    **dict.fromkeys(("precision", "recall", "coverage"), (0.0, 1.0)),
    **dict.fromkeys(("fd", "density"), (0.0, math.inf)),
    "cs": (1.0, math.inf),
}
"""Possible values of the built-in metrics (a record is read without the metrics, which need torch)."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric of one set of weights."""

    metric: str
    weights: Weights
    label: str
    higher_is_better: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """One variant in one configuration."""

    variant: str
    """Its name, with whatever tells it from rows of the same name."""
    records: tuple[Record, ...]
    """One a seed, by seed."""
    scores: Mapping[tuple[str, str], MeanInterval]
    """By (metric, weights), over the seeds that finished."""
    diagnostics: Mapping[str, MeanInterval]
    """Of the EMA weights, by name, over the seeds where they are defined."""
    final_over_best: float | None
    """Median over seeds of how much worse than its best evaluation the run ended: 1 is as good."""
    rank: int | None = None
    """None where nothing finished."""

    @property
    def done(self) -> tuple[Record, ...]:
        """Seeds that finished."""
        return tuple(record for record in self.records if record.status == "done")


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """Rows that may be compared."""

    dataset: str
    protocol: Mapping[str, Any]
    """What all its scores share."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    """Best first."""
    differs: tuple[str, ...] = ()
    """Why other boards of this data set are boards of their own, one line each."""


def leaderboards(records: Iterable[Record]) -> list[Leaderboard]:
    """Groups records into boards of comparable rows.

    Args:
        records: Any records; a run that is in twice counts once.

    Returns:
        Boards in the order of their data sets' first records.
    """
    unique = list({record.run_id: record for record in records}.values())
    groups: dict[str, list[Record]] = {}
    for record in unique:
        groups.setdefault(_key(_protocol(record, unique)), []).append(record)
    boards = [_board(json.loads(key), group) for key, group in groups.items()]
    return [
        _with_differences(board, [other for other in boards if other is not board and other.dataset == board.dataset]) for board in boards
    ]


def _protocol(record: Record, others: Sequence[Record]) -> dict[str, Any]:
    """What a record's scores depend on; for one without any, what its plan's scores do elsewhere."""
    plan = _plan(record)
    scored = [record, *(other for other in others if _plan(other) == plan)]
    for candidate in scored:
        if candidate.evaluations:
            return {**plan, "scores": _shared(candidate.evaluations[0].scores)}
    return {**plan, "scores": {}}


def _plan(record: Record) -> dict[str, dict[str, Any]]:
    """Data and evaluation as they bear on the final scores: how often one looked on the way does not."""
    plan = {"dataset": asdict(record.spec.dataset), "evaluation": asdict(record.spec.evaluation)}
    del plan["dataset"]["path"], plan["evaluation"]["every_images"]
    return plan


def _shared(scores: Sequence[Score]) -> dict[str, Any]:
    """The protocols of several metrics as one: parts that belong to a metric carry its name."""
    parts: dict[str, Any] = {}
    for score in scores:
        for name, value in score.protocol.items():
            if name not in ("metric", "weights"):
                own = name.startswith("parameter_") or name == "metric_version"
                parts[f"{score.metric}.{name}" if own else name] = value
    return parts


def _key(protocol: Mapping[str, Any]) -> str:
    return json.dumps(protocol, sort_keys=True, default=list)


def _board(protocol: dict[str, Any], records: Sequence[Record]) -> Leaderboard:
    columns = _columns(records)
    rows = [_row(name, sorted(group, key=lambda record: record.spec.seed)) for name, group in rows_by_name(records)]
    primary = columns[0] if columns else None
    rows.sort(key=lambda row: (_standing(row, primary), row.variant))
    ranked = [replace(row, rank=place if row.done else None) for place, row in enumerate(rows, start=1)]
    return Leaderboard(dataset=records[0].spec.dataset.name, protocol=protocol, columns=columns, rows=tuple(ranked))


def rows_by_name(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Records of one data set that differ in nothing but the seed, under a name that tells them from the others."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(setup_key(record.spec), []).append(record)
    return list(zip(names([group[0].spec for group in groups.values()]), groups.values(), strict=True))


def _columns(records: Sequence[Record]) -> tuple[Column, ...]:
    """EMA columns in the order of the plan, then the raw column of the ranking metric."""
    scores = next((record.scores for record in records if record.scores), ())
    order = records[0].spec.evaluation.metrics
    columns = [Column(metric=s.metric, weights=s.protocol["weights"], label=s.label, higher_is_better=s.higher_is_better) for s in scores]  # type: ignore[arg-type]
    columns.sort(key=lambda column: (column.weights != "ema", order.index(column.metric)))
    return tuple(columns)


def _row(name: str, records: Sequence[Record]) -> Row:
    done = [record for record in records if record.status == "done"]
    scores: dict[tuple[str, str], list[Score]] = {}
    findings: dict[str, list[Diagnostic]] = {}
    for record in done:
        for score in record.scores:
            scores.setdefault((score.metric, str(score.protocol["weights"])), []).append(score)
        for found in record.diagnostics:
            findings.setdefault(found.name, []).append(found)
    gaps = [gap for record in done if (gap := final_over_best(record)) is not None]
    return Row(
        variant=name,
        records=tuple(records),
        scores={key: mean_interval([score.value for score in group], _bounds(group[0])) for key, group in scores.items()},
        diagnostics={
            key: mean_interval(values)
            for key, group in findings.items()
            if (values := [found.value for found in group if found.value is not None])
        },
        final_over_best=median(gaps) if gaps else None,
    )


def _bounds(score: Score) -> tuple[float, float]:
    """Where an interval over seeds is cut: a share stays a share, a distance does not fall below zero; unknown metrics are left alone."""
    return BOUNDS.get(score.metric, (-math.inf, math.inf))


def final_over_best(record: Record) -> float | None:
    """How much worse the final EMA weights score than the best evaluation's: final/best, or best/final if higher is better."""
    series = [e.scores[0] for e in record.evaluations if e.weights == "ema" and e.images_seen > 0 and e.scores]
    values = [score.value for score in series]
    if not values or min(values) <= 0:
        return None
    return max(values) / values[-1] if series[0].higher_is_better else values[-1] / min(values)


def _standing(row: Row, primary: Column | None) -> tuple[float, float, float]:
    """Sorting key: median seed of the first metric with failures as worst, then the share of failures, then the mean."""
    if primary is None:
        return math.inf, 1.0, math.inf
    sign = -1.0 if primary.higher_is_better else 1.0
    values = [sign * s.value for r in row.done for s in r.scores if (s.metric, s.protocol["weights"]) == (primary.metric, primary.weights)]
    worst = [math.inf] * (len(row.records) - len(row.done))
    return median([*values, *worst]), len(worst) / len(row.records), fmean(values) if values else math.inf


def _with_differences(board: Leaderboard, others: Sequence[Leaderboard]) -> Leaderboard:
    lines = []
    for other in others:
        ours, theirs = _flat(board.protocol), _flat(other.protocol)
        parts = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        lines.append("; ".join(f"{part}: {ours.get(part)} here, {theirs.get(part)} there" for part in parts))
    return replace(board, differs=tuple(lines))


def _flat(protocol: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for group, parts in protocol.items():
        for name, value in parts.items():
            flat.setdefault(name, value) if group == "scores" else flat.setdefault(f"{group}.{name}", value)
    return flat

"""Which variant scores better, according to the records?

A row is one variant with one configuration, training and budget, averaged over seeds. Rows are compared
only if all their scores have equal protocols. They are ordered by the first metric's median over seeds;
failed and diverged seeds count as worst, so that failures are not averaged away. Interrupted and skipped seeds count
as not run. Rows most of whose finished seeds ended lifeless stand behind all others that finished, without a rank.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import cast

from ganbench.diagnostics.collapse import lifeless
from ganbench.plan.naming import names, setup_key
from ganbench.results.record import Diagnostic, Record, Score, Weights
from ganbench.statistics.comparable import Protocol, comparable, differences
from ganbench.statistics.intervals import MeanInterval, mean_interval
from ganbench.statistics.series import final_over_best as series_final_over_best


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric, computed from one extractor's features, for raw or EMA weights."""

    metric: str
    extractor: str
    weights: Weights
    label: str
    higher_is_better: bool | None
    """None if the best value lies in between; such a column ranks nothing."""

    @classmethod
    def of(cls, score: Score) -> "Column":
        """The column that a score belongs to."""
        metric, extractor, weights = score.column
        better = score.higher_is_better
        return cls(metric=metric, extractor=extractor, weights=cast(Weights, weights), label=score.label, higher_is_better=better)

    @property
    def key(self) -> tuple[str, str, str]:
        """Metric, extractor and weights, which identify the column."""
        return self.metric, self.extractor, self.weights


@dataclass(frozen=True, kw_only=True)
class Row:
    """One variant with one configuration, over all its seeds."""

    variant: str
    """Name of the variant, with the settings in which rows of this variant differ."""
    records: tuple[Record, ...]
    """One record per seed, sorted by seed."""
    scores: Mapping[tuple[str, str, str], MeanInterval]
    """Over the finished seeds by column key; over diverged ones if none finished."""
    diagnostics: Mapping[str, MeanInterval]
    """Mean diagnostics of the EMA weights by name, over the finished seeds for which they are defined."""
    final_over_best: float | None
    """Median over seeds of the ratio by which the final score is worse than the best one of the run; 1 means equally good."""
    ranked_by: float | None = None
    """Median over seeds of the first metric, in which a run that failed or diverged counts as worst: infinite if that are half or more.
    None without such a metric, or if no seed finished."""
    rank: int | None = None
    """None if no seed finished, or most of those that did ended lifeless."""
    lifeless: Mapping[int, str] = field(default_factory=dict)
    """By seed, why the examples of a finished run are all alike."""

    @property
    def done(self) -> tuple[Record, ...]:
        """Records of the finished seeds."""
        return tuple(record for record in self.records if record.status == "done")

    @property
    def failed(self) -> int:
        """Number of seeds that failed or diverged."""
        return sum(record.status in ("failed", "diverged") for record in self.records)

    @property
    def dead(self) -> bool:
        """Whether most of its finished seeds ended with examples that are all alike."""
        return 2 * len(self.lifeless) > len(self.done)

    @property
    def diverged_only(self) -> bool:
        """Whether its scores are of diverged seeds, which rank nothing."""
        return bool(self.scores) and not self.done


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """A ranked table of rows that may be compared."""

    dataset: str
    protocol: Protocol
    """The protocol that all its scores share."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    """Best first."""
    differs: tuple[str, ...] = ()
    """Per other board of this data set: the protocol fields that differ."""

    @property
    def primary(self) -> Column | None:
        """The column that determines the ranking: the first with a direction; EMA columns come first."""
        return next((column for column in self.columns if column.higher_is_better is not None), None)


def leaderboards(records: Iterable[Record]) -> list[Leaderboard]:
    """Groups records into leaderboards of comparable rows.

    Args:
        records: Any records; repeated runs count once.

    Returns:
        Leaderboards in the order of their first records.
    """
    boards = [_board(protocol, group) for protocol, group in comparable(records)]
    return [replace(board, differs=_differs(board, boards)) for board in boards]


def _differs(board: Leaderboard, boards: Sequence[Leaderboard]) -> tuple[str, ...]:
    others = [other for other in boards if other is not board and other.dataset == board.dataset]
    return tuple("; ".join(differences(board.protocol, other.protocol)) for other in others)


def _board(protocol: Protocol, records: Sequence[Record]) -> Leaderboard:
    rows = [_row(name, sorted(group, key=lambda record: record.spec.seed)) for name, group in rows_by_name(records)]
    board = Leaderboard(dataset=records[0].spec.dataset.name, protocol=protocol, columns=_columns(records), rows=())
    rows = [replace(row, ranked_by=_median_seed(row, board.primary)) for row in rows]
    rows.sort(key=lambda row: (_standing(row, board.primary), row.variant))
    first: dict[tuple[float, ...], int] = {}  # rows that nothing tells apart share a rank
    ranks = [first.setdefault(_standing(row, board.primary), place) for place, row in enumerate(rows, start=1)]
    ranked = [replace(row, rank=rank if row.done and not row.dead else None) for rank, row in zip(ranks, rows, strict=True)]
    return replace(board, rows=tuple(ranked))


def rows_by_name(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Groups records of one data set that differ only in the seed, each group with a name that distinguishes it from the others."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(setup_key(record.spec), []).append(record)
    return list(zip(names([group[0].spec for group in groups.values()]), groups.values(), strict=True))


def _columns(records: Sequence[Record]) -> tuple[Column, ...]:
    """The columns of EMA weights in the order of the plan, then those of raw weights."""
    whole_first = sorted(records, key=lambda record: record.status != "done")  # a diverged run may have scores of one kind of weights
    columns = [Column.of(score) for score in next((record.scores for record in whole_first if record.scores), ())]
    return tuple(sorted(columns, key=lambda column: column.weights != "ema"))


def _row(name: str, records: Sequence[Record]) -> Row:
    done = [record for record in records if record.status == "done"]
    shown = done or [record for record in records if record.status == "diverged"]
    scores: dict[tuple[str, str, str], list[Score]] = {}
    findings: dict[str, list[Diagnostic]] = {}
    for record in shown:
        for score in record.scores:
            scores.setdefault(score.column, []).append(score)
        for found in record.diagnostics:
            findings.setdefault(found.name, []).append(found)
    gaps = [gap for record in done if (gap := final_over_best(record)) is not None]
    return Row(
        variant=name,
        records=tuple(records),
        scores={key: mean_interval([score.value for score in group], group[0].bounds) for key, group in scores.items()},
        diagnostics={
            key: mean_interval(values)
            for key, group in findings.items()
            if (values := [found.value for found in group if found.value is not None])
        },
        final_over_best=median(gaps) if gaps else None,
        lifeless={record.spec.seed: why for record in done if (why := _lifeless(record))},
    )


def _lifeless(record: Record) -> str:
    """Why the final examples of a run are all alike, of EMA or of raw weights."""
    final = [one.diagnostics for one in record.evaluations if one.images_seen == record.images_seen]
    return next((why for diagnostics in (record.diagnostics, *final) if (why := lifeless(diagnostics))), "")


def final_over_best(record: Record) -> float | None:
    """How much worse the final EMA weights score than the best evaluation: final/best, or best/final if higher is better.

    Uses the first metric with a direction; None if there is none, or if a value is not above 0.
    """
    judged = [e.scores for e in record.evaluations if e.weights == "ema" and e.images_seen > 0]
    series = [score for scores in judged for score in [one for one in scores if one.higher_is_better is not None][:1]]
    return series_final_over_best([score.value for score in series], bool(series and series[0].higher_is_better))


def _median_seed(row: Row, primary: Column | None) -> float | None:
    """The number that ranks a row: the median over its seeds of the first metric, failures counting as worst."""
    if primary is None or not row.done:
        return None
    values = [score.value for record in row.done for score in record.scores if score.column == primary.key]
    worst = -math.inf if primary.higher_is_better else math.inf
    return median([*values, *([worst] * (len(_ended(row)) - len(values)))])


def _ended(row: Row) -> list[Record]:
    return [record for record in row.records if record.status not in ("interrupted", "skipped")]


def _standing(row: Row, primary: Column | None) -> tuple[bool, bool, float, float, float]:
    """Sorting key: finished rows, those alive first, by the median seed, fraction of failures and mean."""
    if primary is None or row.ranked_by is None:
        return not row.done, row.dead, math.inf, 1.0, math.inf
    sign = -1.0 if primary.higher_is_better else 1.0
    found = row.scores.get(primary.key)
    failed = 1 - len(row.done) / len(_ended(row))
    return False, row.dead, sign * row.ranked_by, failed, sign * found.mean if found else math.inf

"""What do the rows of a leaderboard cost? (time of training for the whole budget, for every setting that was timed)"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ganbench.plan.naming import setup
from ganbench.report.boards import where
from ganbench.report.speed import how_timed
from ganbench.results.record import Timing
from ganbench.results.timing_record import TimingRecord, plain_settings
from ganbench.statistics.leaderboard import Leaderboard, Row

ELSEWHERE = ("budget_images", "training.precision")
"""Parts of a run's setup that are none of a timing's subject: the one is a matter of length, the other of the setting."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a method trains under one setting."""

    images_per_s: float
    memory_bytes: float | None
    """Most memory at a time; None if not measured."""
    watts: float | None
    """Power of the device in the mean; None if not measured."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A row of a leaderboard with its price."""

    name: str
    seconds: float
    """Time of training for the whole budget, without evaluations."""
    pace: Pace
    value: float
    """The number that ranks the row."""
    values: tuple[float, ...]
    """The ranking score of every finished seed."""

    @property
    def joules(self) -> float | None:
        """Energy of the device for the whole budget; None if its power was not measured."""
        return None if self.pace.watts is None else self.pace.watts * self.seconds


def costs(board: Leaderboard, timings: Sequence[TimingRecord]) -> dict[str, list[Cost]]:
    """What the rows of a leaderboard cost, by the setting under which they were timed.

    Args:
        board: The leaderboard; rows whose median seed did not finish have no price, and neither has any without a score that ranks.
        timings: Timings of training; one counts for a row whose method and settings it timed, on images of the same size. They tell what
            a row would cost on a device on which it was never trained.
    """
    found: dict[str, list[Cost]] = {}
    for row in board.rows:
        score = row.scores.get(board.primary.key) if board.primary else None
        if score is None or row.ranked_by is None or not math.isfinite(row.ranked_by):
            continue
        for place, pace in (*_own(row), *_timed(row, timings)):
            seconds = row.done[0].spec.budget_images / pace.images_per_s
            cost = Cost(name=row.variant, seconds=seconds, pace=pace, value=row.ranked_by, values=tuple(score.values))
            found.setdefault(place, []).append(cost)
    return dict(sorted(found.items()))


def _own(row: Row) -> list[tuple[str, Pace]]:
    """Settings under which the row's runs were trained, with the medians of their paces."""
    timed: dict[str, list[Timing]] = {}
    for record in row.records:
        if record.timing and record.timing.training:
            timed.setdefault(where(record), []).append(record.timing)
    return [
        (
            f"as trained: {place}",
            Pace(
                images_per_s=median([one.training.median for one in found if one.training]),
                memory_bytes=max(one.peak_memory_bytes for one in found),
                watts=None,
            ),
        )
        for place, found in timed.items()
    ]


def _timed(row: Row, timings: Sequence[TimingRecord]) -> list[tuple[str, Pace]]:
    """Settings under which the row's method was timed, with its pace."""
    spec = row.done[0].spec
    shape = str(row.done[0].provenance.get("dataset", {}).get("shape", ""))
    wanted = plain_settings({key: value for key, value in setup(spec).items() if key not in ELSEWHERE})
    fitting = [
        timing
        for timing in timings
        if timing.task == "train"
        and timing.setting.get("precision") == spec.training.precision
        and {**timing.subject, "shape": shape} == timing.subject
        and all(timing.subject.get(key) == value for key, value in wanted.items())
    ]
    return [(f"as timed: {how_timed(timing)}", _pace(timing)) for timing in fitting]


def _pace(timing: TimingRecord) -> Pace:
    memory = timing.peak_reserved_bytes if timing.peak_allocated_bytes is None else timing.peak_allocated_bytes
    return Pace(images_per_s=timing.rate.median, memory_bytes=memory, watts=timing.watts)


def unit_of(longest: float) -> tuple[float, str]:
    """Seconds of the unit in which times up to the longest have few digits, and its name."""
    return next(((size, name) for size, name in ((3600.0, "hours"), (60.0, "minutes")) if longest >= 2 * size), (1.0, "seconds"))

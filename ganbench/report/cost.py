"""What do the rows of a leaderboard cost? (time of training for the whole budget, for every setting that was timed)"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ganbench.plan.naming import setup
from ganbench.report.boards import where
from ganbench.report.speed import how_timed
from ganbench.results.timing_record import TimingRecord, plain_settings
from ganbench.statistics.leaderboard import Leaderboard, Row

ELSEWHERE = ("budget_images", "training.precision")
"""Parts of a run's setup that are none of a timing's subject: the one is a matter of length, the other of the setting."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A row of a leaderboard with its price."""

    name: str
    seconds: float
    """Time of training for the whole budget, without evaluations."""
    values: tuple[float, ...]
    """The ranking score of every finished seed."""


def costs(board: Leaderboard, timings: Sequence[TimingRecord]) -> dict[str, list[Cost]]:
    """What the rows of a leaderboard cost, by the setting under which they were timed.

    Args:
        board: The leaderboard, which is empty without a score that ranks.
        timings: Timings of training; one counts for a row whose method and settings it timed, on images of the same size. They tell what
            a row would cost on a device on which it was never trained.
    """
    found: dict[str, list[Cost]] = {}
    for row in board.rows:
        score = row.scores.get(board.primary.key) if board.primary else None
        if score is None or not row.done:
            continue
        for place, rate in (*_own(row), *_timed(row, timings)):
            seconds = row.done[0].spec.budget_images / rate
            found.setdefault(place, []).append(Cost(name=row.variant, seconds=seconds, values=tuple(score.values)))
    return dict(sorted(found.items()))


def _own(row: Row) -> list[tuple[str, float]]:
    """Settings under which the row's runs were trained, with the median of their images a second."""
    rates: dict[str, list[float]] = {}
    for record in row.done:
        if record.timing and record.timing.training:
            rates.setdefault(where(record), []).append(record.timing.training.median)
    return [(f"as trained: {place}", median(found)) for place, found in rates.items()]


def _timed(row: Row, timings: Sequence[TimingRecord]) -> list[tuple[str, float]]:
    """Settings under which the row's method was timed, with images a second."""
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
    return [(f"as timed: {how_timed(timing)}", timing.rate.median) for timing in fitting]


def unit_of(longest: float) -> tuple[float, str]:
    """Seconds of the unit in which times up to the longest have few digits, and its name."""
    return next(((size, name) for size, name in ((3600.0, "hours"), (60.0, "minutes")) if longest >= 2 * size), (1.0, "seconds"))

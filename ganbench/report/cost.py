"""How is quality drawn against what it costs? (a score over the time of training, one panel for every setting that was timed)"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import matplotlib

from ganbench.plan.naming import setup
from ganbench.report.boards import where
from ganbench.report.curves import COLOURS
from ganbench.report.speed import how_timed
from ganbench.results.record import Record
from ganbench.results.timing_record import TimingRecord, plain_settings
from ganbench.statistics.leaderboard import Leaderboard, Row, leaderboards
from ganbench.text import drawn

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ELSEWHERE = ("budget_images", "training.precision")
"""Parts of a run's setup that are none of a timing's subject: the one is a matter of length, the other of the setting."""
WIDE = 10.0
"""Ratio of the largest to the smallest from which an axis is logarithmic."""


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


def cost_figure(records: Sequence[Record], timings: Sequence[TimingRecord]) -> Figure:
    """Scores over the time of training: the median seed as a point, all seeds as a line.

    Args:
        records: Records on one data set.
        timings: Timing records, of any variants.
    """
    board = leaderboards(records)[0]
    found = costs(board, timings)
    figure, grid = plt.subplots(
        1, max(1, len(found)), figsize=(5.2 * max(1, len(found)), 4.2), layout="constrained", squeeze=False, sharey=True
    )
    size, unit = _unit(max((row.seconds for rows in found.values() for row in rows), default=0.0))
    for axes, (place, rows) in zip(grid[0], found.items(), strict=False):
        _draw(axes, [replace(row, seconds=row.seconds / size) for row in rows])
        axes.set_title(drawn(place), fontsize=8)
        axes.set_xlabel(f"{unit} of training")
        if board.primary:
            axes.set_ylabel(f"{drawn(board.primary.label)} ({'higher' if board.primary.higher_is_better else 'lower'} is better)")
    if not found:
        grid[0][0].set_axis_off()
        grid[0][0].text(0.5, 0.5, "no finished run was timed", ha="center", va="center")
    figure.suptitle(f"{drawn(board.dataset)}: quality against cost")
    return figure


def _unit(longest: float) -> tuple[float, str]:
    """Seconds of the unit in which times up to the longest have few digits, and its name."""
    return next(((size, name) for size, name in ((3600.0, "hours"), (60.0, "minutes")) if longest >= 2 * size), (1.0, "seconds"))


def _draw(axes: Axes, rows: Sequence[Cost]) -> None:
    for index, row in enumerate(rows):
        colour = COLOURS[index % len(COLOURS)]
        axes.plot([row.seconds] * 2, [min(row.values), max(row.values)], color=colour, linewidth=1.2)
        axes.plot([row.seconds], [median(row.values)], "o", color=colour, markersize=5)
        axes.annotate(
            drawn(row.name), (row.seconds, median(row.values)), xytext=(5, 4), textcoords="offset points", fontsize=7, color=colour
        )
    values = [value for row in rows for value in row.values]
    if max(row.seconds for row in rows) > WIDE * min(row.seconds for row in rows):
        axes.set_xscale("log")
    if min(values) > 0 and max(values) > WIDE * min(values):
        axes.set_yscale("log")
    axes.margins(0.15)
    axes.spines[["top", "right"]].set_visible(False)

"""How did the trainings of one variant go? (scores, losses and signals over images seen, all seeds together)"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ganbench.report.charts.chart import Chart, Mark, chart
from ganbench.report.charts.marks import band, crosses, lines, upright
from ganbench.report.charts.scale import Axis, fitted, short
from ganbench.report.runs import Run, Series
from ganbench.statistics.leaderboard import Column

SEEN = "images seen"
POINTS = 240
"""Points of a line that are drawn of a long log."""
SINGLE = 12
"""Seeds that have a line of their own; the band holds the others."""
ALARM_ROWS = 3
"""Lines on which the names of alarms stand, in turn."""


def score_curve(runs: Sequence[Run], column: Column, name: str, title: str = "", y: Axis | None = None) -> Chart:
    """A score at every evaluation: median of the seeds as a line, their range as a band, every seed as a thin line."""
    sides = {weights: [run.scores(column.metric, column.extractor, weights) for run in runs] for weights in ("ema", "raw")}
    return curves(
        title or f"{column.label} at evaluations",
        _alt(f"{column.label} of {name}", sides["ema"], runs),
        {"EMA weights": sides["ema"], "raw weights": sides["raw"]},
        _label(column),
        runs,
        dots=True,
        y=y,
    )


def score_axis(runs: Sequence[Run], column: Column) -> Axis:
    """A vertical axis for the scores of many rows, so that their charts can be compared."""
    found = [run.scores(column.metric, column.extractor, weights) for run in runs for weights in ("ema", "raw")]
    return fitted(_label(column), [value for series in found for value in series.values()])


def _label(column: Column) -> str:
    better = {True: " (higher is better)", False: " (lower is better)", None: ""}[column.higher_is_better]
    return column.label.partition("·")[0] + better


def loss_curve(runs: Sequence[Run], name: str) -> Chart | None:
    """Losses of both networks; None if none were logged."""
    sides = {part: [run.logged(f"loss/{part}") for run in runs] for part in ("discriminator", "generator")}
    return _of(sides, "Losses", f"Losses of {name}", "loss", runs, log=False)


def gradient_curve(runs: Sequence[Run], name: str) -> Chart | None:
    """Norms of both networks' gradients, with alarms."""
    sides = {part: [run.logged(f"grad_norm/{part}") for run in runs] for part in ("discriminator", "generator")}
    return _of(sides, "Gradient norms", f"Gradient norms of {name}", "norm", runs, log=None)


def value_curve(runs: Sequence[Run], name: str) -> Chart | None:
    """Mean values of the discriminator on training, held-out and generated examples, with alarms."""
    parts = {"training": "value/train", "held-out": "value/held_out", "generated": "value/fake"}
    sides = {words: [run.probed(key) for run in runs] for words, key in parts.items()}
    return _of(sides, "Values of the discriminator", f"Mean values of the discriminator of {name}", "mean value", runs, log=False)


def _of(sides: Mapping[str, Sequence[Series]], title: str, alt: str, label: str, runs: Sequence[Run], *, log: bool | None) -> Chart | None:
    if not any(series for side in sides.values() for series in side):
        return None
    first = next(iter(sides.values()))
    return curves(title, _alt(alt, first, runs), sides, label, runs, log=log, alarms=True)


def curves(
    title: str,
    alt: str,
    sides: Mapping[str, Sequence[Series]],
    label: str,
    runs: Sequence[Run],
    *,
    log: bool | None = None,
    dots: bool = False,
    alarms: bool = False,
    y: Axis | None = None,
) -> Chart:
    """Several quantities over images seen.

    Args:
        title: Heading.
        alt: What it shows, in words.
        sides: By name, the series of every seed.
        label: Label of the vertical axis.
        runs: The runs, in the order of the series.
        log: As for :func:`~ganbench.report.charts.scale.fitted`.
        dots: Whether points are marked.
        alarms: Whether alarms are marked where they begin.
        y: The vertical axis; None fits one.
    """
    sides = {name: [thinned(series) for series in side] for name, side in sides.items()}
    seen = [images for side in sides.values() for series in side for images in series]
    x = fitted(SEEN, seen, log=False)
    x = Axis(label=SEEN, low=0.0, high=x.high)
    y = y or fitted(label, _shown([value for side in sides.values() for series in side for value in series.values()], log), log=log)
    marks: list[Mark] = []
    for colour, side in enumerate(sides.values()):
        xs, low, middle, high = spread(side)
        if len(side) > 1:
            marks.append(band(xs, low, high, colour))
            marks += [lines(sorted(series.items()), colour, thin=True) for series in side[:SINGLE]]
        marks.append(lines(list(zip(xs, middle, strict=True)), colour, dots=dots and len(xs) <= 30))
    for colour, side in enumerate(sides.values()):
        ends = [(max(series.items()), run) for series, run in zip(side, runs, strict=True) if series and run.record.status != "done"]
        marks.append(crosses([end for end, _ in ends], colour, [run.how for _, run in ends]))
    if alarms:
        marks += _alarms(runs)
    return chart(title, alt, x, y, marks, legend=[(name, colour) for colour, name in enumerate(sides)])


def _alarms(runs: Sequence[Run]) -> list[Mark]:
    """A line where a rule began to hold, of the seed in which that was first."""
    first: dict[str, int] = {}
    for run in runs:
        for alarm in run.record.alarms:
            first[alarm.rule] = min(alarm.images_seen, first.get(alarm.rule, alarm.images_seen))
    ordered = sorted(first.items(), key=lambda item: item[1])
    return [upright(seen, rule.replace("_", " "), place % ALARM_ROWS) for place, (rule, seen) in enumerate(ordered)]


def spread(series: Sequence[Series]) -> tuple[list[float], list[float], list[float], list[float]]:
    """Images seen, and the smallest, the median and the largest value of the series there, each interpolated between its points."""
    xs = sorted({seen for one in series for seen in one})
    placed = [one for one in series if one]
    if not xs:
        return [], [], [], []
    ordered = [sorted(one.items()) for one in placed]
    found = np.array([np.interp(xs, [seen for seen, _ in one], [value for _, value in one], left=np.nan, right=np.nan) for one in ordered])
    low, high, middle = np.nanmin(found, 0), np.nanmax(found, 0), np.nanmedian(found, 0)
    return [float(x) for x in xs], low.tolist(), middle.tolist(), high.tolist()


def thinned(series: Series) -> Series:
    """At most so many points, evenly chosen, the last one always."""
    points = sorted(series.items())
    every = -(-len(points) // POINTS)
    return dict([*points[::-1][::every]][::-1]) if every > 1 else series


def _shown(values: Sequence[float], log: bool | None) -> Sequence[float]:
    """The values that the axis must hold: without the outermost per cent, where that is far off and would flatten the rest."""
    finite = sorted(value for value in values if math.isfinite(value))
    if log or len(finite) < 100:
        return finite
    inner = finite[len(finite) // 100 : -(len(finite) // 100)]
    return finite if finite[-1] - finite[0] <= 5 * (inner[-1] - inner[0]) else inner


def _alt(what: str, series: Sequence[Series], runs: Sequence[Run]) -> str:
    """In words: first and last median, number of seeds, and those that did not finish."""
    xs, _, middle, _ = spread(series)
    unfinished = [run.how for run in runs if run.record.status != "done"]
    words = f"{what} over images seen, {len(runs)} {'seed' if len(runs) == 1 else 'seeds'}"
    if xs:
        words += f": median {short(middle[0])} after {xs[0]:,.0f}, {short(middle[-1])} after {xs[-1]:,.0f}"
    return words + (f"; not finished: {', '.join(unfinished)}" if unfinished else "")

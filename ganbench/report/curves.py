"""How are training curves drawn? (the median seed as a line, all seeds as a band)"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt

from ganbench.results.events import EventLog
from ganbench.results.folders import run_folder
from ganbench.results.record import Record
from ganbench.statistics.leaderboard import rows_by_name
from ganbench.text import drawn

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999933")
"""Okabe and Ito's palette, which colour-blind readers can distinguish. More variants than colours have a panel each."""
PLACES = 6
"""Panels in a row, where every variant has one."""
LEGEND_LETTERS = 200
"""Number of characters per line of the legend below four panels."""
OUTER = 2.0
"""Percentage of losses at either end that may lie outside the axes, so that one method that explodes does not flatten the others."""

Points = Mapping[int, float]
"""Values by images seen."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The curves of one variant in one configuration."""

    name: str
    seeds: Mapping[str, Sequence[Points]]
    """By quantity ("ema", "raw", "loss/discriminator", "loss/generator"), the points of every seed."""
    unfinished: frozenset[int]
    """Indices of the seeds that did not finish."""


def curves(out: Path, records: Sequence[Record]) -> Figure:
    """Scores of EMA and raw weights, on equal axes, and both losses over images seen.

    Up to eight variants share the panels; more have a small panel each, in front of all others in grey.

    Args:
        out: Folder of the matrix.
        records: Its records on one data set.
    """
    groups = [_group(out, name, group) for name, group in rows_by_name(records)]
    metric = records[0].spec.evaluation.metrics[0].partition("@")[0].upper()
    draw = _together if len(groups) <= len(COLOURS) else _apart
    figure = draw(groups, drawn(metric))
    dataset = drawn(records[0].spec.dataset.name)
    figure.suptitle(f"{dataset}: median seed over images seen, band over all seeds; a cross where a run did not finish")
    return figure


def _group(out: Path, name: str, records: Sequence[Record]) -> Group:
    seeds: dict[str, list[Points]] = {"ema": [], "raw": [], "loss/discriminator": [], "loss/generator": []}
    for record in records:
        for weights in ("ema", "raw"):
            seeds[weights].append({e.images_seen: s.value for e in record.evaluations if e.weights == weights for s in e.scores[:1]})
        events = EventLog(run_folder(out, record.spec) / "events.jsonl").scan()[0]  # of a damaged log, what comes before the damage
        ticks = [event for event in events if event["kind"] == "tick" and isinstance(event.get("logs"), dict)]
        for loss in ("loss/discriminator", "loss/generator"):
            values = [(tick["images_seen"], tick["logs"].get(loss)) for tick in ticks]
            seeds[loss].append({seen: value for seen, value in values if isinstance(value, int | float)})
    unfinished = frozenset(index for index, record in enumerate(records) if record.status != "done")
    return Group(name=name, seeds=seeds, unfinished=unfinished)


def _together(groups: Sequence[Group], metric: str) -> Figure:
    """Four panels: scores of EMA and raw weights, and both losses."""
    titles = {
        "ema": f"{metric}, EMA weights",
        "raw": f"{metric}, raw weights",
        "loss/discriminator": "loss/discriminator",
        "loss/generator": "loss/generator",
    }
    figure, grid = plt.subplots(1, len(titles), figsize=(4.2 * len(titles), 3.4), layout="constrained", squeeze=False)
    for axes, (quantity, title) in zip(grid[0], titles.items(), strict=True):
        for index, group in enumerate(groups):
            _draw(axes, group, quantity, COLOURS[index])
        axes.set_title(title)
        axes.set_xlabel("images seen")
        _dress(axes)
    _scale(grid[0][:2], groups, ("ema", "raw"))
    for axes, loss in zip(grid[0][2:], list(titles)[2:], strict=True):
        _scale([axes], groups, (loss,))
    names = [drawn(group.name) for group in groups]
    across = max(1, min(len(names), LEGEND_LETTERS // (max(map(len, names)) + 8)))
    figure.set_figheight(figure.get_figheight() + 0.2 * (-(-len(names) // across) - 1))
    handles = [Line2D([], [], color=COLOURS[index], label=name) for index, name in enumerate(names)]
    figure.legend(handles=handles, loc="outside lower center", ncols=across, frameon=False, fontsize=9)
    return figure


def _apart(groups: Sequence[Group], metric: str) -> Figure:
    """For every variant a panel of scores, and below all of them one of losses; the axes of all panels of a kind are equal."""
    rows = -(-len(groups) // PLACES)
    figure, grid = plt.subplots(2 * rows, PLACES, figsize=(2.9 * PLACES, 2.0 * 2 * rows), layout="constrained", squeeze=False)
    for axes in grid.flat[:]:
        axes.set_axis_off()
    looks = {
        "scores": {"ema": COLOURS[0], "raw": COLOURS[1]},
        "losses": {"loss/discriminator": COLOURS[2], "loss/generator": COLOURS[3]},
    }
    for block, (kind, look) in enumerate(looks.items()):
        panels = list(grid[block * rows : (block + 1) * rows].flat)[: len(groups)]
        for axes, group in zip(panels, groups, strict=True):
            axes.set_axis_on()
            if kind == "scores":
                for other in groups:
                    axes.plot(*_median(other.seeds["ema"]), color="0.85", linewidth=0.8)
            for quantity, colour in look.items():
                _draw(axes, group, quantity, colour)
            axes.set_title(f"{drawn(group.name)}{'' if kind == 'scores' else ', losses'}", fontsize=9 if len(group.name) < 30 else 6)
            _dress(axes)
            axes.tick_params(labelsize=7)
        _scale(panels, groups, tuple(look))
    labels = {"ema": f"{metric}, EMA weights", "raw": f"{metric}, raw weights"}
    handles = [Line2D([], [], color=colour, label=labels.get(key, key)) for look in looks.values() for key, colour in look.items()]
    handles.append(Line2D([], [], color="0.85", label=f"{metric}, EMA weights of the others"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    return figure


def _draw(axes: Axes, group: Group, quantity: str, colour: str) -> None:
    """The median seed, the band of all seeds, and a cross at the end of every run that did not finish."""
    seeds = group.seeds[quantity]
    x, low, middle, high = _band(seeds)
    # a line through one or two points, or points of evaluations, is hardly visible without marks
    marker = "." if len(x) < 3 or quantity in ("ema", "raw") else None
    axes.plot(x, middle, color=colour, linewidth=1.3, marker=marker, markersize=4)
    axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    for index in group.unfinished:
        if seeds[index]:
            end = max(seeds[index])
            axes.plot([end], [seeds[index][end]], color=colour, marker="x", markersize=7, markeredgewidth=2)


def _median(seeds: Sequence[Points]) -> tuple[list[int], npt.NDArray[np.float64]]:
    x, _, middle, _ = _band(seeds)
    return x, middle


def _band(seeds: Sequence[Points]) -> tuple[list[int], npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Images seen, and the smallest, the median and the largest value of the seeds there; each seed is interpolated between its points."""
    x = sorted({seen for points in seeds for seen in points})
    lines = np.full((max(1, len(seeds)), len(x)), math.nan)
    for line, points in zip(lines, seeds, strict=False):
        own = sorted(seen for seen, value in points.items() if math.isfinite(value))
        if own:
            line[:] = np.interp(x, own, [points[seen] for seen in own], left=math.nan, right=math.nan)
    known = [column[np.isfinite(column)] for column in lines.T]
    ends = np.array([[column.min(), np.median(column), column.max()] if len(column) else [math.nan] * 3 for column in known]).reshape(-1, 3)
    return x, ends[:, 0], ends[:, 1], ends[:, 2]


def _dress(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.spines[["top", "right"]].set_visible(False)


def _scale(panels: Iterable[Axes], groups: Sequence[Group], quantities: Sequence[str]) -> None:
    """Gives panels equal axes: logarithmic for scores above 0 that span a decade; for losses without outermost values that are far off."""
    points = [point for group in groups for quantity in quantities for point in group.seeds[quantity]]
    seen = [images for point in points for images in point]
    values = np.array([value for point in points for value in point.values() if math.isfinite(value)])
    if not len(values):
        return
    settings: dict[str, Any] = {}
    if max(seen) > min(seen):
        margin = 0.04 * (max(seen) - min(seen))
        settings["xlim"] = (min(seen) - margin, max(seen) + margin)
    scores = quantities[0] in ("ema", "raw")
    low, high = (values.min(), values.max()) if scores else np.percentile(values, (OUTER, 100 - OUTER))
    if not scores and values.max() - values.min() <= 5 * (high - low):
        low, high = values.min(), values.max()
    if scores and high > 10 * low > 0:
        settings |= {"yscale": "log", "ylim": (low / (high / low) ** 0.05 / 1.02, high * (high / low) ** 0.05 * 1.02)}
    elif high > low:
        settings["ylim"] = (low - 0.05 * (high - low), high + 0.05 * (high - low))
    for axes in panels:
        axes.set(**settings)

"""How are the games of a Dirac-GAN drawn? (a vector field for each, with the paths of a few rules)"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt

from ganbench.report.charts.chart import PALETTE
from ganbench.text import drawn

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

DPI = 110
"""Dots an inch of the PNG file."""
REACH = 2.2
"""Half the width of a panel."""
SIDE, GAP = 1.6, 0.1
"""Side of a panel with the gap beside it in inches, and the gap as a share of the side."""
MARGINS = (0.75, 0.1, 0.85, 0.6)
"""Left, right, below and above the panels, in inches."""
NARROWEST = 9.0
"""Width in inches that the legend needs."""
SHOWN_STEPS = 400
"""Steps of a path that are drawn as a line; later ones repeat them, or are too small to be seen. A dot is where a path ends."""
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One game."""

    row: str
    column: str
    field: tuple[Values, Values]
    """theta' and psi' on a square grid, (psi, theta), from -REACH to REACH."""
    paths: Mapping[str, tuple[Values, Values]]
    """theta and psi after every step, by rule."""
    average: float
    """Moving average of theta at the end, under one of the rules."""
    symbols: Mapping[str, str]
    """The verdict's symbol, by rule."""


def panels_figure(panels: Sequence[Panel], title: str, averaged: str) -> Figure:
    """One panel a game, on equal axes.

    Args:
        panels: In the order of the rows of the figure.
        title: Above them.
        averaged: The rule of the moving averages.
    """
    rows, columns = list(dict.fromkeys(one.row for one in panels)), list(dict.fromkeys(one.column for one in panels))
    rules = list(panels[0].paths)
    # margins are fixed: to find them costs more than all the rest, and so do shared axes
    left, right, bottom, top = MARGINS
    width, height = max(SIDE * len(columns) + left + right, NARROWEST), SIDE * len(rows) + bottom + top
    figure, grid = plt.subplots(len(rows), len(columns), figsize=(width, height), squeeze=False)
    figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height, GAP, GAP)
    for panel in panels:
        axes = grid[rows.index(panel.row)][columns.index(panel.column)]
        _draw(axes, panel)
        if panel.row == rows[0]:
            axes.set_title(drawn(panel.column), fontsize=10)
        if panel.row == rows[-1]:
            axes.set_xlabel(r"$\theta$ (generator)", fontsize=8)
        else:
            axes.set_xticklabels([])
        if panel.column == columns[0]:
            axes.set_ylabel(f"{drawn(panel.row)}\n" + r"$\psi$ (discriminator)", fontsize=8)
        else:
            axes.set_yticklabels([])
    handles = [Line2D([], [], color=PALETTE[k], marker="o", markersize=4, label=drawn(rule)) for k, rule in enumerate(rules)]
    handles += [
        Line2D([], [], color="black", marker="x", linestyle="", markersize=5, label="start"),
        Line2D([], [], color="black", marker="|", linestyle="", markersize=9, label=rf"EMA of $\theta$ at the end, {drawn(averaged)}"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), frameon=False, fontsize=9)
    figure.suptitle(drawn(title), fontsize=11, y=1 - 0.1 / height, va="top")
    return figure


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Writes a figure as PNG and SVG, the same bytes for the same figure, and closes it.

    Returns:
        The files.
    """
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    for path, metadata in zip(paths, ({"Software": None}, {"Date": None, "Creator": None}), strict=True):
        with matplotlib.rc_context({"svg.hashsalt": "ganbench", "svg.fonttype": "none"}):
            figure.savefig(path, dpi=DPI, metadata=metadata)
    plt.close(figure)
    return paths


def _draw(axes: Axes, panel: Panel) -> None:
    along, up = panel.field
    size = np.hypot(along, up)
    line = np.linspace(-REACH, REACH, len(along))
    # directions alone: beside a strong penalty the lengths of the others would vanish
    scale = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
    axes.quiver(line, line, along * scale, up * scale, color="0.72", width=0.008, scale=16, pivot="mid")
    for k, (theta, psi) in enumerate(panel.paths.values()):
        inside = slice(0, SHOWN_STEPS)
        axes.plot(theta[inside], psi[inside], color=PALETTE[k], linewidth=0.8, alpha=0.85)
        if np.isfinite(theta[-1]) and np.isfinite(psi[-1]):
            axes.plot(theta[-1:], psi[-1:], "o", color=PALETTE[k], markersize=4, clip_on=True)
        axes.plot(theta[:1], psi[:1], "x", color="black", markersize=5)
    axes.plot([panel.average], [0], "|", color="black", markersize=9)
    for k, symbol in enumerate(panel.symbols.values()):
        place = (0.04 + 0.12 * k, 0.965)
        text = axes.text(*place, symbol, color=PALETTE[k], transform=axes.transAxes, ha="left", va="top", fontsize=10, weight="bold")
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal", xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    axes.tick_params(labelsize=7)

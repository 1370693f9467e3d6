"""How are the figures of a report drawn? (training curves, samples beside real examples, quality against cost)"""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from ganbench.report.cost import cost_figure
from ganbench.report.curves import COLOURS, curves
from ganbench.results.folders import run_folder
from ganbench.results.record import Record
from ganbench.results.timing_record import timings_of
from ganbench.statistics.leaderboard import rows_by_name
from ganbench.text import drawn

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 110
"""Dots an inch of PNG files."""
MANY = 8
"""Number of variants from which samples are shown of the first seed only, in rows of this length."""
TITLE_LETTERS = 34
"""Number of characters per line of a panel's title."""


def write_figures(out: Path, records: Sequence[Record]) -> None:
    """Draws training curves, samples, and quality against cost for every data set, below ``OUT/figures``.

    Args:
        out: Folder of the matrix.
        records: Its records.
    """
    (out / "figures").mkdir(parents=True, exist_ok=True)
    timings = timings_of(out)[0]
    for dataset in dict.fromkeys(record.spec.dataset.name for record in records):
        group = [record for record in records if record.spec.dataset.name == dataset]
        drawings = (
            ("curves", curves(out, group), ("png", "svg")),
            ("samples", samples(out, group), ("png",)),
            ("cost", cost_figure(group, timings), ("png", "svg")),
        )
        for name, figure, endings in drawings:
            for ending in endings:
                # without date, version and random identifiers, so that the same results give the same bytes
                metadata = {"Software": None} if ending == "png" else {"Date": None, "Creator": None}
                with matplotlib.rc_context({"svg.hashsalt": "ganbench", "svg.fonttype": "none"}):
                    figure.savefig(out / "figures" / f"{name}-{dataset}.{ending}", dpi=DPI, metadata=metadata)
            plt.close(figure)


def samples(out: Path, records: Sequence[Record]) -> Figure:
    """Real examples and the last saved samples of every run; points are drawn over the real ones in grey.

    Variants are columns and seeds are rows. More than eight variants are shown in rows of eight, with the first seed only.
    """
    names = {record.run_id: drawn(name) for name, group in rows_by_name(records) for record in group}
    variants = list(dict.fromkeys(names.values()))
    seeds = sorted({record.spec.seed for record in records})
    many = len(variants) > MANY
    columns = MANY if many else len(variants)
    rows = -(-len(variants) // columns) if many else len(seeds)
    lines = max(len(textwrap.wrap(name, TITLE_LETTERS)) for name in variants)
    size = (2.6 * (columns + 1), (2.8 + 0.13 * (lines - 1)) * rows + 0.4)
    figure, grid = plt.subplots(rows, columns + 1, figsize=size, layout="constrained", squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    real = next(iter(sorted((run_folder(out, records[0].spec) / "samples").glob("real.*"))), None)
    if real is not None:
        _samples(grid[0][0], real, None)
        grid[0][0].set_title("real", fontsize=9)
    for record in [one for one in records if one.spec.seed == seeds[0]] if many else records:
        place = variants.index(names[record.run_id])
        axes = grid[place // columns if many else seeds.index(record.spec.seed)][place % columns + 1]
        files = sorted((run_folder(out, record.spec) / "samples").glob("*-ema.*"))
        if files:
            _samples(axes, files[-1], real)
        note = "" if record.status == "done" else f" ({record.status})"
        title = textwrap.wrap(f"{names[record.run_id]}, seed {record.spec.seed}{note}", TITLE_LETTERS)
        axes.set_title("\n".join(title), fontsize=9 if len(title) == 1 else 7)
    figure.suptitle(f"{drawn(records[0].spec.dataset.name)}: first samples, EMA weights at the end")
    return figure


def _samples(axes: Axes, path: Path, real: Path | None) -> None:
    try:
        _draw_samples(axes, path, real)
    except (OSError, ValueError, EOFError, IndexError):  # of PIL and numpy
        axes.text(0.5, 0.5, "damaged file", ha="center", va="center", transform=axes.transAxes)


def _draw_samples(axes: Axes, path: Path, real: Path | None) -> None:
    if path.suffix == ".png":
        with Image.open(path) as image:
            axes.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        return
    points = np.load(path, allow_pickle=False)
    frame = points if real is None else np.load(real, allow_pickle=False)
    axes.set_axis_on()
    axes.scatter(frame[:, 0], frame[:, 1], s=10, color="0.8", linewidths=0)
    axes.scatter(points[:, 0], points[:, 1], s=2, alpha=0.4, linewidths=0, color=COLOURS[0])
    # all panels have the axis limits of the real points, so that spread and collapse are visible
    low, high = frame.min(0), frame.max(0)
    margin = 0.25 * (high - low)
    axes.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]), aspect="equal")
    axes.tick_params(labelsize=7)

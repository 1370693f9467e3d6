"""How are training curves and samples drawn? (PNG files)"""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

from ganbench.results.events import EventLog
from ganbench.results.folders import run_folder
from ganbench.results.record import Record
from ganbench.statistics.leaderboard import rows_by_name

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999933")
"""Okabe and Ito's palette, which colour-blind readers can distinguish."""
STYLES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (1, 3)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
"""Line styles of the first eight variants, of the next eight, and so on."""
TITLE_LETTERS = 34
"""Number of characters per line of a panel's title."""
LEGEND_LETTERS = 200
"""Number of characters per line of the legend below four panels."""


def write_figures(out: Path, records: Sequence[Record]) -> list[Path]:
    """Draws training curves and samples for every data set.

    Args:
        out: Folder of the matrix.
        records: Its records.

    Returns:
        The files, below ``OUT/figures``.
    """
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for dataset in dict.fromkeys(record.spec.dataset.name for record in records):
        group = [record for record in records if record.spec.dataset.name == dataset]
        for name, figure in (("curves", curves(out, group)), ("samples", samples(out, group))):
            written.append(folder / f"{name}-{dataset}.png")
            # without date and version, so that the same results give the same bytes
            figure.savefig(written[-1], dpi=110, metadata={"Software": None})
            plt.close(figure)
    return written


def curves(out: Path, records: Sequence[Record]) -> Figure:
    """Scores of EMA and raw weights and both losses over images seen, with one line per seed and one colour per variant."""
    metric = records[0].spec.evaluation.metrics[0].partition("@")[0]
    names = {record.run_id: name for name, group in rows_by_name(records) for record in group}
    variants = list(dict.fromkeys(names.values()))
    panels = [f"{metric}/ema", f"{metric}/raw", "loss/discriminator", "loss/generator"]
    figure, grid = plt.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.4), layout="constrained", squeeze=False)
    for axes, panel in zip(grid[0], panels, strict=True):
        for record in records:
            x, y = _scores(record, panel) if not panel.startswith("loss/") else _losses(out, record, panel)
            dotted = len(x) < 3 or not panel.startswith("loss/")  # a line through one or two points is hardly visible
            _line(axes, x, y, record, variants.index(names[record.run_id]), marker="." if dotted else None)
        metric, weights = panel.split("/")
        axes.set_title(panel if metric == "loss" else f"{metric.upper()}, {'EMA' if weights == 'ema' else 'raw'} weights")
        axes.set_xlabel("images seen")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.spines[["top", "right"]].set_visible(False)
        if not panel.startswith("loss/") and _positive(axes):
            axes.set_yscale("log")
    handles = [Line2D([], [], **_look(i), label=name) for i, name in enumerate(variants)]
    across = max(1, min(len(variants), len(COLOURS), LEGEND_LETTERS // (max(map(len, variants)) + 8)))
    figure.set_figheight(figure.get_figheight() + 0.2 * (-(-len(variants) // across) - 1))
    figure.legend(handles=handles, loc="outside lower center", ncols=across, frameon=False, fontsize=9)
    figure.suptitle(f"{records[0].spec.dataset.name}: a line a seed; a cross where a run did not finish")
    return figure


def samples(out: Path, records: Sequence[Record]) -> Figure:
    """Real examples and the last saved samples of every run; points are drawn over the real ones in grey.

    Variants are columns and seeds are rows. More than eight variants are shown in rows of eight, with the first seed only.
    """
    names = {record.run_id: name for name, group in rows_by_name(records) for record in group}
    variants = list(dict.fromkeys(names.values()))
    seeds = sorted({record.spec.seed for record in records})
    many = len(variants) > len(COLOURS)
    columns = len(COLOURS) if many else len(variants)
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
    figure.suptitle(f"{records[0].spec.dataset.name}: first samples, EMA weights at the end")
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


def _scores(record: Record, panel: str) -> tuple[list[int], list[float]]:
    """Images seen and value of the plan's first metric at every evaluation of a panel's weights."""
    weights = panel.rpartition("/")[2]
    points = [(e.images_seen, s.value) for e in record.evaluations if e.weights == weights for s in e.scores[:1]]
    return [x for x, _ in points], [y for _, y in points]


def _losses(out: Path, record: Record, panel: str) -> tuple[list[int], list[float]]:
    events = EventLog(run_folder(out, record.spec) / "events.jsonl").scan()[0]  # of a damaged log, what comes before the damage
    ticks = [event for event in events if event["kind"] == "tick"]
    logged = [(tick["images_seen"], logs.get(panel)) for tick in ticks if isinstance(logs := tick.get("logs"), dict)]
    points = [(seen, value) for seen, value in logged if isinstance(value, int | float)]
    return [x for x, _ in points], [y for _, y in points]


def _line(axes: Axes, x: list[int], y: list[float], record: Record, number: int, marker: str | None) -> None:
    look = _look(number)
    axes.plot(x, y, **look, linewidth=1.2, alpha=0.8, marker=marker)
    if record.status != "done" and x:
        axes.plot(x[-1:], y[-1:], color=look["color"], marker="x", markersize=8, markeredgewidth=2)


def _look(index: int) -> dict[str, Any]:
    """Colour and line style of the variant with this index."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": STYLES[index // len(COLOURS) % len(STYLES)]}


def _positive(axes: Axes) -> bool:
    drawn = [value for line in axes.lines for value in np.asarray(line.get_ydata(), dtype=float)]
    return bool(drawn) and float(np.nanmin(drawn)) > 0

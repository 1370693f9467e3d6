"""Which figures has a report? (charts of all rows of a board, as files of their own)"""

from collections.abc import Sequence

from ganbench.report.charts.chart import Chart
from ganbench.report.charts.sheet import panel, together
from ganbench.report.charts.training import score_axis, score_curve
from ganbench.report.pictures import Album, Picture
from ganbench.report.sections import SECTIONS, Making, board_charts, median_run, runs_of, side_by_side
from ganbench.results.collection import Collection
from ganbench.statistics.leaderboard import Leaderboard
from ganbench.text import file_name

ACROSS = 4
"""Charts in a row of a sheet."""
SAMPLES_ACROSS = 7
"""Pictures of samples in a row."""


def board_figures(boards: Sequence[Leaderboard], found: Collection) -> dict[str, Chart]:
    """The figures of every board, by the names of their files.

    ``seeds-DATA`` every seed of every row, ``fidelity-DATA`` precision against recall, ``cost-DATA`` quality against cost,
    ``curves-DATA`` the ranking score during the trainings, and ``samples-DATA``; a further board of the same data gets a number.
    """
    figures: dict[str, Chart] = {}
    for board in boards:
        number = sum(name.startswith("curves-") for name in figures if name.endswith(file_name(board.dataset))) + 1
        place = file_name(board.dataset) + (f"-{number}" if number > 1 else "")
        for chart in board_charts(board, Making(found, {})):
            kind = "seeds" if chart.title.endswith("by seed") else "cost" if chart.title.startswith("Quality") else "fidelity"
            taken = sum(name.startswith(f"{kind}-{place}") for name in figures)
            figures[f"{kind}-{place}" + (f"-{taken + 1}" if taken else "")] = chart
        sheets = {"curves": curve_sheet(board, found), "samples": sample_sheet(board, found)}
        figures |= {f"{kind}-{place}": sheet for kind, sheet in sheets.items() if sheet}
    return figures


def curve_sheet(board: Leaderboard, found: Collection) -> Chart | None:
    """The ranking score during the trainings, a chart a row, all with one axis; None without such a score."""
    runs = {row.variant: runs_of(row, found) for row in board.rows[:SECTIONS]}
    if not board.primary or not runs:
        return None
    y = score_axis([run for group in runs.values() for run in group], board.primary)
    curves = [score_curve(group, board.primary, name, name, y) for name, group in runs.items()]
    title = f"{board.primary.label} on {board.dataset}: median and range of the seeds, a cross where a run did not finish"
    return together(title, f"{title}; {len(curves)} rows", curves, ACROSS)


def sample_sheet(board: Leaderboard, found: Collection) -> Chart | None:
    """Real examples, and the first samples of every row's median seed; None without any."""
    shown = {row.variant: median_run(board, runs_of(row, found)) for row in board.rows[:SECTIONS]}
    samples = [_panel(one) if isinstance(one, Picture) else one for one in side_by_side(board.dataset, shown, Album())]
    if not samples:
        return None
    title = f"{board.dataset}: first samples of the median seed, EMA weights at the end"
    return together(title, f"{title}; {len(samples)} pictures, the real ones first", samples, SAMPLES_ACROSS)


def _panel(picture: Picture) -> Chart:
    return panel(picture.source, picture.width, picture.height, picture.caption, picture.alt)

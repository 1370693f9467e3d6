"""Which charts can be made of results, in notebooks and scripts?

Every function takes folders of results, or record files, and returns a :class:`Chart`, which a notebook shows and ``save`` writes::

    from ganbench import plots

    plots.seeds("runs/mine")
    plots.curves("runs/mine", data="digits").save("curves.png")
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from ganbench.errors import RequestError
from ganbench.report.charts.chart import Chart
from ganbench.report.charts.ends import attainable_curve, frequency_curve, mode_histogram, value_histogram
from ganbench.report.charts.overview import fidelity_against_diversity, quality_against_cost, seed_strips
from ganbench.report.charts.sheet import together
from ganbench.report.charts.training import gradient_curve, loss_curve, score_curve, value_curve
from ganbench.report.cost import costs
from ganbench.report.figures import curve_sheet, sample_sheet
from ganbench.report.presented import check_ended
from ganbench.report.runs import Run
from ganbench.report.sections import median_run, runs_of
from ganbench.results.collection import Collection, collect, listed
from ganbench.statistics.leaderboard import Leaderboard, leaderboards

__all__ = ["Chart", "cost", "curves", "fidelity", "samples", "seeds", "variant"]
ACROSS = 3
"""Charts of a variant in a row."""

Paths = str | Path | Sequence[str | Path]
"""Folders of results, or record files; one or several."""


def seeds(results: Paths, *, data: str | None = None) -> Chart:
    """The ranking score of every seed, a line a variant, best first.

    Args:
        results: Folders of results, or record files.
        data: Name of the data set; needed where the results are on several.

    Raises:
        RequestError: There are no such results, or nothing ranks them.
    """
    found, board = _board(results, data)
    return _made(seed_strips(board), "no score ranks these results")


def fidelity(results: Paths, *, data: str | None = None) -> Chart:
    """Precision against recall, or density against coverage, a dot a variant.

    Args:
        results: Folders of results, or record files.
        data: Name of the data set; needed where the results are on several.

    Raises:
        RequestError: There are no such results, or they have neither pair of scores.
    """
    found, board = _board(results, data)
    return _made(fidelity_against_diversity(board), "neither precision and recall nor density and coverage were scored")


def cost(results: Paths, *, data: str | None = None) -> Chart:
    """The ranking score over the time of training, a chart for every setting that was timed.

    Args:
        results: Folders of results, with the timings in them, or record files.
        data: Name of the data set; needed where the results are on several.

    Raises:
        RequestError: There are no such results, or no finished run was timed.
    """
    found, board = _board(results, data)
    charts = [one for place, rows in costs(board, found.timings).items() if (one := quality_against_cost(board, place, rows))]
    return _joined(f"{board.dataset}: quality against cost", charts, 2, "no finished run was timed")


def curves(results: Paths, *, data: str | None = None) -> Chart:
    """The ranking score during the trainings, a chart a variant, all with one axis.

    Args:
        results: Folders of results, or record files.
        data: Name of the data set; needed where the results are on several.

    Raises:
        RequestError: There are no such results, or nothing ranks them.
    """
    found, board = _board(results, data)
    return _made(curve_sheet(board, found), "no score ranks these results")


def samples(results: Paths, *, data: str | None = None) -> Chart:
    """Real examples, and the first samples of every variant's median seed.

    Args:
        results: Folders of results; record files hold no samples.
        data: Name of the data set; needed where the results are on several.

    Raises:
        RequestError: There are no such results, or no samples in their folders.
    """
    found, board = _board(results, data)
    return _made(sample_sheet(board, found), "no folder of a run has samples")


def variant(results: Paths, name: str, *, data: str | None = None) -> Chart:
    """Everything that is drawn of one variant: scores, losses, signals of health, and what its runs look like at their ends.

    Args:
        results: Folders of results; of record files, only scores are drawn.
        name: The variant, as leaderboards name it.
        data: Name of the data set; needed where the results are on several.

    Raises:
        RequestError: There are no such results.
    """
    found, board = _board(results, data)
    row = next((row for row in board.rows if row.variant == name), None)
    if row is None:
        raise RequestError(f"{name!r} has no results on {board.dataset}; there are {', '.join(row.variant for row in board.rows)}")
    runs = runs_of(row, found)
    of_all: list[Callable[[Sequence[Run], str], Chart | None]] = [
        loss_curve,
        value_curve,
        gradient_curve,
        attainable_curve,
        mode_histogram,
        frequency_curve,
    ]
    charts = [score_curve(runs, board.primary, name)] if board.primary else []
    charts += [one for draw in of_all if (one := draw(runs, name))]
    if one := value_histogram(median_run(board, runs), name):
        charts.append(one)
    return _joined(f"{name} on {board.dataset}", charts, ACROSS, "nothing was recorded of these runs")


def _board(results: Paths, data: str | None) -> tuple[Collection, Leaderboard]:
    """The results, and the leaderboard that is asked for."""
    paths = listed(results)
    found = collect(paths)
    check_ended(found, paths)
    boards = leaderboards(found.all)
    names = list(dict.fromkeys(board.dataset for board in boards))
    if not boards:
        raise RequestError(f"{', '.join(map(str, paths))}: holds timings alone, and charts are of runs; give the --out of a `ganbench run`")
    if data is None and len(names) > 1:
        raise RequestError(f"the results are on several data sets; name one of them with data=: {', '.join(names)}")
    if data is not None and data not in names:
        raise RequestError(f"data={data!r}: there are no results on it; there are some on {', '.join(names)}")
    return found, next(board for board in boards if data in (None, board.dataset))


def _made(chart: Chart | None, otherwise: str) -> Chart:
    if chart is None:
        raise RequestError(f"{otherwise}; `ganbench leaderboard DIR` shows what there is")
    return chart


def _joined(title: str, charts: Sequence[Chart], across: int, otherwise: str) -> Chart:
    return _made(together(title, f"{title}: {'; '.join(one.alt for one in charts)}", charts, across) if charts else None, otherwise)

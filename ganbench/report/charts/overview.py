"""How do all rows of a leaderboard stand to each other? (seeds, fidelity against diversity, quality against cost)"""

import math
from collections.abc import Sequence

from ganbench.report.charts.chart import Chart, Mark, chart
from ganbench.report.charts.marks import crosses, dots, ranges
from ganbench.report.charts.names import names
from ganbench.report.charts.scale import categories, fitted, short
from ganbench.report.charts.sheet import together
from ganbench.report.cost import Cost, unit_of
from ganbench.report.runs import Run
from ganbench.statistics.leaderboard import Column, Leaderboard

ROW_HEIGHT = 17
NAME_LETTERS = 34
"""Longest name of a row that is written out."""


def seed_strips(board: Leaderboard) -> Chart | None:
    """The ranking score of every seed, a line a row, best first: a bar for the number that ranks, and a cross for a run not finished."""
    if board.primary is None or not board.rows:
        return None
    column = board.primary
    rows = list(board.rows)
    seeds = [[(Run(record), Run(record).score(column.key)) for record in row.records] for row in rows]
    values = [value for row in seeds for _, value in row if value is not None]
    label = f"{column.label} ({'higher' if column.higher_is_better else 'lower'} is better)"
    x = fitted(label, values)
    worst = x.low if column.higher_is_better else x.high
    places = [float(len(rows) - 1 - place) for place in range(len(rows))]
    marks: list[Mark] = []
    for place, row, found in zip(places, rows, seeds, strict=True):
        done = [value for _, value in found if value is not None]
        if done:
            marks.append(ranges([(place, min(done), max(done))], 0, upright=False))
            marks.append(
                dots(
                    [(value, place) for value in done],
                    0,
                    [f"{row.variant}, {run.how}: {value:.4g}" for run, value in found if value is not None],
                )
            )
        if row.ranked_by is not None and math.isfinite(row.ranked_by):
            marks.append(ranges([(row.ranked_by, place - 0.32, place + 0.32)], 0, upright=True))
        lost = [run for run, value in found if value is None]
        marks.append(crosses([(worst, place)] * len(lost), 1, [f"{row.variant}, {run.how}" for run in lost]))
    names = [_name(row.variant) for row in reversed(rows)]
    leader = next((row for row in rows if row.ranked_by is not None and math.isfinite(row.ranked_by)), None)
    said = f"; first is {leader.variant} with a median of {short(leader.ranked_by or 0)}" if leader else ""
    return chart(
        f"{column.label} by seed",
        f"{column.label} of every seed of {len(rows)} rows on {board.dataset}{said}",
        x,
        categories(names),
        marks,
        size=(720, 70 + ROW_HEIGHT * len(rows)),
    )


def fidelity_against_diversity(board: Leaderboard) -> Chart | None:
    """Precision against recall, or density against coverage, of the EMA weights: a dot a row, thin lines over its seeds.

    Rows of which half of the seeds or more failed are left out, as they are from the chart of costs: what the others reached tells half.
    """
    pair = next((both for both in (("precision", "recall"), ("density", "coverage")) if all(_column(board, name) for name in both)), None)
    if pair is None:
        return None
    fidelity, diversity = (_column(board, name) for name in pair)
    assert fidelity is not None and diversity is not None
    finished = [row for row in board.rows if 2 * len(row.done) > len(row.done) + row.failed]
    found = [(row, row.scores.get(diversity.key), row.scores.get(fidelity.key)) for row in finished]
    points = [(row.variant, x, y) for row, x, y in found if x is not None and y is not None]
    if not points:
        return None
    marks: list[Mark] = []
    for place, (_, x, y) in enumerate(points):
        marks.append(ranges([(y.median, min(x.values), max(x.values))], place, upright=False))
        marks.append(ranges([(x.median, min(y.values), max(y.values))], place, upright=True))
    for place, (name, x, y) in enumerate(points):
        marks.append(dots([(x.median, y.median)], place, [f"{name}: {pair[0]} {y.median:.3f}, {pair[1]} {x.median:.3f}"]))
    bars = [((min(x.values), y.median), (max(x.values), y.median)) for _, x, y in points]
    bars += [((x.median, min(y.values)), (x.median, max(y.values))) for _, x, y in points]
    marks.append(names([(x.median, y.median) for _, x, y in points], [_name(name) for name, _, _ in points], bars))
    best = max(points, key=lambda one: min(one[1].median, one[2].median))
    return chart(
        f"{pair[0].capitalize()} against {pair[1]}",
        f"{pair[0]} against {pair[1]} of {len(points)} rows on {board.dataset}; the best by the weaker one of the two is {best[0]}",
        fitted(f"{pair[1]} (diversity)", [value for _, one, _ in points for value in one.values], log=False),
        fitted(f"{pair[0]} (fidelity)", [value for _, _, one in points for value in one.values], log=False),
        marks,
        size=(560, 420),
    )


def quality_against_cost(board: Leaderboard, place: str, rows: Sequence[Cost]) -> Chart | None:
    """The ranking score over what training costs: time, images a second, memory, and energy where it was measured.

    Args:
        board: The leaderboard.
        place: Device and settings that all rows were timed on and under.
        rows: Its rows with their prices; None comes back without any.
    """
    if board.primary is None or not rows:
        return None
    size, unit = unit_of(max(row.seconds for row in rows))
    prices = {
        f"{unit} of training, at the median rate": [row.seconds / size for row in rows],
        "images a second (more is cheaper)": [row.pace.images_per_s for row in rows],
        "MiB of memory": [math.nan if row.pace.memory_bytes is None else row.pace.memory_bytes / 2**20 for row in rows],
        "kJ of energy": [math.nan if row.joules is None else row.joules / 1_000 for row in rows],
    }
    known = {label: price for label, price in prices.items() if any(math.isfinite(one) for one in price)}
    cheapest = min(rows, key=lambda row: row.seconds)
    title = f"Quality against cost, {place}"
    alt = f"{board.primary.label} over {', '.join(known)}, {place}: {len(rows)} rows; the quickest is {cheapest.name}"
    return together(title, alt, [_priced(board.primary, label, price, rows) for label, price in known.items()], 2)


def _priced(column: Column, label: str, price: Sequence[float], rows: Sequence[Cost]) -> Chart:
    """The score over one price: a dot a row, a line over its seeds."""
    kept = [(x, row) for x, row in zip(price, rows, strict=True) if math.isfinite(x)]
    points = [(x, row.value) for x, row in kept]
    marks: list[Mark] = []
    for number, (x, row) in enumerate(kept):
        marks.append(ranges([(x, min(row.values), max(row.values))], number, upright=True))
    for number, (point, (_, row)) in enumerate(zip(points, kept, strict=True)):
        marks.append(dots([point], number, [f"{row.name}: {short(point[1])} for {short(point[0])} {label}"]))
    bars = [((x, min(row.values)), (x, max(row.values))) for x, row in kept]
    marks.append(names(points, [_name(row.name) for _, row in kept], bars))
    score = f"{column.label} ({'higher' if column.higher_is_better else 'lower'} is better)"
    across, up = fitted(label, [x for x, _ in kept]), fitted(score, [value for _, row in kept for value in row.values])
    return chart(f"Over {label}", f"{column.label} over {label}", across, up, marks, size=(540, 360))


def _column(board: Leaderboard, metric: str) -> Column | None:
    return next((column for column in board.columns if column.metric == metric and column.weights == "ema"), None)


def _name(name: str) -> str:
    return name if len(name) <= NAME_LETTERS else name[: NAME_LETTERS - 1] + "…"

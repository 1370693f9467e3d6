"""Which sections has the page of a report, and what stands in each?

The page lays out what is decided here: boards with their tables and charts, and a section for every row.
"""

import math
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from ganbench.report.boards import board_tables, titles
from ganbench.report.charts.chart import Chart
from ganbench.report.charts.ends import attainable_curve, frequency_curve, mode_histogram, value_histogram
from ganbench.report.charts.overview import fidelity_against_diversity, quality_against_cost, seed_strips
from ganbench.report.charts.training import gradient_curve, loss_curve, score_curve, value_curve
from ganbench.report.cost import costs
from ganbench.report.pictures import Album, Picture, point_cloud
from ganbench.report.runs import Run
from ganbench.report.table import Table, number
from ganbench.results.collection import Collection
from ganbench.results.gallery import COPIES, DIRECTIONS, INTERPOLATION, TRUNCATION, Gallery
from ganbench.results.record import Record
from ganbench.statistics.best import best
from ganbench.statistics.improvement import improvements
from ganbench.statistics.leaderboard import Leaderboard, Row

SECTIONS = 100
"""Rows of all boards together that have a section of their own; a page of more would be too large to read, and to send."""
SMALL = 210
"""Pixels on a side of a cloud of points among others."""
MATRIX = 40
"""Rows of the matrix of improvements."""


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """One run, and how it is repeated."""

    run: Run
    command: str
    """To be called in the folder of the page; empty where that has no file of the run."""
    score: float | None
    reason: str
    """Why it did not finish; empty if it did."""


@dataclass(frozen=True, kw_only=True)
class VariantSection:
    """Everything about one row of a board."""

    anchor: str
    row: Row
    shown: Run
    """The run whose pictures are shown: that of the median seed, of two the better one."""
    budget: int
    headline: str
    charts: tuple[Chart, ...]
    pictures: tuple[Picture, ...]
    settings: Mapping[str, str]
    """Configuration and training, one by one."""
    runs: tuple[Reproduction, ...]


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """How likely a run of one row is better than one of another."""

    names: tuple[str, ...]
    anchors: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, kw_only=True)
class BoardSection:
    """One board with its tables and charts."""

    anchor: str
    title: str
    board: Leaderboard
    lead: str
    """Which row is first, and whether the seeds can tell it from the others."""
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...]
    matrix: Matrix | None
    samples: tuple[Picture | Chart, ...]
    """Real examples, and some samples of every row."""
    variants: tuple[VariantSection, ...]
    anchors: Mapping[str, str]
    """By name of a row, the anchor of its section."""
    more: int
    """Number of rows without a section of their own."""


@dataclass
class Places:
    """Anchors of a page, each given once."""

    given: set[str] = field(default_factory=set)

    def of(self, words: str) -> str:
        """An anchor for words, of lower-case letters, digits and hyphens."""
        plain = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:60] or "part"
        name = next(
            name for number in range(len(self.given) + 1) if (name := plain + (f"-{number + 1}" if number else "")) not in self.given
        )
        self.given.add(name)
        return name


@dataclass(frozen=True)
class Making:
    """What all sections of a page draw upon."""

    found: Collection
    files: Mapping[str, str]
    """By ``run_id``, the file beside the page from which a run can be repeated."""
    album: Album = field(default_factory=Album)
    places: Places = field(default_factory=Places)

    def drawn(self, draw: Callable[[], Chart | None], what: str) -> Chart | None:
        """A chart; None, with a line in what is left out, if what other people's files hold cannot be drawn."""
        try:
            return draw()
        except Exception as error:  # a chart is never worth a report
            self.album.left_out.append(f"{what}: cannot be drawn ({type(error).__name__}: {error})")
            return None


def board_sections(boards: Sequence[Leaderboard], making: Making) -> list[BoardSection]:
    """A section for every board of comparable rows."""
    left = SECTIONS
    sections = []
    for board, title in zip(boards, titles(boards), strict=True):
        section = _board(board, title, making, left)
        left -= len(section.variants)
        sections.append(section)
    return sections


def _board(board: Leaderboard, title: str, making: Making, left: int) -> BoardSection:
    anchor = making.places.of(board.dataset)
    with_section = board.rows[:left]
    runs = {row.variant: runs_of(row, making.found) for row in with_section}
    anchors = {row.variant: making.places.of(f"{anchor}-{row.variant}") for row in with_section}
    shown = {row.variant: median_run(board, runs[row.variant]) for row in with_section}
    section = BoardSection(
        anchor=anchor,
        title=title,
        board=board,
        lead=_lead(board),
        tables=tuple(board_tables(board, title)),
        charts=tuple(board_charts(board, making)),
        matrix=_matrix(board, anchors),
        samples=tuple(side_by_side(board.dataset, shown, making.album)),
        variants=tuple(_variant(board, row, runs[row.variant], anchors[row.variant], making) for row in with_section),
        anchors=anchors,
        more=len(board.rows) - len(with_section),
    )
    making.album.left_out += dict.fromkeys(problem for group in runs.values() for run in group for problem in run.problems)
    return section


def _lead(board: Leaderboard) -> str:
    """Which row is first, in a sentence."""
    first = next((row for row in board.rows if row.rank == 1), None)
    column = board.primary
    if first is None or column is None or first.ranked_by is None or math.isinf(first.ranked_by):
        return ""
    found = best(board.rows, column)
    words = f"First by {column.label}: {first.variant}, {number(first.ranked_by)} in the median seed"
    if found.unsettled:
        return f"{words}. The seeds do not tell who is best: {found.unsettled}."
    others = [board.rows[place].variant for place in sorted(found.rows) if board.rows[place] is not first]
    told = f"not to be told from {', '.join(others)}" if others else "apart from all others"
    return f"{words}, {told} by the intervals of the seeds."


def runs_of(row: Row, found: Collection) -> list[Run]:
    """The runs of a row, with their folders where these are at hand."""
    return [Run(record, found.folders.get(record.run_id)) for record in row.records]


def board_charts(board: Leaderboard, making: Making) -> list[Chart]:
    """Charts of all rows of a board together."""
    drawings: list[Callable[[], Chart | None]] = [lambda: seed_strips(board), lambda: fidelity_against_diversity(board)]
    for place, rows in costs(board, making.found.timings).items():
        drawings.append(partial(quality_against_cost, board, place, rows))
    return [chart for draw in drawings if (chart := making.drawn(draw, f"a chart of {board.dataset}"))]


def side_by_side(dataset: str, shown: Mapping[str, Run], album: Album) -> Iterator[Picture | Chart]:
    """Real examples and some samples of every row.

    Args:
        dataset: Name of the data.
        shown: By name of the row, the run that is shown.
        album: The pictures.
    """
    real = next((found for run in shown.values() if (found := run.real_grid())), None)
    if real and real.suffix == ".png" and (picture := album.take(real, f"Real examples of {dataset}", "real", quarter=True)):
        yield picture
    for name, run in shown.items():
        samples, alt = run.sample_grid(), f"Samples of {name} on {dataset}"
        if samples and samples.suffix == ".png":
            if picture := album.take(samples, alt, f"{name}, {run.how}", quarter=True):
                yield picture
        elif samples and (
            cloud := point_cloud(samples, run.real_grid(), f"{name}, {run.how}", f"{alt} over the real points in grey", SMALL)
        ):
            yield cloud


def _matrix(board: Leaderboard, anchors: Mapping[str, str]) -> Matrix | None:
    rows = [row for row in board.rows if any(record.status not in ("interrupted", "skipped") for record in row.records)][:MATRIX]
    if board.primary is None or len(rows) < 2:
        return None
    values = improvements(board, rows)
    names = tuple(row.variant for row in rows)
    return Matrix(names=names, anchors=tuple(anchors.get(name, "") for name in names), values=tuple(map(tuple, values)))


def _variant(board: Leaderboard, row: Row, runs: Sequence[Run], anchor: str, making: Making) -> VariantSection:
    column, shown = board.primary, median_run(board, runs)
    name = f"{row.variant} on {board.dataset}"
    drawings: list[Callable[[], Chart | None]] = [
        lambda: score_curve(runs, column, name) if column else None,
        lambda: loss_curve(runs, name),
        lambda: value_curve(runs, name),
        lambda: gradient_curve(runs, name),
        lambda: value_histogram(shown, name),
        lambda: attainable_curve(runs, name),
        lambda: mode_histogram(runs, name),
        lambda: frequency_curve(runs, name),
    ]
    charts = [making.drawn(draw, f"a chart of {name}") for draw in drawings]
    spec = row.records[0].spec
    settings = {key: str(value) for key, value in spec.variant.config.items()}
    settings |= {f"training.{key}": str(value) for key, value in vars(spec.training).items()}
    return VariantSection(
        anchor=anchor,
        row=row,
        shown=shown,
        budget=spec.budget_images,
        headline=_headline(board, row),
        charts=tuple(one for one in charts if one),
        pictures=tuple(_pictures(shown, name, making.album)),
        settings=settings,
        runs=tuple(_reproduction(run, run.score(column.key) if column else None, making.files) for run in runs),
    )


def median_run(board: Leaderboard, runs: Sequence[Run]) -> Run:
    """The finished run whose ranking score is the median (of two, the better one); without one, the run that came farthest."""
    column = board.primary
    done = [(value, run) for run in runs if column and (value := run.score(column.key)) is not None]
    if not done:
        return max(runs, key=lambda run: (run.folder is not None, run.record.images_seen))
    ordered = sorted(done, key=lambda pair: pair[0], reverse=bool(column and column.higher_is_better))
    return ordered[(len(ordered) - 1) // 2][1]


def _headline(board: Leaderboard, row: Row) -> str:
    """Rank, score and what became of the seeds, in a line."""
    done = len(row.done)
    words = [f"rank {row.rank} of {len(board.rows)}" if row.rank else "not ranked"]
    if board.primary and (found := row.scores.get(board.primary.key)):
        shown = found.median if row.diverged_only else row.ranked_by
        if shown is not None and math.isfinite(shown):
            words.append(f"{board.primary.label} {shown:.4g}" + (" (diverged)" if row.diverged_only else ""))
    words.append(f"{done} of {len(row.records)} {'seed' if len(row.records) == 1 else 'seeds'} finished")
    alarms = sum(len(record.alarms) for record in row.records)
    return ", ".join([*words, *([f"{alarms} {'alarm' if alarms == 1 else 'alarms'}"] if alarms else [])])


def _pictures(run: Run, name: str, album: Album) -> Iterator[Picture]:
    samples = run.sample_grid()
    wanted = [
        (samples if samples and samples.suffix == ".png" else None, "Samples", f"First samples, {run.how}, EMA weights; not selected")
    ]
    wanted += [(run.picture(file), what, words) for file, what, words in _of_gallery(run.gallery)] if run.gallery else []
    for path, what, caption in wanted:
        if picture := album.take(path, f"{what} of {name}", caption):
            yield picture


def _of_gallery(gallery: Gallery) -> Iterator[tuple[str, str, str]]:
    """File, name and caption of every picture of a gallery."""
    if gallery.interpolation:
        words = "From one latent to another in equal steps, a row a pair; the same latents for all methods of this latent width"
        yield INTERPOLATION, "Interpolations", words
    if gallery.truncation:
        yield TRUNCATION, "Truncation", f"The same latents with truncation {', '.join(gallery.truncation.columns)}"
    if gallery.directions:
        places = ", ".join(gallery.directions.columns)
        yield (
            DIRECTIONS,
            "Directions",
            f"One latent along the directions of largest change (SeFa), a row each; standard deviations: {places}",
        )
    if gallery.copies:
        ratios = ", ".join("copied twice" if one.ratio is None else f"{one.ratio:.2f}" for one in gallery.copies)
        words = f"Generated (left), nearest training image (right); distances by those to the next training image: {ratios}"
        yield COPIES, "Nearest training images", words


def _reproduction(run: Run, score: float | None, files: Mapping[str, str]) -> Reproduction:
    file = files.get(run.record.run_id)
    return Reproduction(run=run, command=command(run.record, file) if file else "", score=score, reason=_reason(run.record))


def command(record: Record, file: str) -> str:
    """The command that repeats a run from its record or spec, to be called in the folder of the report."""
    return f"ganbench run --spec {shlex.quote(file)} --out again/{record.spec.slug}"


def _reason(record: Record) -> str:
    if record.divergence:
        return f"from {record.divergence.images_seen:,} images on: {record.divergence.detail}"
    if record.error:
        return f"{record.error.type}: {record.error.message}"
    return record.reason

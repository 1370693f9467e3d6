"""How are results that others published shown beside a leaderboard? (in a table of their own, with their protocols, and never ranked)"""

from collections.abc import Sequence

from ganbench.errors import RequestError
from ganbench.plan.facts import facts
from ganbench.plan.metric_names import STANDARD
from ganbench.registry import PUBLICATIONS
from ganbench.report.table import Cell, Column, Table
from ganbench.results.published import FINAL_OVER_BEST, Publication, Result, Source, read_publication
from ganbench.statistics.leaderboard import Leaderboard

ORDER = ("fid", "is", FINAL_OVER_BEST, "kid", "precision", "recall", "density", "coverage")
"""The first columns, the most important first; others follow in the order of the file."""
CAUTION = (
    "Published by other suites, one run each unless said otherwise: to be read row by row. Scores under two of these protocols, or under "
    "one of them and one of ours, may not be ranked."
)


def published_tables(boards: Sequence[Leaderboard]) -> list[Table]:
    """A table for every data set of which results were published at the same resolution and with as many training examples.

    It has the methods that the leaderboards have, or all if they have none of them. A file that cannot be read is named in its place.
    """
    tables = []
    for name in PUBLICATIONS.names():
        try:
            found = read_publication(name)
        except RequestError as error:
            rows = ((Cell(value=name, note=str(error)),),)
            tables.append(Table(title="published elsewhere, not read", columns=(Column(heading="name"),), rows=rows))
            continue
        sets = {(board.protocol["dataset"]["name"], _resolution(board), board.protocol["dataset"]["n_train"]) for board in boards}
        sources = [one for one in found.sources if (found.dataset, found.resolution, one.n_train) in sets]
        variants = {record.spec.variant.name for board in boards for row in board.rows for record in row.records}
        known = [(source, one) for source in sources for one in source.results]
        shown = [(source, one) for source, one in known if one.variant in variants] or known
        if shown:
            rest = (
                f" {len(known) - len(shown)} more, of other methods: ganbench list publications {name}." if len(shown) < len(known) else ""
            )
            tables.append(_table(found, shown, CAUTION + rest))
    return tables


def publication_tables(found: Publication) -> list[Table]:
    """All of a publication, one table for every protocol."""
    tables = []
    for source in found.sources:
        scores = _scores(source.results)
        rows = tuple(_row(one, scores) for one in source.results)
        columns = (Column(heading="method", key="method"), *(_column(score, place) for place, score in enumerate(scores)))
        title = f"{found.dataset}, {found.resolution} pixels: {source.name}"
        tables.append(Table(title=title, columns=columns, rows=rows, protocol=(source.sets, source.selection, source.details)))
    return tables


def _resolution(board: Leaderboard) -> int | None:
    """Side of the images in pixels, of a set in its own size as its records say it; None if they do not."""
    if asked := board.protocol["dataset"]["resolution"]:
        return int(asked)
    shapes = (record.provenance.get("dataset", {}).get("shape", "") for row in board.rows for record in row.records)
    sides = [str(shape).rpartition("x")[2] for shape in shapes]
    return next((int(side) for side in sides if side.isdecimal()), None)


def _table(found: Publication, results: Sequence[tuple[Source, Result]], note: str) -> Table:
    scores = _scores([one for _, one in results])
    columns = (
        Column(heading="method", key="method"),
        *(_column(score, place) for place, score in enumerate(scores)),
        Column(heading="by whom, and under which protocol", key="protocol", prose=True),
    )
    rows = tuple((*_row(one, scores), Cell(value=source.protocol, note=source.details)) for source, one in results)
    return Table(title=f"{found.dataset}: published elsewhere, not ranked", columns=columns, rows=rows, notes=(note,))


def _scores(results: Sequence[Result]) -> list[str]:
    """The metrics of which any result has a value."""
    named = list(dict.fromkeys(score for one in results for score in one.scores))
    return sorted(named, key=lambda score: ORDER.index(score) if score in ORDER else len(ORDER))


def _row(one: Result, scores: Sequence[str]) -> tuple[Cell, ...]:
    values = (Cell(value=one.scores.get(score), note="" if score in one.scores else "not published") for score in scores)
    return Cell(value=one.method, note=one.note), *values


def _column(score: str, place: int) -> Column:
    if score == FINAL_OVER_BEST:
        return Column(heading="final\n/best", key=score, higher_is_better=False, written="{:.2f}".format, priority=place)
    heading = STANDARD[score].label if score in STANDARD else score.upper()
    return Column(heading=heading, key=score, higher_is_better=facts(score).higher_is_better, written=_as_printed, priority=place)


def _as_printed(value: float) -> str:
    """A figure with its own digits, two behind the point at least where it is below 100.

    >>> _as_printed(23.9), _as_printed(117.0), _as_printed(0.0204)
    ('23.90', '117.0', '0.0204')
    """
    return f"{value:.2f}" if abs(value) < 100 and round(value, 2) == value else f"{value:,}"

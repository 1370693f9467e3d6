"""How are leaderboards shown in a notebook, and in Python? (tables that show themselves)"""

from collections.abc import Sequence
from pathlib import Path

from ganbench.errors import RequestError
from ganbench.report.boards import tables
from ganbench.report.folder import check_earlier
from ganbench.report.folder import write_report as write_files
from ganbench.report.html import to_html
from ganbench.report.latex import to_latex
from ganbench.report.markdown import to_markdown
from ganbench.report.speed import speed_tables
from ganbench.report.table import Table
from ganbench.report.terminal import in_terminal
from ganbench.report.verdicts import verdict_tables
from ganbench.results.collection import Collection, collect, listed
from ganbench.statistics.gate import judge
from ganbench.statistics.leaderboard import leaderboards
from ganbench.statistics.outcomes import read_results, results_of
from ganbench.statistics.thresholds import read_thresholds
from ganbench.storage import writable_folder

WIDTH = 100
"""Characters of a line of printed tables."""


class Tables(tuple[Table, ...]):
    """Tables that a notebook shows, that ``print`` prints, and that can be written in other formats."""

    def __str__(self) -> str:
        return in_terminal(self, WIDTH)

    def _repr_html_(self) -> str:
        return "".join(to_html(table, f"table-{place}") for place, table in enumerate(self, start=1))

    def to_markdown(self, heading: str = "Leaderboard") -> str:
        """The tables as a Markdown document."""
        return to_markdown(self, heading)

    def to_latex(self, heading: str = "Leaderboard") -> str:
        """The tables as LaTeX, for a document that uses booktabs."""
        return to_latex(self, heading)


def check_ended(found: Collection, paths: Sequence[Path]) -> None:
    """Checks that there is something to show.

    Raises:
        RequestError: No run has ended, and nothing was timed; or no record can be read.
    """
    if found.all or found.timings:
        return
    if found.faults:
        raise RequestError(f"no record can be read, the first because of this: {found.faults[0]}")
    raise RequestError(f"{', '.join(map(str, paths))}: no run has ended yet; repeat the `ganbench run`, which goes on with them")


def judged(found: Collection, baseline: str | Path | None) -> list[Table]:
    """The verdict of the gate on what was found, as ``ganbench gate`` shows it; no tables without a baseline.

    Args:
        found: Runs, which count as the candidate's.
        baseline: Folder of a bank.

    Raises:
        RequestError: It is no bank, or a file of it cannot be read.
    """
    if baseline is None:
        return []
    bank = Path(baseline)
    return verdict_tables(judge(read_results(bank), results_of(Path("report"), found.all), read_thresholds(bank)))


def leaderboard(results: str | Path | Sequence[str | Path]) -> Tables:
    """The leaderboards of results, as tables that show themselves.

    >>> import tempfile, ganbench
    >>> only = ["variant=gan", "dataset=ring8", "seed=0"]
    >>> done = ganbench.run("quickstart", out := tempfile.mkdtemp(), only=only, settings=["budget_images=640"])
    >>> [table.title for table in leaderboard(out)][:2]
    ['ring8: scores', 'ring8: diagnostics']

    Args:
        results: Folders of results, or record files; one or several.

    Raises:
        RequestError: There are no such results, or no run has ended.
    """
    found = collect(listed(results))
    check_ended(found, listed(results))
    return Tables([*tables(leaderboards(found.all)), *speed_tables(list(found.timings))])


def write_report(
    results: str | Path | Sequence[str | Path], out: str | Path, *, title: str | None = None, baseline: str | Path | None = None
) -> Path:
    """Writes a report of results: one page, tables, figures and records; see ``ganbench report``.

    Args:
        results: Folders of results, or record files; one or several.
        out: Folder of the report.
        title: Heading of the page.
        baseline: Folder of a bank that the runs are held against (see :func:`ganbench.gate`); the verdict becomes a part of the report.

    Returns:
        The page.

    Raises:
        RequestError: There are no such results, no run has ended, or the folder has records of an earlier report that are not in this one.
    """
    paths = listed(results)
    found = collect(paths)
    check_ended(found, paths)
    check_earlier(Path(out), found)
    verdict = judged(found, baseline)
    heading = title or f"ganbench: {', '.join(path.resolve().name for path in paths)}"
    return write_files(writable_folder(Path(out)), found, heading, verdict=verdict)[0]

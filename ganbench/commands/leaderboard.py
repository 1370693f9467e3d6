"""What does ``ganbench leaderboard`` do? (it prints the tables of runs again, from their records alone)"""

from collections.abc import Sequence
from pathlib import Path

import typer

from ganbench.commands.arguments import Format
from ganbench.commands.output import PlainConsole, print_json
from ganbench.errors import RequestError
from ganbench.report.boards import key_of, tables
from ganbench.report.published import published_tables
from ganbench.report.selection import ALL, check_names, chosen, words
from ganbench.report.speed import speed_tables
from ganbench.report.standings import standings
from ganbench.report.table import Table
from ganbench.report.terminal import to_terminal
from ganbench.results.collection import collect
from ganbench.statistics.leaderboard import leaderboards

PIPED_WIDTH = 80
"""Number of characters of a line of tables that do not go to a terminal, unless COLUMNS says otherwise."""


def show_leaderboard(
    folders: Sequence[Path], columns: str | None, metrics: str | None, form: Format, as_json: bool, console: PlainConsole
) -> None:
    """Prints the leaderboards of all runs in some folders, and their timings, on stdout; runs nothing and writes nothing.

    Args:
        folders: Folders given as ``--out`` of ``ganbench run``.
        columns: Names of columns with commas between, or "all"; None leaves out what a terminal has no room for.
        metrics: Names of metrics with commas between; None are all.
        form: How the tables are written.
        as_json: Whether to print JSON.
        console: Console of messages.

    Raises:
        RequestError: A folder holds no runs, none of them has ended, or no column has a name that is asked for.
    """
    if as_json and (columns, metrics, form) != (None, None, Format.terminal):
        raise RequestError("--json prints everything; leave out --columns, --metrics and --format")
    of_metrics, of_columns = (words(text, option) for text, option in ((metrics, "--metrics"), (columns, "--columns")))
    found = collect(folders)
    timings, faults = found.timings, found.faults
    if not found.all and not faults and not timings:
        raise RequestError(f"{', '.join(map(str, folders))}: no run has ended yet; repeat the `ganbench run`, which goes on with them")
    boards = leaderboards(found.all)
    if as_json:
        print_json(standings(boards, found.timings, faults))
    elif boards or timings:
        check_names(of_metrics, [key_of(column) for board in boards for column in board.columns], "--metrics")
        shown = [*tables(boards, of_metrics), *published_tables(boards), *speed_tables(timings)]
        shown = shown if ALL in of_columns or not of_columns else chosen(shown, of_columns)
        _print(shown, form, " ".join(folder.name for folder in folders), "" if of_columns else "--columns")
    for fault in faults:
        console.say(f"left out: {fault}", "red")
    if faults:
        raise typer.Exit(1)


def _print(shown: Sequence[Table], form: Format, heading: str, more: str) -> None:
    """Prints tables on stdout; a file that they are piped into gets the same whatever the terminal."""
    page = PlainConsole(stderr=False, piped=PIPED_WIDTH)
    if form is Format.terminal:
        page.print(to_terminal(shown, page.width, more))
        return
    from ganbench.report.delimited import to_csv
    from ganbench.report.html import to_document
    from ganbench.report.latex import to_latex
    from ganbench.report.markdown import to_markdown

    written = {Format.markdown: to_markdown, Format.latex: to_latex, Format.html: to_document}
    typer.echo(to_csv(shown) if form is Format.csv else written[form](shown, heading), nl=False)

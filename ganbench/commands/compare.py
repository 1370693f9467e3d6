"""What does ``ganbench compare`` do? (it shows how two sets of results differ)"""

from collections.abc import Sequence
from pathlib import Path

from ganbench.commands.checks import check_page
from ganbench.commands.output import PlainConsole, print_json
from ganbench.report.differences import comparison_json, comparison_tables
from ganbench.report.markdown import to_markdown
from ganbench.report.terminal import to_terminal
from ganbench.statistics.compare import compare
from ganbench.storage import write_text


def show_comparison(before: Path, now: Path, measures: Sequence[str], page: Path | None, as_json: bool, console: PlainConsole) -> None:
    """Compares two sets of results; runs nothing.

    Args:
        before: Folder of results, a bank, or a file.
        now: Likewise.
        measures: Names of measures; none takes the first one of each recipe.
        page: File for the tables as Markdown.
        as_json: Whether to print JSON.
        console: Console of messages.
    """
    check_page(page)
    found = compare(before, now, measures)
    tables = comparison_tables(found)
    if as_json:
        print_json(comparison_json(found))
    else:
        out = PlainConsole(stderr=False)
        out.print(to_terminal(tables, out.width))
    if page is not None:
        write_text(page, to_markdown(tables, f"{before.name} and {now.name}"))
        console.say(f"wrote {page}", "dim")

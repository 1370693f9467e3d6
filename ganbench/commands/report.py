"""What does ``ganbench report`` do? (it writes a page, tables, figures and records of results from anywhere)"""

from collections.abc import Sequence
from pathlib import Path

import typer

from ganbench.commands.output import PlainConsole
from ganbench.errors import RequestError
from ganbench.report.folder import check_earlier, write_report
from ganbench.report.presented import check_ended
from ganbench.results.collection import collect
from ganbench.storage import writable_folder


def run_report(sources: Sequence[Path], out: Path, title: str | None, console: PlainConsole) -> None:
    """Writes a report; runs nothing.

    Args:
        sources: Folders of results, of runs or of records, and record files.
        out: Folder of the report.
        title: Heading of the page.
        console: Console of messages.

    Raises:
        RequestError: A source holds no results, or none of its runs has ended.
    """
    if any(out.resolve() == source.resolve() and not (source / "runs").is_dir() for source in sources):
        raise RequestError(f"{out}: is one of the folders whose records are reported; name another folder with --out")
    found = collect(sources)
    check_ended(found, sources)
    check_earlier(out, found)
    page, *others = write_report(writable_folder(out), found, title or f"ganbench: {', '.join(path.resolve().name for path in sources)}")
    console.say(f"report: {page}")
    names = dict.fromkeys(
        "figures/" if path.parent.name == "figures" else f"{path.name}/" if path.is_dir() else path.name for path in others
    )
    console.say(f"beside it: {', '.join(names)}", "dim")
    for line in found.missing:
        console.say(line, "yellow")
    for line in found.repeated:
        console.say(f"counted once: {line}", "yellow")
    for line in found.faults:
        console.say(f"left out: {line}", "red")
    if found.faults:
        raise typer.Exit(1)

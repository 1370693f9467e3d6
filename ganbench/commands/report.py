"""What does ``ganbench report`` do? (it writes a page, tables, figures and records of results from anywhere)"""

from collections.abc import Sequence
from pathlib import Path

import typer

from ganbench.commands.output import PlainConsole
from ganbench.errors import RequestError
from ganbench.report.folder import check_earlier, write_report
from ganbench.report.presented import check_ended, judged
from ganbench.results.collection import collect
from ganbench.storage import writable_folder


def run_report(sources: Sequence[Path], out: Path, title: str | None, baseline: Path | None, console: PlainConsole) -> None:
    """Writes a report; runs nothing.

    Args:
        sources: Folders of results, of runs or of records, and record files.
        out: Folder of the report.
        title: Heading of the page.
        baseline: Folder of a bank that the runs are held against, if any.
        console: Console of messages.

    Raises:
        RequestError: A source holds no results, none of its runs has ended, or the baseline is no bank.
    """
    if any(out.resolve() == source.resolve() and not (source / "runs").is_dir() for source in sources):
        raise RequestError(f"{out}: is one of the folders whose records are reported; name another folder with --out")
    found = collect(sources)
    check_ended(found, sources)
    check_earlier(out, found)
    verdict = judged(found, baseline)
    heading = title or f"ganbench: {', '.join(path.resolve().name for path in sources)}"
    page, *others = write_report(writable_folder(out), found, heading, verdict=verdict)
    console.say(f"report: {page}")
    if verdict:
        console.say(f"{verdict[0].title}, against {baseline}")
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

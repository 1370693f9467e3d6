"""What does ``ganbench export`` do? (it writes a run's generator, or the results of many runs, for use elsewhere)"""

from pathlib import Path

from ganbench.commands.checks import check_drawable
from ganbench.commands.output import PlainConsole
from ganbench.errors import UnknownName
from ganbench.export.formats import FORMATS, check_target
from ganbench.report.parquet import NAME, check_parquet, write_parquet

KINDS = (*FORMATS, NAME)
"""Everything that ``--to`` takes: the formats of a generator, and that of tables."""


def run_export(what: str, to: str, out: Path, data_root: Path | None, trust: bool, threads: int | None, console: PlainConsole) -> None:
    """Writes the generator of a run, or the results in a folder as Parquet.

    Raises:
        RequestError: The request is invalid, or the format cannot hold the generator; nothing is written.
    """
    if to not in KINDS:
        raise UnknownName("format", to, KINDS)
    if to == NAME:
        _export_tables(Path(what), out, console)
    else:
        _export_generator(what, to, out, data_root, trust, threads, console)


def _export_tables(folder: Path, out: Path, console: PlainConsole) -> None:
    check_parquet(out)
    written = write_parquet(folder, out)
    for fault in written.faults:
        console.say(f"left out: {fault}", "red")
    for path, rows in written.rows.items():
        console.say(f"{path}: {rows:,} row{'' if rows == 1 else 's'}")


def _export_generator(
    run: str, to: str, out: Path, data_root: Path | None, trust: bool, threads: int | None, console: PlainConsole
) -> None:
    folder, chosen = check_drawable(run), check_target(to, out)
    from ganbench.commands.score import set_threads
    from ganbench.data.root import data_root as root
    from ganbench.export.generator import CPU, export_generator
    from ganbench.sources.runs import RunSource

    set_threads(threads)
    source = RunSource(run, folder, "raw" if run.endswith(":raw") else "ema", None, None, root(data_root), CPU, trust)
    made = export_generator(source, chosen, out)
    for note in [*source.notes, *source.remarks]:
        console.say(note, "dim")
    said = "equal the run's" if made.difference == 0 else f"are within {made.difference:.1g} of the run's"
    console.say(f"{out}: {chosen.about}; its first examples {said}")
    console.say(f"next: ganbench score {out}{'' if chosen.data else ' --trust'} --real REAL", "dim")

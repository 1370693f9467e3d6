"""Which files has a report, and how are they written? (tables, one page, figures, and with ``ganbench report`` the records)

::

    OUT/index.html               everything on one page, which needs nothing else
    OUT/leaderboard.md, .tex     the tables; .csv one row a score, .json the boards
    OUT/figures/                 charts as SVG and PNG
    OUT/records/                 one record file a run, from which it can be repeated
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from ganbench.errors import RequestError
from ganbench.report.boards import tables
from ganbench.report.figures import board_figures
from ganbench.report.latex import to_latex
from ganbench.report.markdown import to_markdown
from ganbench.report.page import Cite, index_page
from ganbench.report.published import published_tables
from ganbench.report.rows import write_scores
from ganbench.report.speed import speed_tables
from ganbench.report.standings import standings
from ganbench.report.table import Table
from ganbench.results.collection import RECORDS, Collection, stem
from ganbench.results.reading import MANY
from ganbench.results.record import Record
from ganbench.statistics.leaderboard import Leaderboard, leaderboards
from ganbench.storage import compressed, read_bytes, write_bytes

KINDS = ("seeds-", "fidelity-", "cost-", "curves-", "samples-")
"""How the names of figures begin."""
DOWNLOADS = {"tables": "leaderboard.md", "scores": "leaderboard.csv", "LaTeX": "leaderboard.tex", "JSON": "leaderboard.json"}


def write_report(out: Path, found: Collection, title: str, cite: Cite | None = None, verdict: Sequence[Table] = ()) -> list[Path]:
    """Writes a report of runs into the folder that has them, or into another one.

    Files that are there and say the same are left as they are.

    Args:
        out: The folder.
        found: What is reported. Runs in ``OUT/runs`` are repeated from there; the records of all others are written, too.
        title: Heading of the pages.
        cite: How the page is cited, if it is to say so.
        verdict: The verdict of the gate on these runs, if they were held against a bank.

    Returns:
        The files of the report, the page first; the folder of records counts as one.
    """
    files = _files(out, found)
    with _copying(out, found, files) as copied:
        boards = leaderboards(found.all)
        told = [found.published(line) for line in (*found.missing, *(f"Left out: {fault}" for fault in found.faults))]
        shown = [*verdict, *_with_notes(tables(boards), told), *published_tables(boards), *speed_tables(list(found.timings))]
        plain = standings(boards, found.timings, [found.published(line) for line in (*found.missing, *found.faults)])
        texts = {
            "index.html": index_page(found, boards, title, files, download=DOWNLOADS, cite=cite, verdict=verdict),
            "leaderboard.md": to_markdown(shown, title),
            "leaderboard.csv": _csv(found.all, boards),
            "leaderboard.tex": to_latex(shown, title),
            "leaderboard.json": json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        }
        for name, text in texts.items():
            _write(out / name, text.encode())
        written = [out / name for name in texts]
        for name, chart in board_figures(boards, found).items():
            drawing, picture = (out / "figures" / f"{name}{ending}" for ending in (".svg", ".png"))
            if _write(drawing, (chart.svg() + "\n").encode()) or not picture.exists():
                _write(picture, chart.png())
            written += [drawing, picture]
        for path in (out / "figures").glob("*.*"):
            if path not in written and path.suffix in (".svg", ".png") and path.name.startswith(KINDS):
                path.unlink()  # of an earlier report, whose page is gone
    return [*written, *([out / RECORDS] if copied else [])]


def _with_notes(shown: list[Table], told: Sequence[str]) -> list[Table]:
    """The tables, the first of which tells what is missing and what was left out."""
    return [replace(shown[0], notes=(*shown[0].notes, *told)), *shown[1:]] if shown and told else shown


def check_earlier(out: Path, found: Collection) -> None:
    """Checks that a folder has no records that are not in the report, for they would be taken for a part of it.

    Raises:
        RequestError: It has some.
    """
    known = {Path(file).name.partition(".json")[0] for file in _files(out, found).values()}
    other = [path.name for path in sorted((out / RECORDS).glob("*.json*")) if path.name.partition(".json")[0] not in known]
    if other:
        raise RequestError(
            f"{out / RECORDS}: holds {len(other)} records that are not in this report, the first is {other[0]}; "
            "name another folder with --out, or move them away"
        )


def _files(out: Path, found: Collection) -> dict[str, str]:
    """By run, the file in the report from which it can be repeated."""
    files = {}
    for record in found.records:
        folder = found.folders.get(record.run_id)
        here = folder is not None and folder.parent.resolve() == (out / "runs").resolve()
        files[record.run_id] = f"runs/{folder.name}/{_repeatable(folder)}" if here and folder else f"{RECORDS}/{stem(record.spec)}.json.gz"
    return files


def _repeatable(folder: Path) -> str:
    """The file of a run of one's own from which it is repeated."""
    return "spec.json" if (folder / "spec.json").is_file() else "record.json"


@contextmanager
def _copying(out: Path, found: Collection, files: Mapping[str, str]) -> Iterator[bool]:
    """Writes the records that are not in the folder's own runs, compressed, and tells if there are any.

    Thousands are written by another process during the block, and are there at its end.
    """
    own = [(found.files[run], out / file) for run, file in files.items() if file.startswith(f"{RECORDS}/")]
    if len(own) < MANY:
        _copy(own)
        yield bool(own)
        return
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        copied = pool.submit(_copy, own)
        yield True
        copied.result()


def _copy(pairs: Sequence[tuple[Path, Path]]) -> None:
    for source, target in pairs:
        _write(target, compressed(read_bytes(source)))


def _write(path: Path, data: bytes) -> bool:
    """Writes a file if it does not say the same already, and tells whether it did not."""
    try:
        if path.read_bytes() == data:
            return False
    except OSError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data, lasting=False)
    return True


def _csv(records: Sequence[Record], boards: Sequence[Leaderboard]) -> str:
    text = io.StringIO()
    write_scores(text, records, boards)
    return text.getvalue()

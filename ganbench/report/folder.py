"""Which report is written for a finished matrix? (leaderboard.md, .tex and .csv, figures)"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ganbench.report.boards import tables
from ganbench.report.latex import to_latex
from ganbench.report.markdown import to_markdown
from ganbench.report.published import published_tables
from ganbench.report.rows import COLUMNS, columns, score_rows
from ganbench.report.speed import speed_tables
from ganbench.results.record import Record
from ganbench.results.timing_record import timings_of
from ganbench.statistics.leaderboard import leaderboards
from ganbench.storage import write_text


def write_report(out: Path, records: Sequence[Record], heading: str) -> list[Path]:
    """Writes the leaderboard as Markdown and LaTeX, every score as CSV, and the figures; does nothing if all is there and says the same.

    Args:
        out: Folder of the matrix.
        records: Its records.
        heading: Title of the Markdown page.

    Returns:
        The files of the report.
    """
    boards = leaderboards(records)
    shown = [*tables(boards), *published_tables(boards), *speed_tables(timings_of(out)[0])]
    texts = {
        out / "leaderboard.md": to_markdown(shown, heading),
        out / "leaderboard.tex": to_latex(shown, heading),
        out / "leaderboard.csv": _csv(records),
    }
    figures = figure_files(out, records)
    if all(_says(path, text) for path, text in texts.items()) and _newer(figures, [*texts]):
        return [*texts, *figures]
    for path, text in texts.items():
        write_text(path, text)
    from ganbench.report.figures import write_figures

    write_figures(out, records)
    return [*texts, *figures]


def figure_files(out: Path, records: Sequence[Record]) -> list[Path]:
    """The figures of a report: curves and costs, as PNG and as SVG, and samples of every data set."""
    datasets = dict.fromkeys(record.spec.dataset.name for record in records)
    kinds = ("curves-{}.png", "curves-{}.svg", "samples-{}.png", "cost-{}.png", "cost-{}.svg")
    return [out / "figures" / kind.format(dataset) for dataset in datasets for kind in kinds]


def _newer(paths: Sequence[Path], others: Sequence[Path]) -> bool:
    """Whether all files are there, and none was written before the others."""
    try:
        return min(path.stat().st_mtime_ns for path in paths) >= max(path.stat().st_mtime_ns for path in others)
    except (OSError, ValueError):
        return False


def _says(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


def _csv(records: Sequence[Record]) -> str:
    rows = score_rows(records)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(rows, COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()

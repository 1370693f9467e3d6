"""Which report is written for a finished matrix? (leaderboard.md, leaderboard.csv, figures)"""

from collections.abc import Sequence
from pathlib import Path

from ganbench.report.boards import tables
from ganbench.report.markdown import to_markdown
from ganbench.results.frame import frame
from ganbench.results.record import Record
from ganbench.statistics.leaderboard import leaderboards
from ganbench.storage import write_text


def write_report(out: Path, records: Sequence[Record], heading: str) -> list[Path]:
    """Writes the leaderboard as Markdown and CSV, and the figures.

    Args:
        out: Folder of the matrix.
        records: Its records.
        heading: Title of the Markdown page.

    Returns:
        The files that were written.
    """
    from ganbench.report.figures import write_figures

    write_text(out / "leaderboard.md", to_markdown(tables(leaderboards(records)), heading))
    write_text(out / "leaderboard.csv", frame(records).to_csv(index=False))
    return [out / "leaderboard.md", out / "leaderboard.csv", *write_figures(out, records)]

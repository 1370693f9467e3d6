"""What does a finished matrix leave for its reader? (leaderboard.md, leaderboard.csv, figures)"""

from collections.abc import Sequence
from pathlib import Path

from ganbench.report.boards import tables
from ganbench.report.markdown import to_markdown
from ganbench.results.frame import frame
from ganbench.results.record import Record
from ganbench.statistics.leaderboard import leaderboards
from ganbench.storage import write_text


def write_report(out: Path, records: Sequence[Record], heading: str) -> list[Path]:
    """Writes everything that a reader opens first.

    Args:
        out: Folder of the matrix.
        records: Its records.
        heading: Title of the Markdown page.

    Returns:
        The files.
    """
    from ganbench.report.figures import write_figures

    write_text(out / "leaderboard.md", to_markdown(tables(leaderboards(records)), heading))
    write_text(out / "leaderboard.csv", frame(records).to_csv(index=False))
    return [out / "leaderboard.md", out / "leaderboard.csv", *write_figures(out, records)]

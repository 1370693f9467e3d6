"""Do names, notes and headings that hold markup, escapes or formulas stay text in everything that a report consists of?"""

import csv
import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from ganbench.plan.spec import run_id
from ganbench.report.boards import tables
from ganbench.report.figures import board_figures
from ganbench.report.folder import write_report
from ganbench.report.frame import frame
from ganbench.report.markdown import to_markdown
from ganbench.report.sheets import sheet
from ganbench.report.terminal import to_terminal
from ganbench.results.collection import Collection
from ganbench.results.record import Failure, Record, read_record
from ganbench.statistics.leaderboard import leaderboards

GOLDEN = Path(__file__).parents[1] / "golden" / "record-v1.json"
FINISHED = read_record(GOLDEN)
NAMES = ("<script>alert(1)</script>.py:A", "\x1b]0;title\x07.py:A", "=cmd|'x'!A0.py:A", "a$b$ ^{.py:A", "_my.py:A", "[x](http://y.z).py:A")


def named(name: str, seed: int = 0) -> Record:
    spec = replace(FINISHED.spec, seed=seed, variant=replace(FINISHED.spec.variant, name=name))
    return replace(FINISHED, spec=spec, run_id=run_id(spec), notes=(f"note on {name}",))


def failed(name: str) -> Record:
    error = Failure(type=name, message=f"{name}\nsecond line", stage="training", traceback="", command="ganbench run", where=name)
    return replace(named(name, 1), status="failed", scores=(), diagnostics=(), timing=None, error=error)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_holds_no_markup_of_a_name(name: str) -> None:
    text = to_markdown(tables(leaderboards([named(name), failed(name)])), f"head\n<b>{name}")
    assert "<script" not in text and "<b>" not in text and "\x1b" not in text and "](http" not in text.replace("\\](", "")
    assert text.startswith("# head &lt;b&gt;")
    for table in text.split("\n## ")[1:]:
        assert len({line.replace("\\|", "").count("|") for line in table.splitlines() if line.startswith("| ")}) == 1, "a cell broke a row"


@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_and_a_spreadsheet_get_text(name: str, tmp_path: Path) -> None:
    records = [named(name), failed(name)]
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(to_terminal(tables(leaderboards(records)), 100))
    assert "\x1b" not in console.export_text()
    assert ",=cmd" not in frame(records).to_csv(index=False) and "\x1b" not in frame(records).to_csv(index=False)
    write_report(tmp_path, Collection(records=tuple(records[:1]), files={records[0].run_id: GOLDEN}), name)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "leaderboard.csv").read_text(encoding="utf-8"))))
    assert not any(value.startswith(("=", "+", "@", "\t", "\r")) for row in rows for value in row.values())


def test_figures_of_all_these_names_are_drawn_with_every_name() -> None:
    records = [named(name) for name in NAMES]
    for figure in board_figures(leaderboards(records), Collection(records=tuple(records))).values():
        drawing = figure.svg()
        assert "<script" not in drawing and "\x1b" not in drawing
        assert ElementTree.fromstring(drawing).tag.endswith("svg") and figure.png()
    curves = board_figures(leaderboards(records), Collection(records=tuple(records)))["curves-digits"].svg()
    assert all(part in curves for part in ("_my.py:A", "&lt;script&gt;", "a$b$ ^{.py:A", "=cmd|"))


def test_a_sheet_of_classes_with_any_name_is_drawn(tmp_path: Path) -> None:
    images = np.zeros((2, 1, 8, 8), np.uint8)
    sheet(images, 2, "class $a", ("$b^{", "\x1b[2J"), ("_c",), tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 0


@pytest.mark.parametrize("value", [1e150, 5e-324], ids=["largest", "smallest"])
def test_a_report_of_the_largest_and_smallest_numbers_is_written(value: float, tmp_path: Path) -> None:
    def extreme(seed: int) -> Record:
        scores = tuple(replace(one, value=value, ci_low=0.0, ci_high=value) for one in FINISHED.scores)
        found = tuple(replace(one, value=value) for one in FINISHED.diagnostics)
        series = tuple(replace(one, scores=scores[:2], diagnostics=found) for one in FINISHED.evaluations)
        return replace(named("gan", seed), scores=scores, diagnostics=found, evaluations=series)

    records = (extreme(0), extreme(1))
    found = Collection(records=records, files=dict.fromkeys([one.run_id for one in records], GOLDEN))
    page = write_report(tmp_path, found, "extremes")[0].read_text(encoding="utf-8")
    assert f'data-value="{value}"' in page

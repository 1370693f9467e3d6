"""Do the five renderers write the golden text, and does hostile text stay text in all of them?

``PYTHONPATH=. python tests/report/test_renderers.py`` writes the golden files anew; look at what changed before committing them.
"""

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from test_tables import ALIKE, DIVERGED, FAILED, run

from ganbench.report.boards import tables
from ganbench.report.delimited import FIELDS, to_csv
from ganbench.report.html import to_document, to_html
from ganbench.report.latex import to_latex
from ganbench.report.markdown import to_markdown
from ganbench.report.table import Cell, Column, Table
from ganbench.report.terminal import in_terminal
from ganbench.results.record import Diagnostic
from ganbench.statistics.leaderboard import leaderboards
from ganbench.text import latex

GOLDEN = Path(__file__).parents[1] / "golden"
HOSTILE = r"=HYPERLINK(1)|<script>a</script>\input{/etc/passwd}$_^#&%~[x](http://y.z)@you" + "\x1b[2J\u202e\n# 中é"
"""A formula, a pipe, HTML, a command, what LaTeX gives a meaning, a link, a mention, a terminal escape, a mark of direction, a new line."""
UNDEFINED = Diagnostic(name="duplicate_rate", value=None, perfect=None, n=128, note="every real example has an exact copy")


def shown() -> list[Table]:
    """Tables with everything: rows that are tied, lifeless, diverged, failed, interrupted or hostile, and cells without a value."""
    scores = run("x", 0).scores
    records = [
        *(run("good", seed, 1.0 + seed / 100, 0.9) for seed in (0, 1, 2)),
        *(run("fair", seed, 5.0 + seed, 0.6 + seed / 10) for seed in (0, 1, 2)),
        *(run("two", seed, 7.0 + seed, 0.3, diagnostics=(UNDEFINED,)) for seed in (0, 1)),
        *(run("dead", seed, 0.01, 0.2, diagnostics=ALIKE) for seed in (0, 1)),
        *(run("shaky", 0, 1_234.5, 0.0), run("shaky", 1, **DIVERGED), run("shaky", 2, **FAILED)),
        run("gone", 0, **{**DIVERGED, "scores": scores[:2]}),
        run("lost", 0, **FAILED),
        run("stopped", 0, status="interrupted", scores=(), diagnostics=(), timing=None, reason="the disk is full"),
        run(HOSTILE, 0, 9.0, 0.1, notes=(f"note of {HOSTILE}",)),
    ]
    return tables(leaderboards(records))


WRITTEN: dict[str, Callable[[Sequence[Table]], str]] = {
    "leaderboard.txt": lambda found: in_terminal(found, 80, "--columns") + "\n",
    "leaderboard.md": lambda found: to_markdown(found, "a constructed board"),
    "leaderboard.csv": to_csv,
    "leaderboard.tex": lambda found: to_latex(found, "a constructed board"),
    "leaderboard.html": lambda found: to_document(found, "a constructed board"),
}


@pytest.mark.parametrize("name", list(WRITTEN))
def test_a_renderer_writes_the_golden_text(name: str) -> None:
    told = f"if the change is meant, write it anew: {(__doc__ or '').split('``')[1]}"
    assert WRITTEN[name](shown()) == (GOLDEN / name).read_bytes().decode(), told


@pytest.mark.parametrize("name", list(WRITTEN))
def test_no_renderer_lets_a_control_character_of_a_name_through(name: str) -> None:
    text = WRITTEN[name](shown())
    assert "HYPERLINK" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


def test_in_a_terminal_of_80_columns_a_table_is_one_block_and_names_what_it_lacks() -> None:
    scores, *_ = shown()
    text = in_terminal([scores], 80, "--columns")
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("variant") == 1 and "…" not in text
    assert "Left out: precision, fd.raw; shown by --columns all (or precision,fd.raw)" in " ".join(text.split())
    assert in_terminal([scores], 60).count("variant") > 1  # without an option that shows the rest, it is continued


def test_markdown_has_one_line_a_row() -> None:
    scores, *_ = shown()
    lines = [line for line in to_markdown([scores], "x").splitlines() if line.startswith("| ")]
    assert len(lines) == 2 + len(scores.rows)
    assert len({re.sub(r"\\\|", "", line).count("|") for line in lines}) == 1


def test_csv_has_a_line_for_every_cell_unrounded_and_no_formula() -> None:
    found = shown()
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert tuple(rows[0]) == FIELDS and len(rows) == sum(len(table.rows) * len(table.columns) for table in found)
    cells = {(row["table"], row["row"], row["column"]): row for row in rows}
    good = cells["digits: scores", "good", "fd@random-conv"]
    assert (good["value"], good["n"], good["ends"], good["best"], good["direction"]) == ("1.01", "3", "interval", "True", "lower is better")
    assert float(good["low"]) == pytest.approx(1.01 - 4.303 * 0.01 / 3**0.5, rel=1e-4)  # Student's t of two degrees of freedom
    two = cells["digits: scores", "two", "fd@random-conv"]
    assert (two["low"], two["high"], two["ends"]) == ("7.0", "8.0", "seeds")
    assert cells["digits: scores", "lost", "fd@random-conv"]["note"] == "no seed finished"
    assert cells["digits: scores", "shaky", "failed"]["value"] == repr(2 / 3)
    assert not any(field.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for field in row.values())


class Page(HTMLParser):
    """Tags, ids, links and text of a document; every tag that needs an end must have it."""

    VOID = ("meta",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_is_well_formed_accessible_and_free_of_scripts_and_styles() -> None:
    page = Page("".join(to_html(table, f"t{place}") for place, table in enumerate(shown())))
    assert not page.open
    assert {tag for tag, _ in page.tags} <= {
        "section",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "span",
        "sup",
        "a",
        "ul",
        "li",
        "strong",
    }
    assert not {name for _, given in page.tags for name in given} & {"style", "onclick", "onload", "onerror"}
    assert all(given["scope"] in ("row", "col") for tag, given in page.tags if tag == "th")
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids)) and {str(given["href"])[1:] for tag, given in page.tags if tag == "a"} <= {*ids}
    assert "<script>a</script>" in page.text  # as text
    cells = [given for tag, given in page.tags if tag == "td"]
    assert all((given["data-value"] == "") == (given.get("class") in ("missing", "text")) for given in cells)
    assert sum(given.get("class") == "best" for given in cells) == sum(cell.best for table in shown() for row in table.rows for cell in row)


def test_a_column_says_its_key_and_direction_in_html() -> None:
    head = {given["data-key"]: given for tag, given in Page(to_html(shown()[0], "t")).tags if tag == "th" and given["scope"] == "col"}
    assert head["fd@random-conv"]["title"] == "lower is better" and head["precision@random-conv"]["title"] == "higher is better"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex here to compile the tables with")
def test_latex_compiles_with_booktabs_alone(tmp_path: Path) -> None:
    everything = "".join(
        map(chr, [*range(0x20, 0x180), *range(0x370, 0x400), *range(0x2010, 0x2060), *range(0x2190, 0x2300), 0x4E2D, 0x1F600])
    )
    odd = Table(
        title=everything[:200],
        columns=(Column(heading=everything[:200], higher_is_better=True), Column(heading="a\nb", prose=True)),
        rows=(
            (Cell(value="[1ex]", note=everything), Cell(value="*")),
            (Cell(value=-1.5, low=-2.0, high=-1.0, best=True), Cell(value=None, note="x")),
        ),
        protocol=(everything[200:300],),
    )
    (tmp_path / "tables.tex").write_text(to_latex([*shown(), odd], HOSTILE), encoding="utf-8")
    (tmp_path / "all.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n\\input{tables}\n\\end{document}\n"
    )
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    said = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, said[-3_000:]
    assert "Missing character" not in said + (tmp_path / "all.log").read_text("utf-8", "replace")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a_b^c~d", r"a\_b\textasciicircum{}c\textasciitilde{}d"),
        ("100 % of $5 & #1", r"100 \% of \$5 \& \#1"),
        ("--columns [x] *", "-{}-columns {[}x{]} {*}"),
        ("FD ↓ ± ∞ β", r"FD $\downarrow$ $\pm$ $\infty$ $\beta$"),
        ("é ñ ﬁ ½", r"\'{e} \~{n} fi 1/2"),
        ("中\n\x1b", r"U+4E2D \textbackslash{}x1b"),
    ],
)
def test_text_in_latex_is_text(text: str, written: str) -> None:
    assert latex(text) == written


def test_notes_share_a_letter_where_they_are_equal_and_go_on_behind_z() -> None:
    table = Table(title="t", columns=(Column(heading="x"),), rows=tuple((Cell(value=None, note=f"{place // 2}"),) for place in range(60)))
    letters = table.footnotes()
    assert len(letters) == 30 and list(letters.values())[:3] == ["a", "b", "c"] and list(letters.values())[24:27] == ["z", "aa", "ab"]
    assert table.texts()[52] == ["—ᵃᵇ"]


def test_a_share_of_seeds_is_written_as_such_and_its_interval_only_where_people_see_it() -> None:
    failed, bare = Column(heading="failed", of_n=True), Column(heading="diagnostic", bare=True)
    assert Cell(value=2 / 3, n=3).shown(failed) == "2/3"
    value = Cell(value=0.5, low=0.4, high=0.6)
    assert (value.interval(bare), value.interval(replace(bare, bare=False))) == ("", "[0.400, 0.600]")


if __name__ == "__main__":
    for file, write in WRITTEN.items():
        (GOLDEN / file).write_text(write(shown()), encoding="utf-8")

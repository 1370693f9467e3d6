"""Does text from elsewhere stay text, in terminals, errors, Markdown, spreadsheets and figures?"""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from ganbench.commands.output import PlainConsole, print_json
from ganbench.errors import DataError, UnknownName
from ganbench.text import cell, drawn, html, line, markdown, plain

TITLE = "\x1b]0;title\x07"
"""Sets the title of a terminal's window."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (TITLE, "\\x1b]0;title\\x07"),
        ("a\x9b31mb", "a\\x9b31mb"),  # an escape sequence in one character
        ("gnp\u202e.exe", "gnp\\u202e.exe"),  # the rest would read from right to left
        ("half \udcff of a character", "half \\udcff of a character"),
        ("tab\tand\nline, ä, 漢, 👩\u200d🔬, no\u00a0break", "tab\tand\nline, ä, 漢, 👩\u200d🔬, no\u00a0break"),
    ],
)
def test_what_controls_a_terminal_is_written_out_and_letters_are_not(text: str, shown: str) -> None:
    assert plain(text) == shown == plain(shown)


def test_errors_are_plain_whoever_prints_them() -> None:
    assert "\x1b" not in str(DataError(f"{TITLE} is no image"))
    assert "\x1b" not in str(UnknownName("class", TITLE, [TITLE, "\x1b[2J"]))


@pytest.mark.parametrize(
    "text", ["<script>x</script>", "a|b", "*b* _i_ `c` ~~s~~", "[t](http://x.y)", "![i](x)", "@you", "www.x.y", "a\n# b", "$m$"]
)
def test_nothing_is_markup_in_markdown(text: str) -> None:
    shown = markdown(text)
    assert "\n" not in shown and "<" not in shown and not re.search(r"(?<!\\)\]\(", shown) and "://" not in shown
    for special in "|*`~$":
        assert shown.count(f"\\{special}") == shown.count(special)
    assert not shown.startswith(("@", "_", "#")) and "www." not in shown


def test_names_and_numbers_stay_readable_in_markdown() -> None:
    assert markdown("wgan_gp (beta1=0.5) -1.5 ↓") == "wgan_gp (beta1=0.5) -1.5 ↓"
    assert line("two\nlines") == "two lines"


@pytest.mark.parametrize("start", list("=+-@\t\r"))
def test_no_cell_begins_a_formula_and_numbers_stay_numbers(start: str) -> None:
    assert cell(f"{start}cmd|'x'!A0").startswith("'")
    assert cell(-1.5) == -1.5 and cell(None) is None and cell("dcgan") == "dcgan"


def test_html_and_figures_take_text_as_text() -> None:
    assert html('<b>"x"\'\x1b') == "&lt;b&gt;&quot;x&quot;&#x27;\\x1b"
    assert drawn("$x$") == r"\$x\$"  # not mathematics
    assert drawn("_hidden").strip() == "_hidden" != drawn("_hidden")  # matplotlib leaves labels with a leading underscore out


def test_a_console_passes_nothing_on_and_keeps_its_own_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    console = PlainConsole(stderr=True)
    console.file = out = io.StringIO()
    table = Table()
    table.add_column(f"{TITLE} head")
    table.add_row(f"[red]cell {TITLE}")
    console.print(table)
    console.say(f"said {TITLE}", "red")
    assert "\x1b" not in out.getvalue() and "[red]cell" in out.getvalue()


@pytest.mark.parametrize(("columns", "width"), [("80", 80), ("", 160), ("5", 20), ("wide", 160)])
def test_columns_say_how_wide_piped_output_is(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert PlainConsole(stderr=False).width == width


def test_json_on_a_terminal_controls_nothing_and_keeps_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"name": "\x1b[2J\x9b1m\u202e\udcff ä"}
    print_json(data)
    said = capsys.readouterr().out
    assert plain(said) == said and "ä" in said
    assert json.loads(said) == data


def test_a_file_whose_name_controls_a_terminal_is_refused_in_plain_text(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "ganbench", "run", f"{TITLE}\x1b[2J.toml"]
    said = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert said.returncode == 2 and "\x1b" not in said.stderr and "\\x1b" in said.stderr

"""How is text from elsewhere (names, notes, headings, reasons) shown so that it stays text?

A name of a class, a folder or a file may contain anything: sequences that a terminal obeys, HTML, Markdown, the start of a
spreadsheet's formula. All text for people passes one of these functions on its way out.
"""

import html as _html
import re
import unicodedata
from typing import Any

_KEPT = "\n\t\u200c\u200d"
"""Line breaks, tabs, and the joiners of letters and emoji."""
_FORMULA = "=+-@\t\r"
"""First characters that make a spreadsheet take a cell for a formula (OWASP, "CSV injection")."""


def plain(text: str) -> str:
    r"""Text for a terminal or an error: characters that control or reorder what is shown are written out.

    Line breaks and tabs stay.

    >>> plain("\x1b[2Jgan")
    '\\x1b[2Jgan'

    Args:
        text: Any text.

    Returns:
        The text, without control characters, marks of direction, and halves of characters.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in _KEPT or unicodedata.category(char) == "Zs" else _written(char) for char in text)


def line(text: str) -> str:
    """Text on one line."""
    return plain(" ".join(text.split()))


def markdown(text: str) -> str:
    r"""Text on one line of Markdown, also in a table: nothing in it is markup, HTML, a link or a mention.

    >>> markdown("<b>my_*gan*</b> | @you")
    '&lt;b&gt;my_\\*gan\\*&lt;/b&gt; \\| &#64;you'
    """
    text = _html.escape(line(text), quote=False)
    text = re.sub(r"([\\`*\[\]|~$])", r"\\\1", text)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)  # within a word it is no markup
    text = re.sub(r"(?<!\w)@", "&#64;", text)
    return re.sub(r"://", ":&#47;/", re.sub(r"(?i)\bwww\.", lambda found: found[0][:-1] + "&#46;", text))


def html(text: str) -> str:
    """Text within HTML or within the quotes of an attribute."""
    return _html.escape(plain(text))


def cell(value: Any) -> Any:
    """A value of a spreadsheet's cell: text that would start a formula starts with an apostrophe, which spreadsheets hide.

    >>> cell("=1+1"), cell(-1.5)
    ("'=1+1", -1.5)
    """
    if not isinstance(value, str):
        return value
    shown = plain(value)
    return f"'{shown}" if value.startswith(tuple(_FORMULA)) else shown


def drawn(text: str) -> str:
    r"""Text in a figure of matplotlib, which takes ``$...$`` for mathematics and hides labels that begin with an underscore.

    >>> drawn("a$b$")
    'a\\$b\\$'
    """
    shown = plain(text).replace("$", r"\$")
    return f"\N{HAIR SPACE}{shown}" if shown.startswith("_") else shown


def _written(char: str) -> str:
    r"""A character as Python writes it (``\x1b``)."""
    return char.encode("unicode_escape").decode("ascii")

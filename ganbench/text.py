"""How is text from elsewhere (names, notes, headings, reasons) shown so that it stays text?

A name of a class, a folder or a file may contain anything: sequences that a terminal obeys, HTML, Markdown, LaTeX, the start of a
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

    >>> markdown("<b>my_gan *x*</b> | @you")
    '&lt;b&gt;my_gan \\*x\\*&lt;/b&gt; \\| &#64;you'
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


def latex(text: str) -> str:
    r"""Text on one line of LaTeX: nothing in it is a command, and pdflatex without packages can set it.

    Of characters that its fonts lack, accents become commands, compatible ones their plain form, and others their number.

    >>> print(latex("50 % of my_gan -- é ↓ 中"))
    50 \% of my\_gan -{}- \'{e} $\downarrow$ U+4E2D
    """
    shown = unicodedata.normalize("NFC", line(text))
    joined = re.compile(r"(?<=[-'`])(?=[-'`])|(?<=[?!])(?=`)|(?<=[<>,])(?=[<>,])")  # what fonts make one character of
    return "{}".join("".join(map(_in_latex, part)) for part in joined.split(shown))


def bibtex(text: str) -> str:
    r"""Text within the braces of a field of BibTeX, which counts braces even where LaTeX is told that they are text.

    >>> print(bibtex("a{b"))
    a\textbraceleft{}b
    """
    return latex(text).replace(r"\{", r"\textbraceleft{}").replace(r"\}", r"\textbraceright{}")


_LATEX = {
    **{char: f"\\{char}" for char in "{}$&#%_"},
    **{char: f"{{{char}}}" for char in "[]*"},  # which may be arguments of a line's end
    '"': "{''}",
    "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "†": r"\textdagger{}", "‡": r"\textdaggerdbl{}",
    "—": "---", "–": "--", "‘": "`", "’": "'", "“": "``", "”": "{''}", "…": r"\dots{}", "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "→": r"$\rightarrow$", "←": r"$\leftarrow$", "±": r"$\pm$", "×": r"$\times$",
    "·": r"$\cdot$", "∞": r"$\infty$", "√": r"$\surd$", "≤": r"$\leq$", "≥": r"$\geq$", "≠": r"$\neq$", "≈": r"$\approx$",
    "○": r"$\circ$", "°": r"$^\circ$", "−": "$-$", "∼": r"$\sim$", "⁄": "/", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}",
    **{letter: f"$\\{name}$" for letter, name in zip("αβγδεζηθικλμνξπρστυφχψω", (
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho",
        "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
    ), strict=True)},
    **{letter: f"$\\{name}$" for letter, name in zip("ΓΔΘΛΞΠΣΥΦΨΩ", (
        "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
    ), strict=True)},
}  # fmt: skip
"""What LaTeX makes of characters that mean something to it, or that its default fonts lack."""
_ACCENTS = dict(zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327", "`'^~=u.\"rHvc", strict=True))


def _in_latex(char: str) -> str:
    """One character; accented letters by their accents, others as far as they are compatible with ASCII."""
    if char in _LATEX:
        return _LATEX[char]
    if char.isascii():
        return char
    parts = unicodedata.normalize("NFKD", char)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return f"\\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    known = [_LATEX.get(part, part if part.isascii() else "") for part in parts if not unicodedata.combining(part)]
    return "".join(known) if all(known) and known else f"U+{ord(char):04X}"


def file_name(text: str) -> str:
    """Text as part of a file name: letters and digits of ASCII, dots, underscores and hyphens.

    >>> file_name("my data/\u00fcber")
    'my-data-ber'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:80] or "unnamed"


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

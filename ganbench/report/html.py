"""How is a table written in HTML? (a fragment that styles and scripts of a page find by classes and ``data-`` attributes)

``data-key`` names a column, ``data-value`` is a cell's number for sorting, empty if it has none; classes are ``best``, ``missing``,
``interval``, ``protocol`` and ``notes``. There are neither scripts nor styles in it, so that a page may forbid both.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ganbench.report.table import Table
from ganbench.text import plain


def to_html(table: Table, prefix: str, about: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """A table as a fragment of HTML, in which names and notes are text and never markup.

    Args:
        table: The table.
        prefix: Start of all ids in it; unique on the page, of letters, digits and hyphens.
        about: By name of a row (the value of its last leading cell), ``link``, an address to which its name leads, and further
            attributes that become ``data-`` attributes of the row.
    """
    return template("table.html.j2").render(table=table, prefix=prefix, letters=table.footnotes(), spoken=SPOKEN, about=about or {})


SPOKEN = {True: "higher is better", False: "lower is better"}


def to_document(tables: Iterable[Table], heading: str) -> str:
    """Tables as an HTML document of its own."""
    fragments = [to_html(table, f"table-{place}") for place, table in enumerate(tables, start=1)]
    return template("tables.html.j2").render(heading=heading, fragments=fragments)


@cache
def template(name: str) -> Template:
    """A template of this package; what it writes passes :func:`ganbench.text.plain` and is escaped."""

    def finalize(value: Any) -> Any:
        return plain(value) if type(value) is str else "" if value is None else value

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)

"""How do commands print? (tables and messages for people, JSON for programs)"""

import json
import os
import re
import sys
from collections.abc import Iterable
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from ganbench.text import plain

LOG_WIDTH = 160
"""Number of characters per line of messages that no terminal shows."""
NARROWEST = 20
"""Smallest number of characters per line that COLUMNS can ask for."""


class PlainConsole(Console):
    """A console on which text from elsewhere stays text: what would control the terminal is written out.

    Args:
        stderr: Whether it prints to stderr, as messages for people do, and not to stdout.
        piped: Number of characters per line of output that is not a terminal's, unless COLUMNS says otherwise.
    """

    def __init__(self, *, stderr: bool, piped: int = LOG_WIDTH) -> None:
        terminal = (sys.stderr if stderr else sys.stdout).isatty()
        columns = os.environ.get("COLUMNS", "")
        asked = max(NARROWEST, int(columns)) if columns.isascii() and columns.isdigit() and int(columns) else None
        width = asked if asked or terminal else piped
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, width=width)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Renders to segments, of which all but rich's own control codes are made plain."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)

    def say(self, text: str, style: str = "") -> None:
        """Prints a message, whose lines a terminal may wrap but this does not."""
        self.print(text, style=style, soft_wrap=True)


def print_json(data: Any) -> None:
    """Prints plain data as JSON on stdout; characters that would control a terminal are escaped, which changes no value."""
    text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False)
    typer.echo(re.sub("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text))

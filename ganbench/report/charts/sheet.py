"""How do several charts and pictures become one figure? (side by side in rows, each with its own title)"""

from collections.abc import Sequence

from ganbench.report.charts.chart import TITLE_LETTER, Chart, heading, pixel, text
from ganbench.text import html, line

GAP = 18
"""Pixels between charts."""
HEAD = 26
"""Pixels of the line with the title."""


def together(title: str, alt: str, parts: Sequence[Chart], columns: int) -> Chart:
    """Charts in rows of so many, as wide as the widest and as high as the highest.

    Args:
        title: Heading of them all.
        alt: What they show, in words.
        parts: The charts, at least one, row by row.
        columns: Number of charts in a row.
    """
    wide, high = max(part.width for part in parts), max(part.height for part in parts)
    across = min(columns, len(parts))
    rows = -(-len(parts) // across)
    body = [text(0, 14, title, "title")]
    for place, part in enumerate(parts):
        x, y = (place % across) * (wide + GAP), HEAD + (place // across) * (high + GAP)
        body.append(f'<g transform="translate({x} {y})">{part.body}</g>')
    width = max(across * (wide + GAP) - GAP, round(TITLE_LETTER * len(title)))
    return Chart(title=title, alt=alt, width=width, height=HEAD + rows * (high + GAP) - GAP, body="".join(body))


def panel(source: str, width: int, height: int, title: str, alt: str) -> Chart:
    """A picture with a title.

    Args:
        source: ``data:`` address of a PNG.
        width: Pixels to draw it with.
        height: Likewise.
        title: Written above it.
        alt: What it shows, in words.
    """
    body = heading(title, width)
    place = f'x="0" y="18" width="{pixel(width)}" height="{pixel(height)}"'
    body += f'<image {place} href="{html(line(source))}" image-rendering="optimizeSpeed"/>'
    return Chart(title=title, alt=alt, width=width, height=height + 18, body=body)

"""What is a chart, and how does it become a file? (SVG that a page styles, or a file of its own, as SVG or PNG)

A chart names its colours by classes (``c0`` to ``c7``), so that one style serves pages, light and dark, and files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from ganbench.errors import RequestError
from ganbench.report.charts.scale import Axis
from ganbench.storage import write_text
from ganbench.text import html, line

COLOURS = 8
"""Number of colours, those of Okabe and Ito, which colour-blind readers can distinguish; later ones repeat them."""
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999933")
"""The colours of figures that matplotlib draws."""
LETTER, TITLE_LETTER = 5.6, 7.7
"""Width of a letter of a label, and of a title, in pixels, about."""
MARGIN = 10
"""Pixels around a chart in a file of its own."""
SCALE, LARGE = 2, 1_000_000
"""Pixels of a PNG, on each side, for one of the SVG; of one with more pixels than the second number, which is large as it is, one."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A finished figure."""

    title: str
    alt: str
    """What it shows, in words, for those who cannot see it."""
    width: int
    height: int
    body: str
    """The elements within the ``svg`` element."""

    def inline(self) -> str:
        """The chart as an element of an HTML page, which has the style (``charts.css``)."""
        return self._svg(f' width="{self.width}" height="{self.height}"', "", f"0 0 {self.width} {self.height}")

    def svg(self) -> str:
        """The chart as a file of its own, light, on white."""
        left, top, wide, high = -MARGIN, -MARGIN, self.width + 2 * MARGIN, self.height + 2 * MARGIN
        ground = f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" fill="#ffffff"/>'
        size = f' xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}"'
        return self._svg(size, f"<style>{_style()}</style>{ground}", f"{left} {top} {wide} {high}")

    def png(self) -> bytes:
        """The chart as a PNG, with twice as many pixels on each side unless it is large; equal charts have equal bytes."""
        import resvg_py

        drawn: bytes = bytes(
            resvg_py.svg_to_bytes(
                svg_string=self.svg(),
                zoom=SCALE if self.width * self.height <= LARGE else 1,
                skip_system_fonts=True,
                font_files=_fonts(),
                font_family="DejaVu Sans",
                sans_serif_family="DejaVu Sans",
            )
        )
        return drawn

    def save(self, path: Path | str) -> Path:
        """Writes the chart.

        Args:
            path: A file that ends in ``.svg`` or ``.png``.

        Raises:
            RequestError: It ends in something else.
        """
        path = Path(path)
        if path.suffix not in (".svg", ".png"):
            raise RequestError(f"{path}: a chart is written as .svg or .png; name the file {path.with_suffix('.svg').name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".svg":
            write_text(path, self.svg() + "\n")
        else:
            path.write_bytes(self.png())
        return path

    def _repr_svg_(self) -> str:
        return self.svg()

    def _svg(self, attributes: str, first: str, box: str) -> str:
        return (
            f'<svg class="chart" role="img" viewBox="{box}" aria-label="{html(line(self.alt))}"{attributes}>'
            f"<title>{html(line(self.title))}</title>{first}{self.body}</svg>"
        )


@cache
def _fonts() -> list[str]:
    """Fonts that come with matplotlib, so that a PNG looks the same everywhere; matplotlib itself, which starts slowly, is not loaded."""
    found = find_spec("matplotlib")
    assert found is not None and found.submodule_search_locations, "a dependency"
    folder = Path(found.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"
    return [str(folder / name) for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")]


@cache
def _style() -> str:
    return files("ganbench.report").joinpath("templates/charts.css").read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The part of a chart between its axes."""

    x: Axis
    y: Axis
    left: float
    top: float
    width: float
    height: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a point."""
        return self.left + self.width * self.x.share(x), self.top + self.height * (1 - self.y.share(y))


Mark = Callable[[Frame], str]
"""Draws something between the axes."""


def chart(
    title: str,
    alt: str,
    x: Axis,
    y: Axis,
    marks: Sequence[Mark],
    *,
    legend: Sequence[tuple[str, int]] = (),
    size: tuple[int, int] = (360, 230),
) -> Chart:
    """Draws marks between two axes.

    Args:
        title: Heading of the chart.
        alt: What it shows, in words.
        x: The horizontal axis.
        y: The vertical axis.
        marks: What is drawn, the first at the bottom.
        legend: Names with the numbers of their colours; nothing is drawn for one alone.
        size: Width and height in pixels.
    """
    width, height = size
    keys, lines = _legend(legend if len(legend) > 1 else (), width)
    ticks = y.ticks()
    left = max(26.0, 12 + LETTER * max((len(name) for _, name in ticks), default=0)) + (13 if y.label else 0)
    bottom = 20 + (14 if x.label else 0)
    top = 24 + 14 * lines
    frame = Frame(x=x, y=y, left=left, top=top, width=width - left - 14, height=height - top - bottom)
    parts = [heading(title, width), keys, _axes(frame, ticks), *(mark(frame) for mark in marks)]
    if x.label:
        parts.append(text(frame.left + frame.width / 2, height - 4, x.label, "label", "middle"))
    if y.label:
        place = f"translate(10 {pixel(frame.top + frame.height / 2)}) rotate(-90)"
        parts.append(f'<text class="label" text-anchor="middle" transform="{place}">{html(y.label)}</text>')
    return Chart(title=title, alt=alt, width=width, height=height, body="".join(parts))


def _axes(frame: Frame, ticks: Sequence[tuple[float, str]]) -> str:
    """Lines and names of the marked values."""
    parts = []
    right, bottom = frame.left + frame.width, frame.top + frame.height
    for value, name in ticks:
        _, y = frame.at(frame.x.low, value)
        parts.append(f'<path class="grid" d="M{pixel(frame.left)} {pixel(y)}H{pixel(right)}"/>')
        parts.append(text(frame.left - 5, y + 3.5, name, "tick", "end"))
    past = -1e9
    for value, name in frame.x.ticks():
        x, _ = frame.at(value, frame.y.low)
        parts.append(f'<path class="axis" d="M{pixel(x)} {pixel(bottom)}v3"/>')
        if x - LETTER * len(name) / 2 > past + 2:  # a name that would touch the one before is left out
            parts.append(text(x, bottom + 14, name, "tick", "middle"))
            past = x + LETTER * len(name) / 2
    parts.append(f'<path class="axis" d="M{pixel(frame.left)} {pixel(bottom)}H{pixel(right)}"/>')
    return "".join(parts)


def _legend(entries: Sequence[tuple[str, int]], width: int) -> tuple[str, int]:
    """The legend below the title, and its number of lines."""
    parts, x, row = [], 0.0, 0
    for name, colour in entries:
        wide = 16 + LETTER * len(name) + 10
        if x and x + wide > width:
            x, row = 0.0, row + 1
        y = 24 + 14 * row
        parts.append(f'<rect class="f c{colour % COLOURS}" x="{pixel(x)}" y="{pixel(y - 7)}" width="10" height="7"/>')
        parts.append(text(x + 14, y, name, "tick"))
        x += wide
    return "".join(parts), row + 1 if entries else 0


def text(x: float, y: float, words: str, style: str, anchor: str = "start") -> str:
    """A line of text; what is in it stays text."""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{style}" x="{pixel(x)}" y="{pixel(y)}"{where}>{html(line(words))}</text>'


def heading(words: str, width: int) -> str:
    """The title of a chart of this width, cut short where the next one would begin; it is whole where the pointer rests."""
    room = round(width / TITLE_LETTER)
    if len(words) <= room:
        return text(0, 12, words, "title")
    return f"<g>{hint(words)}{text(0, 12, words[: room - 1].rstrip() + '…', 'title')}</g>"


def hint(words: str) -> str:
    """What is shown of the element around it where the pointer rests."""
    return f"<title>{escape(line(words))}</title>"


def pixel(value: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")

"""What can be drawn between the axes of a chart? (each function returns a mark, in the colour of a number)"""

import math
from collections.abc import Sequence

from ganbench.report.charts.chart import COLOURS, Frame, Mark, hint, pixel, text

Points = Sequence[tuple[float, float]]


def lines(points: Points, colour: int, *, dots: bool = False, thin: bool = False) -> Mark:
    """A line through points, which gaps of what is no number interrupt; a point alone is a dot."""

    def draw(frame: Frame) -> str:
        pieces = _pieces(points)
        style = f"s c{colour % COLOURS}" + (" thin" if thin else "")
        path = "".join("M" + "L".join(_place(frame, x, y) for x, y in piece) for piece in pieces if len(piece) > 1)
        marked = [point for piece in pieces if dots or len(piece) == 1 for point in piece]
        drawn = f'<path class="{style}" d="{path}"/>' if path else ""
        return drawn + "".join(_dot(frame, x, y, colour, 2.2, "") for x, y in marked)

    return draw


def band(xs: Sequence[float], low: Sequence[float], high: Sequence[float], colour: int) -> Mark:
    """The area between two lines."""

    def draw(frame: Frame) -> str:
        kept = [(x, a, b) for x, a, b in zip(xs, low, high, strict=True) if math.isfinite(a) and math.isfinite(b)]
        if len(kept) < 2:
            return ""
        there = [_place(frame, x, b) for x, _, b in kept]
        back = [_place(frame, x, a) for x, a, _ in reversed(kept)]
        return f'<path class="band f c{colour % COLOURS}" d="M{"L".join([*there, *back])}Z"/>'

    return draw


def bars(edges: Sequence[float], heights: Sequence[float], colour: int, hints: Sequence[str] = ()) -> Mark:
    """Bars from 0 between the edges."""

    def draw(frame: Frame) -> str:
        parts = []
        for place, height in enumerate(heights):
            left, base = frame.at(edges[place], 0)
            right, top = frame.at(edges[place + 1], height)
            if base - top > 0.05:
                size = f'x="{pixel(left)}" y="{pixel(top)}" width="{pixel(max(right - left - 0.5, 0.5))}" height="{pixel(base - top)}"'
                parts.append(f'<rect class="bar f c{colour % COLOURS}" {size}>{hint(hints[place]) if hints else ""}</rect>')
        return "".join(parts)

    return draw


def steps(edges: Sequence[float], heights: Sequence[float], colour: int) -> Mark:
    """A histogram as a line with a pale area, so that several can overlap."""

    def draw(frame: Frame) -> str:
        corners = [(edges[0], 0.0)]
        for place, height in enumerate(heights):
            corners += [(edges[place], height), (edges[place + 1], height)]
        path = "L".join(_place(frame, x, y) for x, y in [*corners, (edges[-1], 0.0)])
        return f'<path class="band f c{colour % COLOURS}" d="M{path}Z"/><path class="s c{colour % COLOURS}" d="M{path}"/>'

    return draw


def dots(points: Points, colour: int, hints: Sequence[str] = (), radius: float = 3.5, *, hollow: bool = False) -> Mark:
    """A dot for every point."""

    def draw(frame: Frame) -> str:
        said = hints or [""] * len(points)
        return "".join(
            _dot(frame, x, y, colour, radius, words, hollow) for (x, y), words in zip(points, said, strict=True) if _finite(x, y)
        )

    return draw


def crosses(points: Points, colour: int, hints: Sequence[str] = ()) -> Mark:
    """A cross for every point, where a run did not finish."""

    def draw(frame: Frame) -> str:
        said = hints or [""] * len(points)
        parts = []
        for (x, y), words in zip(points, said, strict=True):
            if _finite(x, y):
                a, b = frame.at(x, y)
                path = f"M{pixel(a - 4)} {pixel(b - 4)}l8 8m0 -8l-8 8"
                parts.append(f'<path class="s cross c{colour % COLOURS}" d="{path}">{hint(words) if words else ""}</path>')
        return "".join(parts)

    return draw


def upright(x: float, words: str, row: int = 0) -> Mark:
    """A dashed upright line with words at its top, in one of several rows."""

    def draw(frame: Frame) -> str:
        place, top = frame.at(x, frame.y.high)
        end = place > frame.left + 0.6 * frame.width
        label = text(place - 3 if end else place + 3, top + 9 + 11 * row, words, "tick alarm", "end" if end else "start")
        return f'<path class="alarm-line" d="M{pixel(place)} {pixel(top)}V{pixel(frame.top + frame.height)}"/>{label}'

    return draw


def level(y: float, words: str) -> Mark:
    """A dashed level line with words."""

    def draw(frame: Frame) -> str:
        _, place = frame.at(frame.x.low, y)
        right = frame.left + frame.width
        return f'<path class="reference" d="M{pixel(frame.left)} {pixel(place)}H{pixel(right)}"/>' + text(
            right - 2, place - 3, words, "tick", "end"
        )

    return draw


def diagonal(start: tuple[float, float], end: tuple[float, float]) -> Mark:
    """A dashed line between two points."""
    return lambda frame: f'<path class="reference" d="M{_place(frame, *start)}L{_place(frame, *end)}"/>'


def ranges(points: Sequence[tuple[float, float, float]], colour: int, *, upright: bool) -> Mark:
    """A thin line from the second to the third number at the first one, along the vertical axis or along the horizontal one."""

    def draw(frame: Frame) -> str:
        ends = [((at, low), (at, high)) if upright else ((low, at), (high, at)) for at, low, high in points]
        return "".join(f'<path class="s c{colour % COLOURS}" d="M{_place(frame, *a)}L{_place(frame, *b)}"/>' for a, b in ends)

    return draw


def _pieces(points: Points) -> list[list[tuple[float, float]]]:
    """Runs of points that are numbers."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if _finite(x, y):
            pieces[-1].append((x, y))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _dot(frame: Frame, x: float, y: float, colour: int, radius: float, words: str, hollow: bool = False) -> str:
    a, b = frame.at(x, y)
    style = f"{'s hollow' if hollow else 'f'} c{colour % COLOURS}"
    place = f'cx="{pixel(a)}" cy="{pixel(b)}" r="{pixel(radius)}"'
    return f'<circle class="{style}" {place}>{hint(words)}</circle>' if words else f'<circle class="{style}" {place}/>'


def _place(frame: Frame, x: float, y: float) -> str:
    a, b = frame.at(x, y)
    return f"{pixel(a)} {pixel(b)}"


def _finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)


def cloud(points: Points, colour: int) -> Mark:
    """Many small points in few bytes; those outside the axes are left out."""

    def draw(frame: Frame) -> str:
        inside = [(x, y) for x, y in points if frame.x.low <= x <= frame.x.high and frame.y.low <= y <= frame.y.high]
        path = "".join(f"M{_place(frame, x, y)}h0" for x, y in inside)
        return f'<path class="s cloud c{colour % COLOURS}" d="{path}"/>' if path else ""

    return draw

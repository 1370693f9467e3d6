"""Where do the names of points stand in a chart? (beside them, or farther away at the end of a thin line)"""

import math
import statistics
from collections.abc import Iterator, Sequence
from itertools import chain

from ganbench.report.charts.chart import Frame, Mark, pixel, text

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""
Found = tuple[Box, list[Box]]
"""The box of a name, and the line to it as small boxes."""
LETTER = 5.6
"""Mean width of a letter."""
DISTANCES = (20, 32, 44, 58, 74, 92)
"""Between a point and a name that a line leads to."""
DIRECTIONS = 16
CROWD = 80
"""Distance to which other points count as around a point."""
MOST_LED = 40
"""Most points of a chart whose names may stand away from them; among more, lines to names only confuse."""


def names(points: Sequence[Point], said: Sequence[str], across: Sequence[tuple[Point, Point]] = ()) -> Mark:
    """Names of points, where they cover no point, no other name, and no line if that can be.

    A name stands beside its point, else farther away with a thin line between them; where there is no such place it is left out.

    Args:
        points: The points.
        said: Their names.
        across: Level and upright lines of the chart, by their ends.
    """

    def draw(frame: Frame) -> str:
        places = [frame.at(*point) for point in points]
        wide = [LETTER * len(name) for name in said]
        dots = [_around(place, place, 4) for place in places]
        lines = [_around(frame.at(*one), frame.at(*other), 1) for one, other in across]
        taken, boxes, ways = list(dots), dict[int, Box](), dict[int, list[Box]]()
        for number, place in sorted(enumerate(places), key=lambda one: -len(_near(one[1], places))):  # what has least room first
            free = (box for box in _beside(place, wide[number], frame, places) if not _covers(box, taken) and not _covers(box, lines))
            if box := next(free, None):
                boxes[number] = box
                taken.append(box)
        for number, place in enumerate(places):
            if number in boxes or not all(map(math.isfinite, place)):
                continue
            near: Iterator[Found] = ((box, []) for box in _beside(place, wide[number], frame, places) if not _covers(box, taken))
            led: list[Iterator[Found]] = [iter(()), iter(())]
            if len(points) <= MOST_LED:
                others = [box for box in taken if box != dots[number]]
                led = [_led(place, wide[number], _outwards(place, places), frame, others, over) for over in (lines, [])]
            if found := next(chain(led[0], near, led[1]), None):
                boxes[number], ways[number] = found
                taken += [found[0], *found[1]]
        return "".join(
            (_lead(places[number], box) if ways.get(number) else "") + text(box[0], box[3] - 2, said[number], "tick")
            for number, box in boxes.items()
        )

    return draw


def _lead(place: Point, box: Box) -> str:
    """The line to a name, from the edge of the point's dot."""
    end = _nearest(place, box)
    share = 4 / math.dist(place, end)
    (x, y), (to_x, to_y) = (place[0] + share * (end[0] - place[0]), place[1] + share * (end[1] - place[1])), end
    return f'<path class="axis lead" d="M{pixel(x)} {pixel(y)}L{pixel(to_x)} {pixel(to_y)}"/>'


def _near(place: Point, places: Sequence[Point]) -> list[Point]:
    """The points around a place."""
    return [one for one in places if math.dist(place, one) < CROWD]


def _outwards(place: Point, places: Sequence[Point]) -> float:
    """The angle at which a point looks away from those around it."""
    x, y = (statistics.fmean(values) for values in zip(*_near(place, places), strict=True))
    return math.atan2(y - place[1], place[0] - x)


def _beside(place: Point, wide: float, frame: Frame, places: Sequence[Point]) -> Iterator[Box]:
    """Boxes of a name in the chart that touch its point, and are nearer to it than to all others."""
    x, y = place
    sides = [(left, base) for left in (x + 6, x - 6 - wide) for base in (y - 4, y + 10)]
    found = [(left, base - 9, left + wide, base + 2) for left, base in sides]
    found += [_moved((x - wide / 2, base - 9, x + wide / 2, base + 2), frame) for base in (y - 9, y + 16)]
    others = [one for one in places if abs(one[1] - y) < 30 and abs(one[0] - x) < wide + 30 and one != place]
    inside = (box for box in found if _within(box, frame))
    return (box for box in inside if not any(_apart(other, box) < _apart(place, box) + 3 for other in others))


def _led(place: Point, wide: float, outwards: float, frame: Frame, taken: Sequence[Box], lines: Sequence[Box]) -> Iterator[Found]:
    """Boxes of a name away from its point, the nearest first, of these outwards, with the way there as small boxes."""
    x, y = place
    turns = [(number + 1) // 2 * (-1) ** number for number in range(DIRECTIONS)]
    for distance in DISTANCES:
        for angle in (outwards + 2 * math.pi * turn / DIRECTIONS for turn in turns):
            across, up = math.cos(angle), math.sin(angle)
            middle = x + distance * across + wide / 2 * across, y - distance * up
            box = _moved((middle[0] - wide / 2, middle[1] - 5.5, middle[0] + wide / 2, middle[1] + 5.5), frame)
            if _within(box, frame) and not _covers(box, [*taken, *lines]):
                way = _way(place, _nearest(place, box))
                if way and not any(_covers(one, taken) for one in way):
                    yield box, way


def _way(start: Point, end: Point) -> list[Box]:
    """The line between a point and its name, as small boxes."""
    long = math.dist(start, end)
    shares = [distance / long for distance in range(6, int(long), 3)]
    steps = [(start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])) for share in shares]
    return [_around(step, step, 1) for step in steps]


def _apart(place: Point, box: Box) -> float:
    """Distance of a point from a box."""
    return math.dist(place, _nearest(place, box))


def _nearest(place: Point, box: Box) -> Point:
    """The point of a box that is nearest to a place."""
    return min(max(place[0], box[0] - 1), box[2] + 1), min(max(place[1], box[1] + 1), box[3] - 1)


def _around(one: Point, other: Point, room: float) -> Box:
    """The box of two points, with room around."""
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(one, other, strict=True))
    return left - room, top - room, right + room, bottom + room


def _moved(box: Box, frame: Frame) -> Box:
    """A box, moved to the left as far as it takes to be in the chart."""
    over = max(box[2] - _right(frame), 0)
    return box[0] - over, box[1], box[2] - over, box[3]


def _within(box: Box, frame: Frame) -> bool:
    """Whether a name is between the axes, or in the margins at the right and above."""
    return frame.left <= box[0] and box[2] <= _right(frame) and frame.top - 8 <= box[1] and box[3] <= frame.top + frame.height


def _right(frame: Frame) -> float:
    return frame.left + frame.width + 12


def _covers(box: Box, others: Sequence[Box]) -> bool:
    """Whether a box overlaps one of the others."""
    left, top, right, bottom = box
    return any(left < one[2] and one[0] < right and top < one[3] and one[1] < bottom for one in others)

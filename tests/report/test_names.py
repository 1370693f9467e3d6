"""Do the names in a chart say which point is which, without covering anything?"""

import math
import re
from itertools import combinations

import numpy as np
import pytest

from ganbench.report.charts.chart import Frame
from ganbench.report.charts.names import LETTER, MOST_LED, names
from ganbench.report.charts.scale import Axis

FRAME = Frame(x=Axis(label="", low=0, high=1), y=Axis(label="", low=0, high=1), left=40, top=24, width=500, height=360)
Box = tuple[float, float, float, float]


def drawn(points: list[tuple[float, float]], said: list[str], *across: tuple[tuple[float, float], tuple[float, float]]) -> str:
    return names(points, said, across)(FRAME)


def boxes(svg: str) -> dict[str, Box]:
    """The boxes of the names, by name."""
    found = re.findall(r'<text[^>]*x="([\d.-]+)" y="([\d.-]+)"[^>]*>([^<]+)</text>', svg)
    return {name: (float(x), float(y) - 9, float(x) + LETTER * len(name), float(y) + 2) for x, y, name in found}


def meet(one: Box, other: Box) -> bool:
    slack = 0.2  # coordinates are written with one digit
    return one[0] < other[2] - slack and other[0] < one[2] - slack and one[1] < other[3] - slack and other[1] < one[3] - slack


def leads(svg: str) -> list[tuple[float, float, float, float]]:
    return [tuple(map(float, found)) for found in re.findall(r'd="M([\d.-]+) ([\d.-]+)L([\d.-]+) ([\d.-]+)"', svg)]  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(5))
def test_no_name_covers_another_name_or_a_point_and_all_are_in_the_chart(seed: int) -> None:
    stream = np.random.default_rng(seed)
    points = [(float(x), float(y)) for x, y in stream.uniform(0.25, 0.75, (30, 2))]
    said = [f"variant_{number}" for number in range(30)]
    svg = drawn(points, said)
    found = boxes(svg)
    assert len(found) >= 27  # beside their points alone 22 to 25 have room
    assert not [pair for pair in combinations(found, 2) if meet(found[pair[0]], found[pair[1]])]
    dots = [FRAME.at(*point) for point in points]
    assert not [name for name, box in found.items() for x, y in dots if meet(box, (x - 3, y - 3, x + 3, y + 3))]
    assert all(box[0] >= 40 and box[2] <= 553 and box[1] >= 15 and box[3] <= 384.5 for box in found.values())


def test_a_name_without_room_beside_its_point_stands_at_the_end_of_a_line_to_it() -> None:
    points = [(0.5, 0.5 + 0.014 * place) for place in range(7)]
    said = [f"method {number}" for number in range(7)]
    svg = drawn(points, said)
    found = boxes(svg)
    assert set(found) == set(said) and len(leads(svg)) >= 1
    dots = [FRAME.at(*point) for point in points]
    for x, y, to_x, to_y in leads(svg):
        number = min(range(7), key=lambda one: math.dist(dots[one], (x, y)))
        left, top, right, bottom = found[said[number]]
        assert math.dist(dots[number], (x, y)) < 4.2
        assert left - 1.2 <= to_x <= right + 1.2 and top - 1 <= to_y <= bottom + 1


def test_a_name_beside_its_point_is_nearer_to_it_than_to_any_other() -> None:
    points = [(0.5, 0.5), (0.503, 0.47)]
    svg = drawn(points, ["stylegan2_ada", "stylegan2"])
    ends = {one[:2] for one in leads(svg)}
    dots = [FRAME.at(*point) for point in points]
    for number, box in enumerate(boxes(svg)[name] for name in ("stylegan2_ada", "stylegan2")):
        apart = [math.dist(dot, (min(max(dot[0], box[0]), box[2]), min(max(dot[1], box[1]), box[3]))) for dot in dots]
        assert apart[number] == min(apart) or any(math.dist(dots[number], end) < 4.2 for end in ends)


def test_a_name_does_not_lie_on_a_line_if_there_is_another_place() -> None:
    x, y = FRAME.at(0.5, 0.5)
    level = [((0.2, 0.5), (0.8, 0.5)), ((0.2, 0.53), (0.8, 0.53))]
    (box,) = boxes(drawn([(0.5, 0.5)], ["stylegan"], *level)).values()
    assert box[1] > y or box[3] < FRAME.at(0, 0.53)[1]
    assert next(iter(boxes(drawn([(0.5, 0.5)], ["stylegan"])).values()))[1] < y  # without lines it stands above


def test_a_name_at_the_right_edge_is_moved_into_the_chart() -> None:
    assert boxes(drawn([(0.99, 0.5)], ["progressive_gan"]))["progressive_gan"][2] <= 553


def test_points_that_are_no_numbers_are_left_out_and_crowds_have_no_lines() -> None:
    svg = drawn([(math.nan, 0.5), (0.5, math.nan), (0.5, 0.5), (math.inf, 0.5)], ["nowhere", "nowhere", "here", "edge"])
    assert set(boxes(svg)) == {"here", "edge"}
    many = drawn([(0.5, 0.5)] * (MOST_LED + 1), [f"n{number}" for number in range(MOST_LED + 1)])
    assert boxes(many) and not leads(many)

"""Has a suite more cells than anybody runs? (counted before a single one is made)"""

import math
from collections.abc import Sequence
from typing import Any

from ganbench.errors import RequestError

CELLS_LIMIT = 100_000
"""Largest number of cells of a suite; with a second each, they would take a day."""


def check(matrices: Sequence[Any], where: str) -> None:
    """Multiplies the lengths of every matrix's lists and axes.

    Args:
        matrices: The tables of a suite's matrices, with their axes; tables of another form are refused elsewhere.
        where: Name of the suite, for the error message.

    Raises:
        RequestError: There are more than ``CELLS_LIMIT`` cells.
    """
    cells = 0
    for matrix in (one for one in matrices if isinstance(one, dict)):
        axes = matrix.get("axes")
        lists = [*(axes.values() if isinstance(axes, dict) else ()), *(matrix.get(key) for key in ("variants", "datasets", "seeds"))]
        cells += math.prod(len(values) for values in lists if isinstance(values, list))
    if cells > CELLS_LIMIT:
        raise RequestError(f"{where}: has {cells:,} cells, and the limit is {CELLS_LIMIT:,}; shorten an axis, or split the suite")

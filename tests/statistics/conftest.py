"""Recipes of made-up runs."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ganbench.results.bank import Measure, Outcome, Recipe, Value

FD = Measure(label="FD", higher_is_better=False, relative=True, protocol={"n_fake": 1_000})


def build_recipe(values: Sequence[float], *, method: str = "gan", data: str = "digits", first_seed: int = 0, **fields: Any) -> Recipe:
    """A recipe whose runs have these distances, infinity being a failure."""
    outcomes = tuple(
        Outcome(
            seed=first_seed + i, failure="" if math.isfinite(v) else "diverged", values={"fd": Value(value=v)} if math.isfinite(v) else {}
        )
        for i, v in enumerate(values)
    )
    return Recipe(**{"method": method, "data": data, "measures": {"fd": FD}, "outcomes": outcomes, "settings": {}, **fields})


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    """Makes recipes of made-up runs."""
    return build_recipe

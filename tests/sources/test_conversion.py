"""Do arrays and tensors in the usual forms become the same examples, with a note on what was assumed?"""

from typing import Any

import numpy as np
import pytest
import torch

import ganbench
from ganbench.errors import DataError, RequestError
from ganbench.sampling import to_uint8
from ganbench.sources.conversion import as_examples

LEVELS = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), dtype=np.uint8)
"""Includes levels 0 and 255."""
SIGNED = torch.from_numpy(LEVELS).float() / 127.5 - 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (LEVELS, None),
        (LEVELS.transpose(0, 2, 3, 1), None),
        (torch.from_numpy(LEVELS), None),
        (LEVELS.astype(np.int64), "whole numbers from 0 to 255 taken as images in [0, 255]"),
        (LEVELS / 255, "floats from 0 to 1 taken as images in [0, 1]"),
        ((LEVELS / 255).astype(np.float32).transpose(0, 2, 3, 1), "floats from 0 to 1 taken as images in [0, 1]"),
        (SIGNED, "floats from -1 to 1 taken as images in [-1, 1]"),
        (SIGNED.clone().requires_grad_().permute(0, 2, 3, 1), "floats from -1 to 1 taken as images in [-1, 1]"),
        (LEVELS.astype(np.float64), "floats from 0 to 255 taken as images in [0, 255]"),
    ],
    ids=lambda value: f"{value.dtype} {tuple(value.shape)}" if hasattr(value, "dtype") else "",
)
def test_every_usual_form_gives_the_same_levels(given: Any, words: str | None) -> None:
    found = as_examples(given, "the set")
    assert found.examples.dtype == np.uint8 and np.array_equal(found.examples, LEVELS)
    assert found.notes == (() if words is None else (f"the set: {words}",))


def test_grey_images_without_a_channel_axis_and_halves_are_taken() -> None:
    assert np.array_equal(as_examples(LEVELS[:, 0], "x").examples, LEVELS[:, :1])
    half = SIGNED.bfloat16()
    assert np.array_equal(as_examples(half, "x").examples, to_uint8(half.float()).numpy())
    wild = torch.linspace(-1.3, 1.3, 192).reshape(1, 3, 8, 8)  # an unbounded last layer
    assert np.array_equal(as_examples(wild, "x").examples, to_uint8(wild).numpy())
    assert "clipped" in as_examples(wild, "x").notes[0]


def test_a_range_that_may_be_two_is_asked_for_and_taken_as_said() -> None:
    doubtful = torch.linspace(-0.05, 1, 192).reshape(1, 3, 8, 8)
    with pytest.raises(DataError, match=r"from -0.05 to 1, which may be images in \[0, 1\] or in \[-1, 1\]; say which by value_range"):
        as_examples(doubtful, "x")
    assert as_examples(doubtful, "x", (0, 1)).examples.min() == 0
    assert as_examples(doubtful, "x", (-1, 1)).examples.min() == 121  # (1 - 0.05) * 127.5
    assert as_examples(doubtful, "x", (-1, 1)).notes == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((4, 8, 8, 4), np.uint8), "drop the alpha channel"),
        (np.zeros((4, 8, 8, 5), np.uint8), "1 or 3 channels"),
        (np.full((4, 3, 8, 8), np.nan), "not finite"),
        (np.full((4, 3, 8, 8), -40.0), r"value_range=\(-40, -40\)"),
        (np.full((4, 3, 8, 8), 300), "levels from 0 to 255"),
        (np.zeros((4, 2), np.int64), "points .* as floats"),
        (np.zeros(4), "give images"),
        (np.zeros((0, 3, 8, 8), np.uint8), "give images"),
    ],
)
def test_what_is_no_set_of_images_is_refused_in_one_line(given: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        as_examples(given, "the set")
    assert "\n" not in str(caught.value)


def test_scores_are_the_same_in_every_form_and_functions_are_drawn_from() -> None:
    real = np.random.default_rng(1).integers(0, 256, (40, 3, 8, 8), dtype=np.uint8)
    options: dict[str, Any] = {"metrics": ["kd"], "extractor": "pixels", "use_cache": False}
    fake = np.concatenate([LEVELS] * 5)
    expected = float(ganbench.score(fake, real, **options)["kd"])
    signed = torch.from_numpy(fake).float() / 127.5 - 1
    for other in (fake.transpose(0, 2, 3, 1), fake / 255, signed):
        assert float(ganbench.score(other, real, **options)["kd"]) == expected
    drawn = ganbench.score(lambda n, seed: signed[torch.arange(n) % 30], real, n=30, **options)
    assert float(drawn["kd"]) == expected
    with pytest.raises(RequestError, match="is a network, Linear, which takes latents"):
        ganbench.score(torch.nn.Linear(2, 2), real, **options)

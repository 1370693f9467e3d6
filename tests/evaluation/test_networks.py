"""Do published networks score under the field's names, and is what sets a score apart from them shown?"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import ganbench


@pytest.fixture(scope="module")
def weights(inception_weights: Path) -> Path:
    return inception_weights


def noise(n: int, seed: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, 3, 16, 16), np.uint8)


def scored(weights: Path, cache: Path, metrics: list[str], **settings: Any) -> ganbench.Scores:
    return ganbench.score(noise(12, 0), noise(12, 1), metrics, weights=weights, cache=cache, **settings)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_inception_scores_bear_the_fields_names_and_say_when_weights_are_others(weights: Path, cache: Path) -> None:
    result = scored(weights, cache, ["fid", "kid", "sfid", "precision"])
    assert [(score.metric, score.label) for score in result.scores] == [
        ("fid", "FID (other weights)"),
        ("kid", "KID (other weights)"),
        ("sfid", "sFID (other weights)"),
        ("precision", "PRECISION·inception-v3-compat (other weights)"),
    ]
    assert any("comparable with no published number" in line for line in result.warnings)
    assert {score.protocol["resize"] for score in result.scores} == {"tf1-299"}
    assert len({score.protocol["extractor_weights_sha256"] for score in result.scores}) == 1


def test_another_resize_is_another_label_and_protocol(weights: Path, cache: Path) -> None:
    usual, clean = (scored(weights, cache, ["kid"], resize=resize).scores[0] for resize in (None, "clean"))
    assert clean.label == "KID (clean-299, other weights)"
    assert clean.protocol["resize"] == "clean-299"
    assert clean.value != usual.value


def test_fast_arithmetic_is_labelled_and_its_shift_measured(weights: Path, cache: Path) -> None:
    result = scored(weights, cache, ["kid"], fast=True)
    assert result.scores[0].label == "KID (bf16, other weights)"
    assert result.scores[0].protocol["feature_dtype"] == "bf16"
    (said,) = [line for line in result.warnings if "fast arithmetic" in line]
    assert "over 12 examples a side FD is" in said

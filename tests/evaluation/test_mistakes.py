"""Are mistakes in saving images told, and is nothing told of honest ones?"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import gaussian_filter

import ganbench
from ganbench.data.loading import load_dataset
from ganbench.data.root import data_root
from ganbench.evaluation.mistakes import MINIMUM_N, mistake
from ganbench.features.facts import FACTS, Facts, facts
from ganbench.plan.spec import DatasetSpec

Images = npt.NDArray[np.uint8]

TANH: dict[str, tuple[Callable[[Images], npt.NDArray[np.floating]], str]] = {  # type: ignore[type-arg]
    "times 255, clipped": (lambda v: np.clip((v / 127.5 - 1) * 255, 0, 255), "below the middle are 0"),
    "times 255, wrapped": (lambda v: ((v / 127.5 - 1) * 255).astype(np.int32) % 256, "levels wrap around"),
    "half": (lambda v: v / 2.0, "half the brightness"),
    "double": (lambda v: np.clip(v * 2.0, 0, 255), "twice the brightness"),
    "negative": (lambda v: 255.0 - v, "negatives"),
}
AXES: dict[str, tuple[Callable[[Images], Images], str]] = {
    "BGR": (lambda v: v[:, ::-1], "red and blue are swapped, as of BGR"),
    "upside down": (lambda v: v[:, :, ::-1], "they are upside down; flip"),
    "both": (lambda v: v[:, ::-1, ::-1], "upside down, and red and blue"),
}
"""What a person gets wrong, and what is said. The images of each set are the test images, one half each."""


@cache
def halves(name: str) -> tuple[Images, Images]:
    if name == "coloured":  # digits in red on a blue floor: no download
        grey = load_dataset(DatasetSpec(name="digits"), Path()).train.examples
        floor = np.where(np.arange(16)[:, None] < 10, 20, 160).astype(np.uint8)
        images = np.concatenate([grey, grey // 3, np.maximum(grey // 4, floor)], 1)
    else:
        images = load_dataset(DatasetSpec(name=name), data_root(None)).held_out.examples
    images = images[np.random.default_rng(0).permutation(len(images))]
    return images[::2][:2500], images[1::2][:2500]


def known(images: Images) -> Facts:
    return Facts(**facts(torch.from_numpy(np.ascontiguousarray(images))))


def told(name: str, change: Callable[[Images], npt.NDArray[np.generic]]) -> str:
    real, fake = halves(name)
    return mistake(known(real), known(change(fake).astype(np.uint8)))


def noisy(images: Images, sigma: float) -> npt.NDArray[np.floating]:  # type: ignore[type-arg]
    return np.clip(images + np.random.default_rng(1).normal(0, sigma, images.shape), 0, 255)


BAD: dict[str, Callable[[Images], npt.NDArray[np.generic]]] = {
    "honest": lambda v: v,
    "blurred": lambda v: gaussian_filter(v.astype(float), (0, 0, 1.5, 1.5)),
    "slightly noisy": lambda v: noisy(v, 30),
    "very noisy": lambda v: noisy(v, 80),
    "pale": lambda v: (v - 128.0) * 0.6 + 128,
    "garish": lambda v: np.clip((v - 128.0) * 1.5 + 128, 0, 255),
    "bright": lambda v: np.clip(v + 40.0, 0, 255),
    "dark": lambda v: np.clip(v - 40.0, 0, 255),
    "dim": lambda v: v * 0.7,
    "collapsed": lambda v: np.repeat(v[:1], len(v), 0),
    "uniform noise": lambda v: np.random.default_rng(1).integers(0, 256, v.shape),
    "grey noise": lambda v: np.random.default_rng(1).normal(128, 5, v.shape),
    "tinted": lambda v: np.clip(v * np.linspace(1.2, 0.8, v.shape[1])[:, None, None], 0, 255),
}
"""Images of generators that are bad, but saved as they should be."""


@pytest.mark.parametrize("name", ["digits", "coloured"])
@pytest.mark.parametrize("wrong", TANH)
def test_a_wrong_range_is_told(name: str, wrong: str) -> None:
    change, said = TANH[wrong]
    assert said in told(name, change)


@pytest.mark.parametrize("wrong", AXES)
def test_swapped_channels_and_rows_are_told(wrong: str) -> None:
    change, said = AXES[wrong]
    assert said in told("coloured", change)


@pytest.mark.parametrize("name", ["digits", "coloured"])
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_generator_is_no_mistake(name: str, bad: str) -> None:
    assert told(name, BAD[bad]) == ""


def test_small_honest_sets_give_no_alarm() -> None:
    real, fake = halves("coloured")
    whole = known(np.concatenate([real, fake]))
    random = torch.Generator().manual_seed(0)
    for _ in range(200):
        chosen = torch.randperm(len(whole.levels), generator=random)[: 2 * MINIMUM_N]
        first, second = (Facts(**{name: getattr(whole, name)[part] for name in FACTS}) for part in chosen.split(MINIMUM_N))
        assert mistake(first, second) == ""


@pytest.mark.network
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_the_same_of_photographs_and_larger_digits(name: str) -> None:
    for change, said in TANH.values():
        assert said in told(name, change)
    assert "upside down" in told(name, lambda v: v[:, :, ::-1])
    for bad in BAD.values():
        assert told(name, bad) == ""


def test_score_says_so_first() -> None:
    real, fake = halves("coloured")
    found = ganbench.score(fake[:60, ::-1].copy(), real[:60], ["fd"], extractor="random-conv")
    assert found.warnings[0].startswith("generated set the generated array: compared with the real images, red and blue are swapped")
    assert not any("compared with" in line for line in ganbench.score(fake[:60], real[:60], ["fd"], extractor="random-conv").warnings)

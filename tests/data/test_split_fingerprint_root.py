from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ganbench.data.dataset import Split
from ganbench.data.fingerprint import fingerprint
from ganbench.data.loading import load_dataset
from ganbench.data.resize import squares
from ganbench.data.root import data_root
from ganbench.data.split import held_out_split
from ganbench.errors import DataError
from ganbench.plan.spec import DatasetSpec

EXAMPLES = np.arange(2 * 1 * 2 * 3, dtype=np.uint8).reshape(2, 1, 2, 3)
SPLIT = Split(examples=EXAMPLES, labels=np.array([0, 1]))


@pytest.mark.parametrize(
    "other",
    [
        replace(SPLIT, examples=EXAMPLES.reshape(2, 1, 3, 2)),
        replace(SPLIT, examples=EXAMPLES[::-1]),
        replace(SPLIT, examples=EXAMPLES.astype(np.float32)),
        replace(SPLIT, labels=np.array([1, 0])),
        replace(SPLIT, labels=None),
    ],
)
def test_fingerprint_sees_every_difference(other):
    known = fingerprint(SPLIT, SPLIT)
    assert fingerprint(other, SPLIT) != known
    assert fingerprint(SPLIT, other) != known


def test_fingerprint_sees_which_split_is_which():
    other = replace(SPLIT, labels=None)
    assert fingerprint(SPLIT, other) != fingerprint(other, SPLIT)


def test_fingerprint_does_not_see_memory_layout():
    strided = replace(SPLIT, examples=np.asfortranarray(EXAMPLES), labels=SPLIT.labels.astype(">i8"))
    assert fingerprint(strided, SPLIT) == fingerprint(SPLIT, SPLIT)


@pytest.mark.parametrize(("n", "held_out"), [(2, 1), (10, 2), (1797, 359)])
def test_a_fifth_is_held_out(n, held_out):
    examples = np.arange(n, dtype=np.uint32).view(np.uint8).reshape(n, 1, 2, 2)
    train, rest = held_out_split(examples, np.arange(n))
    assert len(rest) == held_out
    assert sorted([*train.labels, *rest.labels]) == list(range(n))
    assert (rest.examples == examples[rest.labels]).all()
    assert (train.examples == examples[train.labels]).all()


def test_held_out_examples_are_spread():
    _, rest = held_out_split(np.zeros((1000, 1, 1, 1), np.uint8), np.arange(1000))
    assert abs(rest.labels.mean() - 499.5) < 5 * 289 / np.sqrt(200)  # 289: standard deviation of 0..999


def test_squares_cut_the_centre_before_they_resize():
    image = np.zeros((1, 1, 4, 8), np.uint8)
    image[..., 2:6] = 200
    assert (squares(image, 4, "x") == 200).all()
    assert (squares(image, 2, "x") == 200).all()


def test_squares_keep_channels_apart():
    image = np.zeros((1, 3, 4, 4), np.uint8)
    image[:, 1] = 90
    assert squares(image, 8, "x").mean((0, 2, 3)).tolist() == [0, 90, 0]


def test_squares_average_when_they_shrink():
    stripes = np.zeros((1, 1, 32, 32), np.uint8)
    stripes[..., ::2] = 255
    inner = squares(stripes, 8, "x")[..., 1:-1]
    assert abs(inner.astype(int) - 128).max() < 16  # without antialiasing it would be 0 or 255


def test_data_root_prefers_the_explicit_then_the_environment(monkeypatch):
    monkeypatch.setenv("GANBENCH_DATA", "/from/environment")
    assert data_root(Path("given")) == Path("given")
    assert data_root() == Path("/from/environment")
    monkeypatch.delenv("GANBENCH_DATA")
    assert data_root().parts[-2:] == ("ganbench", "data")


def test_a_reduced_training_split_is_a_fixed_part_of_the_whole_and_the_held_out_one_stays():
    whole = load_dataset(DatasetSpec(name="digits"), Path())
    few, again = (load_dataset(DatasetSpec(name="digits", n_train=1000), Path()) for _ in range(2))
    assert len(few.train) == 1000 and few.fingerprint == again.fingerprint != whole.fingerprint
    assert (few.held_out.examples == whole.held_out.examples).all()
    known = {image.tobytes(): label for image, label in zip(whole.train.examples, whole.train.labels, strict=True)}
    assert all(known[image.tobytes()] == label for image, label in zip(few.train.examples, few.train.labels, strict=True))
    assert np.bincount(few.train.labels, minlength=10).min() > 60, "drawn from everywhere, not from the start of a sorted file"
    with pytest.raises(DataError, match=r"n_train = 2,000 is more than its 1,438 training examples"):
        load_dataset(DatasetSpec(name="digits", n_train=2000), Path())

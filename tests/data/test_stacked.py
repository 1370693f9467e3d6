"""Are the stacks three real digits, with a thousand modes that can be counted?"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ganbench.data.bundled import digits
from ganbench.data.dataset import ClassModes
from ganbench.data.loading import load_dataset
from ganbench.data.stacked import stacked_digits
from ganbench.diagnostics.classes import class_histogram
from ganbench.diagnostics.modes import class_mode_diagnostics
from ganbench.errors import DataError, RequestError
from ganbench.features.base import extract
from ganbench.features.probe import DigitsProbe
from ganbench.features.stacked_probe import StackedDigitsProbe
from ganbench.plan.spec import DatasetSpec

NOWHERE = Path("unused")
DATA = Path(os.environ.get("GANBENCH_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
STACKS = stacked_digits(DatasetSpec(name="stacked-digits"), NOWHERE)


def test_fingerprint_is_pinned() -> None:
    # the data protocol: another value means other data, and every stored score would need a new key
    assert STACKS.fingerprint == "de7edd925decffd6f6242e665f8b90cc4e41b730db3a600a30045ab500b88183"


def test_every_channel_is_a_digit_of_its_own_split_and_the_label_spells_them() -> None:
    single = digits(DatasetSpec(name="digits"), NOWHERE)
    assert STACKS.train.examples.shape == (64_000, 3, 16, 16) and STACKS.held_out.examples.shape == (26_000, 3, 16, 16)
    for split, source in ((STACKS.train, single.train), (STACKS.held_out, single.held_out)):
        assert split.labels is not None and source.labels is not None
        by_bytes = {image.tobytes(): label for image, label in zip(source.examples[:, 0], source.labels, strict=True)}
        for stack, label in list(zip(split.examples, split.labels, strict=True))[:500]:
            assert [by_bytes[channel.tobytes()] for channel in stack] == [label // 100, label // 10 % 10, label % 10]
            assert STACKS.class_names[label] == f"{label:03d}"


def test_the_digits_of_a_stack_are_independent() -> None:
    assert STACKS.train.labels is not None
    hundreds, tens, ones = STACKS.train.labels // 100, STACKS.train.labels // 10 % 10, STACKS.train.labels % 10
    for first, second in ((hundreds, tens), (tens, ones), (hundreds, ones)):
        table = np.histogram2d(first, second, bins=10)[0]
        expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
        # chi-square with 81 degrees of freedom: mean 81, standard deviation 12.7
        assert ((table - expected) ** 2 / expected).sum() < 81 + 5 * 12.7


def test_a_resolution_is_that_of_the_digits_and_one_channel_is_refused() -> None:
    smaller = stacked_digits(DatasetSpec(name="stacked-digits", resolution=8), NOWHERE)
    assert str(smaller.shape) == "3x8x8" and (smaller.train.labels == STACKS.train.labels).all()
    with pytest.raises(DataError, match="stacks have 3 channels, not 1"):
        stacked_digits(DatasetSpec(name="stacked-digits", channels=1), NOWHERE)


@pytest.mark.skipif(not (DATA / "MNIST" / "raw").is_dir(), reason="needs MNIST's files")
def test_stacked_mnist_has_pacgans_size() -> None:
    stacks = load_dataset(DatasetSpec(name="stacked-mnist"), DATA)
    assert stacks.fingerprint == "17969549d0d4cd5f6d3f1550f57a3d25aa0f7dacf2853dec105b2b007ca3f45d"
    assert stacks.train.examples.shape == (128_000, 3, 28, 28) and stacks.held_out.examples.shape == (26_000, 3, 28, 28)
    assert stacks.modes == ClassModes(count=1000, classifier="stacked-mnist-probe")


def test_the_stacked_probe_is_the_probe_of_every_channel() -> None:
    images = STACKS.held_out.examples[:40]
    together = extract(StackedDigitsProbe(), images)
    singles = [extract(DigitsProbe(), np.ascontiguousarray(images[:, channel : channel + 1])) for channel in range(3)]
    torch.testing.assert_close(together.values, torch.cat([single.values for single in singles], 1))
    assert together.log_probabilities is not None
    probabilities = together.log_probabilities.exp()
    torch.testing.assert_close(probabilities.sum(1), torch.ones(40, dtype=torch.float64))
    red, green, blue = (single.log_probabilities.exp() for single in singles if single.log_probabilities is not None)
    torch.testing.assert_close(probabilities[:, 374], red[:, 3] * green[:, 7] * blue[:, 4])
    with pytest.raises(RequestError, match="for one digit take 'digits-probe'"):
        extract(StackedDigitsProbe(), images[:, :1].copy())


def test_real_stacks_reach_nearly_all_modes() -> None:
    # of 3,000 draws from 1,000 equal modes, 1,000 (1 - 0.999^3000) = 950 are reached, with a standard deviation of 6
    found = extract(StackedDigitsProbe(), STACKS.held_out.examples[:3000])
    assert found.log_probabilities is not None
    modes, robust, kl = class_mode_diagnostics(class_histogram(found.log_probabilities))
    assert modes.perfect == pytest.approx(950.29, abs=0.01)
    assert modes.value is not None and 900 < modes.value < 975
    assert robust.value == modes.value  # a fifth of the fair share of 3 is less than one sample
    # the first term of its expectation, (K - 1) / 2n = 0.167, is too small by a tenth at three examples a mode
    assert kl.value is not None and kl.perfect == pytest.approx(0.1823, abs=1e-4) and kl.value < 0.25


def test_modes_of_a_histogram() -> None:
    counts = torch.zeros(1000, dtype=torch.int64)
    counts[:100] = 260
    modes, robust, kl = class_mode_diagnostics(counts)
    assert (modes.value, robust.value) == (100, 100)
    assert kl.value == pytest.approx(np.log(10))  # KL = ln(K / reached) where the reached ones are equal
    counts[500], counts[501] = 5, 6
    assert [d.value for d in class_mode_diagnostics(counts)[:2]] == [102, 101]  # a fifth of the fair share of 26 is 5.2

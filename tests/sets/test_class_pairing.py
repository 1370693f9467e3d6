"""Do classes of two sets correspond by what they are called, and never by position?"""

import pytest
import torch

from ganbench.sets.classes import Classes, disagreement, renumbering


def folders(*names: str) -> Classes:
    return Classes(numbers=tuple(range(len(names))), names=names, own_numbers=False)


def numbers(*found: int) -> Classes:
    return Classes.of(torch.tensor(found))


CIFAR = Classes(numbers=(0, 1, 2), names=("airplane", "automobile", "bird"), own_numbers=True)


@pytest.mark.parametrize(
    ("own", "base", "expected"),
    [
        (folders("bird", "cat"), folders("bird", "cat"), [0, 1]),
        (folders("0", "1", "10", "2"), numbers(0, 1, 2, 10), [0, 1, 10, 2]),
        (folders("00", "01", "02"), numbers(0, 1, 2), [0, 1, 2]),
        (folders("00", "01", "10", "2"), folders("0", "1", "10", "2"), [0, 1, 2, 3]),
        (numbers(0, 1, 7), folders("0", "1", "7"), [0, 1, 0, 0, 0, 0, 0, 2]),
        (numbers(0, 1, 2), CIFAR, [0, 1, 2]),
        (folders("0", "1", "2"), CIFAR, [0, 1, 2]),
        (folders("airplane", "automobile", "bird"), CIFAR, [0, 1, 2]),
        (folders("7", "07"), folders("07", "7"), [1, 0]),  # the same number twice: names after all
    ],
)
def test_corresponding_classes(own: Classes, base: Classes, expected: list[int]) -> None:
    found = renumbering(own, base)
    assert isinstance(found, torch.Tensor)
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("own", "base", "said"),
    [
        (folders("bird", "cat"), folders("bird", "kat"), ["lacks 'kat'", "alone has 'cat'", "real: bird, kat", "generated: bird, cat"]),
        (folders("zero", "01"), folders("00", "01"), ["lacks '00'", "alone has 'zero'"]),
        (numbers(0, 1), folders("bird", "cat"), ["would be a guess", "real: bird, cat", "generated: 0, 1", "labels saved as names"]),
        (folders("1", "2"), numbers(0, 1), ["lacks 0", "alone has 2"]),
        (numbers(*range(999)), numbers(*range(1000)), ["lacks 999", "0, 1, 2, 3, 4, 5, 6, 7, ... (1,000 in all)"]),
    ],
)
def test_a_mismatch_is_said_with_both_lists(own: Classes, base: Classes, said: list[str]) -> None:
    found = disagreement({"real": base, "generated": own})
    assert all(part in found for part in said), found

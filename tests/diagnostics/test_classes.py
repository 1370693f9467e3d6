"""Does the class balance match its closed forms?"""

import math

import pytest
import torch

from ganbench.diagnostics.classes import class_diagnostics, class_histogram
from ganbench.errors import RequestError
from ganbench.results.record import Diagnostic
from ganbench.seeding import stream

EVEN = torch.full((10,), 0.1, dtype=torch.float64)


def certain(classes: torch.Tensor, k: int = 10) -> torch.Tensor:
    return torch.eye(k, dtype=torch.float64)[classes].log()


def by_name(classes: torch.Tensor, shares: torch.Tensor = EVEN) -> dict[str, Diagnostic]:
    return {found.name: found for found in class_diagnostics(certain(classes, len(shares)), shares)}


def test_histogram_keeps_empty_classes() -> None:
    assert class_histogram(certain(torch.tensor([1, 1, 3]), 5)).tolist() == [0, 2, 0, 1, 0]


def test_half_of_the_classes() -> None:
    found = by_name(torch.arange(5).repeat(200))
    assert found["class_kl"].value == pytest.approx(math.log(2), rel=1e-12)
    assert found["class_tv"].value == pytest.approx(0.5, rel=1e-12)
    assert (found["classes_covered"].value, found["classes_covered"].perfect) == (5, 10)


def test_perfect_sampler_shows_the_floors() -> None:
    n = 10_000
    draws = [by_name(torch.randint(10, (n,), generator=stream(21, "test-classes", i))) for i in range(40)]
    for name, floor in (("class_kl", 9 / (2 * n)), ("class_tv", 0.0120)):
        # (K - 1) / 2n, and (K / 2) sqrt(2 p (1 - p) / (pi n)) = 0.0120 for K = 10, p = 0.1.
        assert draws[0][name].perfect == pytest.approx(floor, abs=5e-5)
        seen = torch.tensor([draw[name].value for draw in draws])
        assert abs(seen.mean() - draws[0][name].perfect) < 4 * seen.std() / math.sqrt(40)


def test_a_class_counts_from_a_fifth_of_its_share() -> None:
    shares = torch.tensor([0.5, 0.5], dtype=torch.float64)
    for rare, covered in ((9, 1), (10, 2)):
        classes = torch.cat([torch.zeros(100 - rare, dtype=torch.int64), torch.ones(rare, dtype=torch.int64)])
        assert by_name(classes, shares)["classes_covered"].value == covered


def test_class_outside_the_reference_makes_kl_undefined() -> None:
    found = by_name(torch.tensor([0, 0, 1]), torch.tensor([1.0, 0.0], dtype=torch.float64))
    assert found["class_kl"].value is None
    assert "1 examples" in found["class_kl"].note
    assert found["class_tv"].value == pytest.approx(1 / 3, rel=1e-12)
    assert found["classes_covered"].perfect == 1


def test_another_number_of_classes_is_refused() -> None:
    with pytest.raises(RequestError, match="10 classes"):
        class_diagnostics(certain(torch.tensor([0, 1]), 5), EVEN)

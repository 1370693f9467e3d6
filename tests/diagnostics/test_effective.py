"""Are the effective numbers those of their closed forms, at a bandwidth that belongs to the reference set?"""

import math

import numpy as np
import pytest
import torch

from ganbench.diagnostics import effective
from ganbench.diagnostics.base import Case
from ganbench.diagnostics.effective import balanced_bandwidth, bandwidth_of, kernel, squared_distances
from ganbench.metrics.vendi import effective_modes, effective_number
from ganbench.results.record import Diagnostic
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison, Reference
from ganbench.sets.features import Features


def ring(modes: int, n: int = 1000) -> torch.Tensor:
    """n points on a ring of so many modes, radius 1 and sigma 0.01."""
    angles = 2 * np.pi * torch.arange(modes, dtype=torch.float64) / modes
    generator = stream(5, "test-effective", modes)
    centres = torch.stack([angles.cos(), angles.sin()], 1)[torch.randint(modes, (n,), generator=generator)]
    return centres + 0.01 * torch.randn(n, 2, generator=generator, dtype=torch.float64)


def normal(n: int, *name: int) -> torch.Tensor:
    return torch.randn(n, 3, generator=stream(5, "test-effective", *name), dtype=torch.float64)


def classified(values: torch.Tensor, classes: torch.Tensor, k: int = 3) -> Features:
    return Features(values=values, log_probabilities=torch.eye(k, dtype=torch.float64)[classes].log())


def by_name(found: list[Diagnostic]) -> dict[str, Diagnostic]:
    return {one.name: one for one in found}


@pytest.mark.parametrize(("modes", "rke", "vendi"), [(1, 1.01, 1.04), (2, 2.02, 2.07), (4, 4.04, 4.14), (8, 8.06, 8.28)])
def test_modes_of_a_ring_are_counted(modes: int, rke: float, vendi: float) -> None:
    # values of an independent computation with bandwidth 0.2, sigma 0.01 and n = 1000, printed with three digits
    matrix = kernel(squared_distances(ring(modes)), 0.2)
    assert effective_modes(matrix) == pytest.approx(rke, abs=0.01 * modes)  # unequal counts of modes
    assert effective_number(matrix) == pytest.approx(vendi, abs=0.01 * modes)


@pytest.mark.parametrize("groups", [1, 3, 10])
def test_equal_groups_far_apart_count_as_themselves(groups: int) -> None:
    matrix = kernel(squared_distances(100 * torch.eye(groups, 12).repeat(20, 1)), 1.0)
    assert effective_number(matrix) == pytest.approx(groups, rel=1e-12)
    assert effective_modes(matrix) == pytest.approx(groups, rel=1e-12)


def test_examples_that_are_all_far_apart_count_as_themselves() -> None:
    assert effective_modes(kernel(squared_distances(100 * torch.eye(50)), 1.0)) == pytest.approx(50, rel=1e-12)


def test_the_bandwidth_gives_the_reference_the_root_of_its_number() -> None:
    squared = squared_distances(normal(400, 1))
    found = balanced_bandwidth(squared)
    assert found is not None
    assert effective_modes(kernel(squared, found)) == pytest.approx(20, rel=1e-5)
    scaled = balanced_bandwidth(9 * squared)
    assert scaled == pytest.approx(3 * found, rel=1e-5)  # in units of the features


def test_copies_have_no_bandwidth() -> None:
    assert balanced_bandwidth(squared_distances(torch.ones(50, 2))) is None
    few = torch.eye(3).repeat(30, 1)  # three different examples never count as sqrt(90) = 9.5
    assert balanced_bandwidth(squared_distances(few)) is None
    found = by_name(effective.effective_diagnostics(Case(comparison=Comparison(Features(values=few), Features(values=few)))))
    assert found["vendi_rbf"].value is None and found["rke_rbf"].value is None


def test_the_bandwidth_is_frozen_on_the_reference() -> None:
    reference = Reference(Features(values=normal(300, 2)))
    before = bandwidth_of(reference)
    narrow = Case(comparison=Comparison(reference, Features(values=normal(300, 3) / 10)))
    found = by_name(effective.effective_diagnostics(narrow))
    assert bandwidth_of(reference) == before
    assert found["rke_rbf"].value < 2  # all within half a bandwidth of each other
    assert found["rke_rbf"].note == f"bandwidth {before:.3g}"


def test_noise_has_more_effective_examples_and_half_of_the_modes_half() -> None:
    reference = Reference(Features(values=ring(8)))
    values, notes = {}, {}
    for name, points in {"half": ring(8)[ring(8)[:, 1] > 0.01], "noise": normal(500, 4)[:, :2]}.items():
        case = Case(comparison=Comparison(reference, Features(values=points)))
        found = by_name(effective.effective_diagnostics(case))["rke_rbf"]
        values[name], notes[name] = found.value, "as noise is" in found.note
    assert values["half"] == pytest.approx(math.sqrt(1000) * 3 / 8, rel=0.2)  # three modes lie above the axis
    assert values["noise"] > 100
    assert notes == {"half": False, "noise": True}


def test_the_worst_class_is_found_whatever_the_others_do() -> None:
    classes = torch.arange(600) % 3
    values = normal(600, 5) + 10 * torch.eye(3, dtype=torch.float64)[classes]
    fake = (
        normal(600, 6) * torch.tensor([1.0, 0.05, 1.0], dtype=torch.float64)[classes, None]
        + 10 * torch.eye(3, dtype=torch.float64)[classes]
    )
    case = Case(comparison=Comparison(classified(values, classes), classified(fake, classes)))
    found = by_name(effective.class_diagnostics(case))
    assert found["class_rke_lowest"].note == "class 1"
    assert found["class_rke_lowest"].value < 0.5 and found["class_vendi_lowest"].value < 0.5
    fine = Case(comparison=Comparison(classified(values, classes), classified(values, classes)))
    assert by_name(effective.class_diagnostics(fine))["class_rke_lowest"].value == pytest.approx(1, rel=1e-12)


def test_classes_without_examples_are_left_to_others() -> None:
    classes = torch.arange(90) % 3
    values = normal(90, 7)
    nothing = Case(comparison=Comparison(classified(values, classes), classified(values[:9], classes[:9])))
    found = by_name(effective.class_diagnostics(nothing))
    assert found["class_rke_lowest"].value is None and found["class_rke_lowest"].note == "no class has 10 examples on both sides"

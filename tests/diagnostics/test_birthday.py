"""Does the birthday test find the support of generators whose support is known?"""

import math

import pytest
import torch

from ganbench.diagnostics.base import Case
from ganbench.diagnostics.birthday import (
    birthday_diagnostics,
    collision_probability,
    first_repetitions,
    near_pairs,
    support,
    threshold,
)
from ganbench.results.record import Diagnostic
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison, Reference
from ganbench.sets.features import Features


def normal(n: int, *name: int) -> torch.Tensor:
    return torch.randn(n, 6, generator=stream(7, "test-birthday", *name), dtype=torch.float64)


def by_name(real: torch.Tensor, fake: torch.Tensor) -> dict[str, Diagnostic]:
    return {one.name: one for one in birthday_diagnostics(Case(comparison=Comparison(Features(values=real), Features(values=fake))))}


def test_the_probability_of_a_collision_is_that_of_draws_from_equal_examples() -> None:
    of = 500
    for size in (10, 26, 40):
        drawn = torch.randint(of, (4000, size), generator=stream(7, "test-draws", size))
        collided = torch.tensor([len(row.unique()) < size for row in drawn]).double().mean().item()
        expected = collision_probability(size, of)
        assert expected == pytest.approx(1 - math.exp(-size * (size - 1) / (2 * of)), rel=1e-12)
        # the exponential is exact to size^3 / (6 N^2), 0.04 for 40 of 500; 4 standard errors of 4,000 draws are 0.03
        assert collided == pytest.approx(expected, abs=0.03 + size**3 / (6 * of**2))


def test_half_of_the_batches_collide_at_the_size_that_gives_the_support() -> None:
    assert collision_probability(23, support(23)) == pytest.approx(0.5, rel=1e-12)
    assert support(23) == pytest.approx(365, abs=0.1)  # the birthday paradox
    assert collision_probability(round(math.sqrt(1000)), 1000) == pytest.approx(0.39, abs=0.01)  # s = sqrt(N) is too few


@pytest.mark.parametrize("atoms", [20, 100, 400])
def test_a_generator_of_a_few_examples_has_the_support_of_its_examples(atoms: int) -> None:
    found = []
    for seed in range(6):
        points = normal(atoms, 0, seed)[torch.randint(atoms, (1000,), generator=stream(seed, "test-atoms"))]
        found.append(by_name(normal(2000, 1, seed), points)["birthday_support"].value)
    # the size of half of the batches is a whole number near sqrt(2 ln 2 N); with 20 atoms it is 5 or 6, so that N is 14 or 22
    assert sum(found) / len(found) == pytest.approx(atoms, rel=0.35)


def test_a_perfect_generator_repeats_no_sooner_than_held_out_examples() -> None:
    fake, held_out = (by_name(normal(2000, 2), normal(1000, name))["birthday_support"] for name in (3, 4))
    assert fake.value > 50_000 and held_out.value > 50_000  # 1,000 real examples are above 1,000^2 / (2 ln 2) = 721,000 without a near pair


def test_without_any_repetition_the_values_are_lower_bounds_and_say_so() -> None:
    grid = torch.cartesian_prod(*[torch.arange(4.0)] * 4)  # all at least 1 apart
    found = by_name(normal(2000, 5)[:, :4] / 10, grid)
    assert found["birthday_size"].value == 256
    assert found["birthday_support"].value == pytest.approx(256 * 255 / (2 * math.log(2)))
    assert found["birthday_support"].note == "at least: no example repeats"


def test_one_popular_example_triggers_it() -> None:
    points = normal(1000, 6)
    points[:100] = points[0]
    found = by_name(normal(2000, 7), points)
    # two of the tenth that are alike, with probability one half: 1 - 0.9^s - s 0.1 0.9^(s - 1) is 0.5 at 17
    assert found["birthday_size"].value == pytest.approx(17, abs=2)


def test_a_constant_repeats_at_once() -> None:
    assert by_name(normal(500, 8), torch.ones(300, 6, dtype=torch.float64))["birthday_size"].value == 2


@pytest.mark.parametrize("groups", [40, 195])
def test_repetitions_are_found_alike_among_many_and_among_few_near_pairs(groups: int) -> None:
    points = torch.cat([normal(groups, 9).repeat(200 // groups, 1), normal(200 - 200 // groups * groups, 12)])
    pairs = near_pairs(points, 1e-9)
    many = pairs.shape[1] > len(points)
    assert pairs.shape[1] == (40 * 10 if groups == 40 else 0) and many == (groups == 40)
    if not many:
        pairs = torch.tensor([[0, 5], [100, 50]])
    generator = stream(3, "diagnostic/birthday")
    for found in first_repetitions(pairs, 200, 3).tolist():
        place = torch.randperm(200, generator=generator)
        assert found == torch.maximum(place[pairs[0]], place[pairs[1]]).min() + 1


def test_the_threshold_is_a_quantile_of_distances_between_real_batches() -> None:
    real = normal(1000, 10)
    found = threshold(Reference(Features(values=real)), 0)
    order = torch.randperm(1000, generator=stream(0, "diagnostic/birthday-threshold"))
    distances = torch.cdist(real[order[:500]], real[order[500:]]).amin(1)
    assert found == pytest.approx(distances.quantile(0.001).item(), rel=1e-9)
    assert threshold(Reference(Features(values=torch.ones(20, 2))), 0) is None
    assert by_name(torch.ones(20, 6), normal(20, 11))["birthday_size"].value is None

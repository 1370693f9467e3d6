"""Are copies and near-copies of training examples found, and listed with the most suspicious first?"""

import pytest
import torch

from ganbench.diagnostics.copies import copy_diagnostics, suspicious_pairs
from ganbench.metrics.memorisation import authentic, nearest_training
from ganbench.results.record import Diagnostic
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


def normal(n: int, *name: int) -> torch.Tensor:
    return torch.randn(n, 5, generator=stream(6, "test-copies", *name), dtype=torch.float64)


TRAINING = normal(2000, 0)


def by_name(fake: torch.Tensor, training: torch.Tensor = TRAINING) -> dict[str, Diagnostic]:
    return {one.name: one for one in copy_diagnostics(Comparison(Features(values=training), Features(values=fake)))}


def test_other_examples_of_the_same_distribution_are_half_authentic() -> None:
    found = by_name(normal(1000, 1))
    # near 50 %: in a row of training examples, the nearest one's own neighbour is nearer for half of the new ones; 4 sd of 1,000 are 6.3
    assert found["authentic_percent"].value == pytest.approx(55, abs=10)
    assert found["authentic_percent"].note == ""
    assert found["copied_percent"].value < 1  # of training examples themselves it is 0.1 %


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_copies_are_counted(share: float) -> None:
    fake = normal(1000, 2)
    count = round(share * 1000)
    fake[:count] = TRAINING[:count] + 1e-9
    found = by_name(fake)
    assert found["copied_percent"].value == pytest.approx(100 * share, abs=0.5)
    assert found["authentic_percent"].value <= 100 * (1 - share)


def test_noise_is_authentic_and_no_copy() -> None:
    found = by_name(10 * normal(500, 3))
    assert found["authentic_percent"].value > 90 and "as noise is" in found["authentic_percent"].note
    assert found["copied_percent"].value == 0


def test_training_examples_that_all_have_copies_leave_near_copies_undefined() -> None:
    found = by_name(normal(50, 4), torch.cat([TRAINING[:50], TRAINING[:50]]))
    assert found["copied_percent"].value is None
    assert found["authentic_percent"].value is not None


def test_nearest_training_examples_are_those_of_a_plain_search() -> None:
    fake = normal(100, 5)
    found = nearest_training(fake, TRAINING)
    distances = torch.cdist(fake, TRAINING)
    assert torch.equal(found.which, distances.argmin(1))
    assert found.squared.sqrt() == pytest.approx(distances.amin(1).tolist(), rel=1e-9)
    own = torch.cdist(TRAINING, TRAINING).fill_diagonal_(torch.inf).amin(1)
    assert found.spacing.sqrt() == pytest.approx(own[found.which].tolist(), rel=1e-9)
    assert torch.equal(found.authentic, authentic(fake, TRAINING))


def test_pairs_begin_with_copies_and_every_training_example_is_shown_once() -> None:
    fake = normal(200, 6)
    fake[7], fake[9], fake[11] = TRAINING[100], TRAINING[100] + 1e-6, TRAINING[200] + 1e-3
    pairs = suspicious_pairs(nearest_training(fake, TRAINING), 5)
    assert [(pair.example, pair.training) for pair in pairs[:2]] == [(7, 100), (11, 200)]
    assert pairs[0].distance == 0 and pairs[0].ratio == 0
    assert pairs[1].distance == pytest.approx(1e-3 * 5**0.5)
    ratios = [pair.ratio for pair in pairs]
    assert ratios == sorted(ratios, key=float) and len({pair.training for pair in pairs}) == len(pairs) == 5


def test_a_training_example_with_a_copy_has_no_ratio() -> None:
    training = torch.cat([TRAINING, TRAINING[:1]])
    pair = suspicious_pairs(nearest_training(TRAINING[:1] + 1e-3, training), 1)[0]
    assert pair.ratio is None and pair.distance > 0

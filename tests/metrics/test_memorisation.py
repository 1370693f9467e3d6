import numpy as np
import pytest
import torch
from torchmetrics.image.mifid import _compute_cosine_distance

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.frechet import FD
from ganbench.metrics.memorisation import AUTHPCT, MIFD, authentic, cosine_distances
from ganbench.pairs.nearest import nearest
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

REAL = torch.from_numpy(np.random.RandomState(0).randn(1000, 64))
FAKE = torch.from_numpy(np.random.RandomState(1).randn(1000, 64) * 1.1 + 0.1)
COPIES = REAL[:10].repeat_interleave(100, 0)


def estimate(metric: Metric, real: torch.Tensor, fake: torch.Tensor, held_out: torch.Tensor | None = None) -> Estimate:
    held = None if held_out is None else Features(values=held_out)
    return metric.estimate(Comparison(Features(values=real), Features(values=fake), held), stream(0, "metric"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_neighbours_are_those_of_brute_force(dtype: torch.dtype) -> None:
    queries, points = (torch.randn(n, 5, generator=stream(n, "test-nearest"), dtype=dtype) + 50 for n in (1300, 1100))
    exact = torch.cdist(queries.double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    squared, which = nearest(queries, points, k=3)
    expected, places = exact.topk(3, largest=False)
    torch.testing.assert_close(squared, expected, rtol=1e-10, atol=0)
    assert torch.equal(which, places)
    own = torch.cdist(points.double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist").square().fill_diagonal_(torch.inf)
    torch.testing.assert_close(nearest(points, points, k=2, same=True)[0], own.topk(2, largest=False).values, rtol=1e-10, atol=0)


def test_authpct_of_fixture_a() -> None:
    # Field notes, section 3.2.
    assert estimate(AUTHPCT, REAL, FAKE).value == pytest.approx(94.7, abs=1e-9)
    assert estimate(AUTHPCT, REAL, COPIES).value == 0
    assert estimate(AUTHPCT, REAL, REAL + 1e-6).value == 0


def test_authenticity_is_the_papers_definition() -> None:
    training, examples = torch.randn(60, 3, generator=stream(1, "a")), torch.randn(80, 3, generator=stream(2, "a"))
    among = torch.cdist(training, training).fill_diagonal_(torch.inf).amin(1)
    near = torch.cdist(examples, training).min(1)
    assert torch.equal(authentic(examples, training), among[near.indices] < near.values)


def test_duplicates_in_the_training_set_make_no_copy_authentic() -> None:
    assert not authentic(REAL[:5], torch.cat([REAL[:100], REAL[:100]])).any()


def test_perfect_is_the_score_of_held_out_examples() -> None:
    fresh = torch.from_numpy(np.random.RandomState(3).randn(500, 64))
    assert estimate(AUTHPCT, REAL, COPIES, fresh).perfect == estimate(AUTHPCT, REAL, fresh).value
    assert estimate(AUTHPCT, REAL, COPIES).perfect is None


def test_mifd_distances_of_fixture_a() -> None:
    # Field notes, section 3.2: from generated to training examples; the other way round it would be 0.5866 and 0.7585.
    assert cosine_distances(FAKE, REAL).mean().item() == pytest.approx(0.587302163, abs=1e-9)
    assert cosine_distances(COPIES, REAL).mean().item() < 1e-15
    assert cosine_distances(REAL, COPIES).mean().item() == pytest.approx(0.758532163, abs=1e-9)


def test_mifd_distances_are_those_of_torchmetrics_with_the_sets_in_the_right_order() -> None:
    cosine = 1 - cosine_distances(0.9 * FAKE + REAL.roll(1, 0), REAL)
    expected = _compute_cosine_distance(0.9 * FAKE + REAL.roll(1, 0), REAL, cosine_distance_eps=2.0)
    assert (1 - cosine).mean().item() == pytest.approx(float(expected), rel=1e-9)


def test_mifd_is_fd_without_copies_and_explodes_with_them() -> None:
    assert estimate(MIFD, REAL, FAKE).value == pytest.approx(3.87394170856, rel=1e-9)  # FD of fixture A
    assert estimate(MIFD, REAL, COPIES).value > 1e14
    near = REAL + 1e-3 * FAKE
    distance = cosine_distances(near, REAL).mean().item()
    fd = FD.estimate(Comparison(Features(values=REAL), Features(values=near)), stream(0, "metric")).value
    assert estimate(MIFD, REAL, near).value == pytest.approx(fd / (distance + 1e-14), rel=1e-9)


def test_features_of_zeros_are_copies_of_each_other_alone() -> None:
    zeros, other = torch.zeros(3, 4), torch.ones(3, 4)
    assert cosine_distances(zeros, torch.cat([zeros, other])).tolist() == [0, 0, 0]
    assert cosine_distances(zeros, other).tolist() == [1, 1, 1]


def test_neighbours_in_far_and_narrow_clusters_are_the_true_ones() -> None:
    # float32 products of vectors of length 1e5 have errors near 1e3, float64 ones near 1e-6; the clusters are 0.1 wide
    generator = torch.Generator().manual_seed(5)
    centres = torch.tensor([1e4, -1e4]).repeat(100)[:, None]
    points = (centres + 0.1 * torch.randn(200, 60, generator=generator)).float()
    exact = torch.stack([(row - points.double()).square().sum(1) for row in points.double()]).fill_diagonal_(torch.inf)
    distances, which = nearest(points, points, same=True)
    assert torch.equal(which[:, 0], exact.argmin(1))
    torch.testing.assert_close(distances[:, 0], exact.amin(1), rtol=1e-12, atol=0)

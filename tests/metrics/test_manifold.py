"""Do precision, recall, density and coverage count what their definitions say?"""

import math
from dataclasses import replace

import pytest
import torch

from ganbench.errors import RequestError
from ganbench.metrics.manifold import COVERAGE, DENSITY, PRECISION, RECALL, share_estimate
from ganbench.pairs import sizes
from ganbench.pairs.neighbours import Containment, Manifold, contained
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

ALL = (PRECISION, RECALL, DENSITY, COVERAGE)


def gaussian(n: int, d: int, *name: int) -> torch.Tensor:
    return torch.randn(n, d, generator=stream(9, "test-manifold", *name), dtype=torch.float64)


def values(real: torch.Tensor, fake: torch.Tensor) -> list[float]:
    comparison = Comparison(Features(values=real), Features(values=fake))
    return [metric.estimate(comparison, stream(0, f"metric/{metric.name}")).value for metric in ALL]


def test_identical_sets_are_perfect() -> None:
    x = gaussian(500, 8, 0)
    assert values(x, x.clone()) == [1, 1, 1, 1]


def test_far_sets_share_nothing() -> None:
    assert values(gaussian(200, 4, 1), gaussian(200, 4, 2) + 100) == [0, 0, 0, 0]


def test_collapsed_generator_is_precise_and_recalls_nothing() -> None:
    precision, recall, _, coverage = values(gaussian(500, 8, 3), 0.05 * gaussian(500, 8, 4))
    assert precision > 0.99
    assert recall < 0.01
    assert coverage < 0.2


def test_noisy_generator_recalls_and_is_not_precise() -> None:
    precision, recall, density, coverage = values(gaussian(500, 8, 5), 3 * gaussian(500, 8, 6))
    assert precision < 0.2
    assert recall > 0.9
    assert density < coverage < 0.6


def test_exchanging_the_sets_exchanges_precision_and_recall() -> None:
    x, y = gaussian(300, 6, 7), 1.2 * gaussian(200, 6, 8)
    forward, backward = values(x, y), values(y, x)
    assert forward[:2] == backward[1::-1]
    assert forward[0] != forward[1]


def test_same_law_has_the_expected_density_and_coverage() -> None:
    n, m, k, repeats = 500, 400, 5, 30
    seen = torch.tensor([values(gaussian(n, 8, 9, i), gaussian(m, 8, 10, i))[2:] for i in range(repeats)])
    # Naeem et al. 2020, lemma 2: E[coverage] = 1 - prod_{i<k} (n-1-i) / (n+m-1-i), E[density] = 1.
    expected = torch.tensor([1.0, 1 - math.prod((n - 1 - i) / (n + m - 1 - i) for i in range(k))])
    assert ((seen.mean(0) - expected).abs() < 4 * seen.std(0) / math.sqrt(repeats)).all()


def test_order_and_block_size_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = gaussian(301, 5, 11), 1.1 * gaussian(203, 5, 12)
    whole = values(x, y)
    shuffled = values(x[torch.randperm(301, generator=stream(1, "order"))], y[torch.randperm(203, generator=stream(2, "order"))])
    monkeypatch.setattr(sizes, "CACHED", replace(sizes.CACHED, rows=7))
    assert values(x, y) == whole == shuffled


def test_copies_behave_the_same_in_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    x = gaussian(200, 40, 13) * 30 + 500
    whole = values(x, x[:10].repeat_interleave(20, 0))
    monkeypatch.setattr(sizes, "CACHED", replace(sizes.CACHED, rows=13))
    assert values(x, x[:10].repeat_interleave(20, 0)) == whole


def test_all_examples_equal_fill_closed_balls_only() -> None:
    same = torch.ones(20, 3, dtype=torch.float64)
    assert values(same, same) == [1, 1, 0, 0]


@pytest.mark.parametrize("closed", [True, False])
def test_deletion_counts_equal_deleting(closed: bool) -> None:
    x, y, k = gaussian(40, 3, 14), 1.3 * gaussian(30, 3, 15), 3
    queries = Manifold.of(y)

    def count(points: torch.Tensor) -> Containment:
        return contained(queries, Manifold.of(points), ((k, closed),))[0]

    whole = count(x)
    covered = (whole.per_query > 0).sum()
    for i in range(len(x)):
        without = count(torch.cat([x[:i], x[i + 1 :]]))
        assert (without.per_query > 0).sum() - covered == whole.gained[i] - whole.lost[i]


def test_interval_at_a_bound_has_width() -> None:
    # Wilson at share 1 and size 250 (n m / (n + m)): [250 / (250 + 1.96^2), 1].
    estimate = share_estimate(1.0, 0.0, 500, 500)
    assert estimate.ci_low == pytest.approx(250 / (250 + 1.959963984540054**2), rel=1e-12)
    assert estimate.ci_high == 1


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(RequestError, match="at least 7"):
        values(gaussian(6, 2, 16), gaussian(50, 2, 17))

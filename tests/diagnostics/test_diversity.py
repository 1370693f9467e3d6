"""Do the variance ratio and the duplicate rate see what they should?"""

import math

import pytest
import torch

from ganbench.diagnostics import diversity
from ganbench.diagnostics.diversity import diversity_diagnostics, duplicate_rate
from ganbench.results.record import Diagnostic
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


def gaussian(n: int, *name: int) -> torch.Tensor:
    return torch.randn(n, 4, generator=stream(22, "test-diversity", *name), dtype=torch.float64)


def by_name(real: torch.Tensor, fake: torch.Tensor) -> dict[str, Diagnostic]:
    return {found.name: found for found in diversity_diagnostics(Comparison(Features(values=real), Features(values=fake)))}


def test_variance_ratio_of_a_scaled_set_is_exact() -> None:
    x = gaussian(100, 0)
    assert by_name(x, 3 * x + 7)["feature_variance_ratio"].value == pytest.approx(9, rel=1e-12)


def test_constant_real_set_leaves_the_ratio_undefined() -> None:
    found = by_name(torch.ones(20, 4), gaussian(20, 1))
    assert found["feature_variance_ratio"].value is None
    assert found["duplicate_rate"].value is None


def test_honest_sampler_repeats_as_seldom_as_the_real_set() -> None:
    n = 2000
    found = by_name(gaussian(n, 2), gaussian(n, 3))["duplicate_rate"]
    # 0.1 % of 2000 examples are 2, and near pairs come as pairs: at most 4 examples at the limit.
    assert 0 < found.perfect <= 4 / n
    # A Poisson number of near pairs with mean 2 at most: more than 10 have probability below 1e-5.
    assert found.value <= 20 / n


def test_near_copies_are_duplicates() -> None:
    fake = gaussian(100, 4).repeat_interleave(5, 0) + 1e-6 * gaussian(500, 5)
    assert by_name(gaussian(1000, 6), fake)["duplicate_rate"].value == 1


def test_copies_in_the_real_set_do_not_blind_the_rate() -> None:
    distinct = gaussian(990, 7)
    real = torch.cat([distinct, distinct[:10]])
    fake = gaussian(100, 8).repeat_interleave(5, 0) + 1e-6 * gaussian(500, 9)
    found = by_name(real, fake)["duplicate_rate"]
    assert found.value == 1
    # 20 of the 1000 are copies, and up to 4 near one another; the rate scales with the number of others, 499 / 999.
    assert 20 / 1000 <= found.perfect * 999 / 499 <= 24 / 1000


def test_total_collapse_is_all_duplicates() -> None:
    found = by_name(gaussian(300, 10), torch.full((300, 4), 0.1, dtype=torch.float64))
    assert found["duplicate_rate"].value == 1
    assert found["feature_variance_ratio"].value == pytest.approx(0, abs=1e-20)
    assert math.isfinite(found["duplicate_rate"].perfect)


def test_a_large_reference_sets_the_limit_by_neighbours_among_all_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = gaussian(3_000, 40), gaussian(500, 41)
    real[1::400] = real[::400] + 1e-9  # eight pairs of near-copies
    whole = duplicate_rate(Comparison(Features(values=real), Features(values=fake)))
    monkeypatch.setattr(diversity, "REAL_LIMIT", 1_500)
    large = Comparison(Features(values=real), Features(values=fake))
    thinned = duplicate_rate(large)
    # one example of each pair is among the evenly spaced ones, and its neighbour is found among those that are not
    assert thinned.perfect == pytest.approx(whole.perfect, rel=0.5)
    assert thinned.perfect > 0
    assert "manifold" not in vars(large.reference)  # the search over all pairs did not happen

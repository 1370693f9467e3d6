"""Are NDB and JSD those of their definitions, and do they see what is missing?"""

import math

import pytest
import torch
from scipy.stats import norm

from ganbench.data.bundled import digits
from ganbench.diagnostics.bins import ALPHA, ALPHA_Z, Cells, bin_diagnostics, cells_of, differing, jensen_shannon
from ganbench.features.base import extract, load_extractor
from ganbench.plan.spec import DatasetSpec
from ganbench.results.record import Diagnostic
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


def counts(*numbers: int) -> torch.Tensor:
    return torch.tensor(numbers)


def by_name(real: torch.Tensor, fake: torch.Tensor, seed: int = 0) -> dict[str, Diagnostic]:
    return {one.name: one for one in bin_diagnostics(Comparison(Features(values=real), Features(values=fake)), seed)}


def test_a_cell_differs_by_the_pooled_z_test() -> None:
    # shares 0.1 and 0.15 of 1,000 each: z = 0.05 / sqrt(0.125 * 0.875 * 2 / 1000) = 3.38; 0.1 and 0.12: z = 1.43
    assert differing(counts(100, 900), counts(150, 850)).tolist() == [True, True]
    assert differing(counts(100, 900), counts(120, 880)).tolist() == [False, False]
    assert norm.cdf(ALPHA_Z) == pytest.approx(1 - ALPHA / 2, abs=1e-12)


def test_a_cell_without_examples_on_both_sides_does_not_differ() -> None:
    assert differing(counts(10, 0, 90), counts(20, 0, 180)).tolist() == [False, False, False]
    assert differing(counts(10, 0), counts(20, 0)).tolist() == [False, False]
    assert jensen_shannon(counts(10, 0, 90), counts(20, 0, 180)) == pytest.approx(0, abs=1e-15)


def test_jensen_shannon_in_closed_form() -> None:
    assert jensen_shannon(counts(5, 0), counts(0, 7)) == pytest.approx(math.log(2), rel=1e-14)
    # half of the mass missing: (KL((1/2, 1/2) || (3/4, 1/4)) + KL((1, 0) || (3/4, 1/4))) / 2
    kl = (0.5 * math.log(2 / 3) + 0.5 * math.log(2) + math.log(4 / 3)) / 2
    assert jensen_shannon(counts(50, 50), counts(30, 0)) == pytest.approx(kl, rel=1e-14)
    assert kl == pytest.approx(0.2158, abs=1e-4)


def test_a_perfect_generator_differs_in_as_many_cells_as_the_level_says() -> None:
    # the test and the divergence alone, on histograms from the same shares: k-means lowers NDB (bins.py)
    shares = torch.full((100,), 0.01, dtype=torch.float64)

    def draw(n: int, i: int) -> torch.Tensor:
        return torch.bincount(torch.multinomial(shares, n, replacement=True, generator=stream(1, "test-ndb", i)), minlength=100)

    pairs = [(draw(20_000, 2 * i), draw(5_000, 2 * i + 1)) for i in range(60)]
    rates = torch.tensor([differing(*pair).double().mean() for pair in pairs])
    # NDB / K has the mean alpha and, of 100 cells, the standard deviation 0.022 (binomial)
    assert rates.mean().item() == pytest.approx(ALPHA, abs=4 * 0.022 / math.sqrt(60))
    assert rates.std().item() == pytest.approx(0.022, rel=0.4)
    # 8 JSD / (1/n + 1/m) is chi-square with 99 degrees of freedom: mean 99, standard deviation sqrt(198)
    scaled = torch.tensor([8 * jensen_shannon(*pair) / (1 / 20_000 + 1 / 5_000) for pair in pairs])
    assert scaled.mean().item() == pytest.approx(99, abs=4 * math.sqrt(198 / 60))


def test_ten_examples_a_cell_suffice_for_the_level() -> None:
    shares = torch.full((40,), 1 / 40, dtype=torch.float64)
    rates = []
    for i in range(200):
        real, fake = (
            torch.bincount(torch.multinomial(shares, n, replacement=True, generator=stream(8, "test-level", i, n)), minlength=40)
            for n in (801, 400)
        )
        rates.append(differing(real, fake).double().mean().item())
    # 8,000 cells: a standard error of 0.0024
    assert sum(rates) / len(rates) == pytest.approx(ALPHA, abs=4 * 0.0024)


def test_with_few_examples_there_are_fewer_cells() -> None:
    points = torch.randn(400, 3, generator=stream(2, "test-ndb"), dtype=torch.float64)
    found = by_name(points[:200], points[200:])
    assert found["ndb_share"].note == "20 cells, not 100, for so few examples"
    assert found["bins_jsd"].perfect == pytest.approx(19 / 8 * 2 / 200)


def test_cells_come_from_the_seed_and_are_made_once() -> None:
    points = torch.randn(300, 3, generator=stream(3, "test-ndb"), dtype=torch.float64)
    first, again, other = (cells_of(points, 10, seed) for seed in (0, 0, 1))
    assert isinstance(first, Cells) and isinstance(again, Cells) and isinstance(other, Cells)
    assert torch.equal(first.centres, again.centres) and not torch.equal(first.centres, other.centres)
    assert int(first.counts.sum()) == 300
    comparison = Comparison(Features(values=points), Features(values=points))
    bin_diagnostics(comparison, 0)
    kept = comparison.reference.shared("cells/30/0", lambda: None)
    assert isinstance(kept, Cells)


def test_equal_real_examples_leave_nothing_to_compare() -> None:
    found = by_name(torch.ones(100, 2), torch.randn(100, 2, generator=stream(4, "test-ndb")))
    assert found["ndb_share"].value is None and found["bins_jsd"].value is None
    few = by_name(torch.tensor([[0.0], [1.0]]).repeat(50, 1), torch.zeros(100, 1))  # two different examples, two cells
    assert few["bins_jsd"].value == pytest.approx(0.2158, abs=1e-4)


def test_a_digit_that_is_missing_empties_a_tenth_of_the_cells(tmp_path: object) -> None:
    from pathlib import Path

    data = digits(DatasetSpec(name="digits"), Path("."))
    assert data.train.labels is not None
    features = extract(load_extractor("digits-probe"), data.train.examples).values
    kept = torch.from_numpy(data.train.labels) != 3
    cells = cells_of(features, 100, 0)
    assert cells is not None
    found = cells.histogram(features[kept])
    # of the 100 cells of all examples, those of the digit 3 lose all of theirs
    assert 7 <= int((found == 0).sum()) <= 13
    assert int((cells.counts == 0).sum()) == 0

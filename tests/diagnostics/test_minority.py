"""Are rare modes told from lost ones, with exact intervals, and only where there are enough examples?"""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from ganbench.diagnostics.minority import PER_RAREST, Shares, interval, minority_diagnostics, mode_shares
from ganbench.results.record import Diagnostic
from ganbench.seeding import stream

GEOMETRIC = np.geomspace(1, 1 / 100, 8) / np.geomspace(1, 1 / 100, 8).sum()
"""Shares of 8 modes, the rarest a hundredth of the most frequent: 0.0050."""


def of(counts: list[int], shares: np.ndarray) -> Shares:  # type: ignore[type-arg]
    return Shares(counts=np.array(counts), shares=shares, n=sum(counts), numbers=tuple(range(len(counts))))


def by_name(counts: list[int], shares: np.ndarray) -> dict[str, Diagnostic]:  # type: ignore[type-arg]
    return {one.name: one for one in minority_diagnostics(of(counts, shares))}


def drawn(shares: np.ndarray, n: int, *name: int) -> list[int]:  # type: ignore[type-arg]
    weights = torch.from_numpy(np.ascontiguousarray(shares))
    modes = torch.multinomial(weights, n, replacement=True, generator=stream(4, "test-minority", *name))
    found: list[int] = torch.bincount(modes, minlength=len(shares)).tolist()
    return found


@pytest.mark.parametrize(("count", "n"), [(0, 50), (1, 50), (7, 50), (50, 50)])
def test_the_interval_is_clopper_and_pearsons(count: int, n: int) -> None:
    exact = binomtest(count, n).proportion_ci(0.95, method="exact")
    assert interval(count, n) == pytest.approx((exact.low, exact.high), abs=1e-12)
    assert interval(0, n)[1] == pytest.approx(1 - 0.025 ** (1 / n))  # closed form


def test_a_perfect_generator_recovers_its_rarest_mode_and_the_interval_covers_one() -> None:
    n, covered = round(PER_RAREST / GEOMETRIC.min()) + 1, 0
    for seed in range(50):
        found = by_name(drawn(GEOMETRIC, n, seed), GEOMETRIC)
        assert found["rarest_recovered"].value == pytest.approx(GEOMETRIC.min())
        low, high = found["worst_share_low"].value, found["worst_share_high"].value
        covered += low <= 1 <= high
        # the rarest has 300 expected examples, a standard deviation of 6 %: its lowest ratio stays above 1 - 5 * 0.06
        assert found["worst_share"].value > 0.7
    assert covered >= 45  # of 50, at a level of at least 95 % for all modes together: fewer than 45 have a probability of 0.4 %


def test_rare_modes_that_are_lost_are_told_and_the_rarest_recovered_is_the_next() -> None:
    n = 100_000
    half = np.where(np.arange(8) < 6, GEOMETRIC, GEOMETRIC / 4)  # the two rarest come a quarter as often
    found = by_name(drawn(half / half.sum(), n), GEOMETRIC)
    assert found["worst_share"].value == pytest.approx(0.25, abs=0.06)
    assert found["worst_share_high"].value < 0.5
    assert found["rarest_recovered"].value == pytest.approx(GEOMETRIC[5])


def test_a_mode_between_two_others_ends_what_is_recovered() -> None:
    shares = np.array([0.5, 0.3, 0.2])
    # the mode of share 0.3 is lost, so that 0.2 is not recovered "from the most frequent on", though it has its share
    found = by_name([6000, 0, 4000], shares)
    assert found["rarest_recovered"].value == pytest.approx(0.5)
    lost = by_name([0, 6000, 4000], shares)
    assert lost["rarest_recovered"].value is None and "not even the most frequent" in lost["rarest_recovered"].note
    too_many = by_name([1000, 8000, 1000], shares)  # 2.7 times its share
    assert too_many["rarest_recovered"].value is None


def test_too_few_examples_give_no_number() -> None:
    enough = round(PER_RAREST / 0.2)
    assert by_name([enough // 2, enough // 2 - 10], np.array([0.8, 0.2]))["worst_share"].value is None
    assert by_name([enough // 2, enough // 2 + 10], np.array([0.8, 0.2]))["worst_share"].value is not None


def test_a_lost_mode_has_the_interval_of_no_success() -> None:
    found = by_name([3000, 0], np.array([0.5, 0.5]))
    assert found["worst_share"].value == 0 and found["worst_share_low"].value == 0
    # no success in n at the level 1 - 0.05 / 2: the upper end is 1 - (0.05 / 4)^(1/n), as a ratio to 0.5
    assert found["worst_share_high"].value == pytest.approx((1 - 0.0125 ** (1 / 3000)) / 0.5, rel=1e-9)


def test_every_mode_has_its_ratio_its_interval_and_its_name() -> None:
    found = mode_shares(of([30, 10, 0], np.array([0.5, 0.25, 0.25])), ("a", "b", "c"))
    assert [(one.name, one.generated, one.ratio) for one in found] == [("a", 30, 1.5), ("b", 10, 1.0), ("c", 0, 0.0)]
    assert (found[1].low, found[1].high) == pytest.approx([end / 0.25 for end in interval(10, 40)])
    assert [one.name for one in mode_shares(of([1, 1], np.array([0.5, 0.5])), ())] == ["0", "1"]

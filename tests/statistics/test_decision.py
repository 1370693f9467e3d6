import math
from collections.abc import Callable

import numpy as np
import pytest

from ganbench.statistics.decision import decide, least_baseline, stages
from ganbench.statistics.exact import failure_rate
from ganbench.statistics.power import Population, detectable, proposed_tolerance, rates
from ganbench.statistics.thresholds import Rule

RNG = np.random.default_rng(0)
RULE = Rule()
BANK = RNG.normal(size=20).tolist()
TOLERANCE = 1.4
"""In standard deviations; what 20 runs against 10 can decide on (measured by the simulation of this file)."""


def word(new: list[float], old: list[float] = BANK, tolerance: float = TOLERANCE) -> str:
    return decide({"a": stages(old, new, RULE)}, {"a": tolerance}, RULE)["a"].word


def test_gross_changes_need_five_runs() -> None:
    found = decide({"a": stages(BANK, [10.0] * 5, RULE)}, {"a": TOLERANCE}, RULE)["a"]
    assert found.word == "REGRESSED"
    assert found.stage is not None and found.stage.runs == 5
    assert word([math.inf] * 5) == "REGRESSED"
    assert word([-10.0] * 5) == "PASS"


def test_too_few_runs_decide_nothing() -> None:
    found = decide({"a": stages(BANK, [10.0] * 4, RULE)}, {"a": TOLERANCE}, RULE)["a"]
    assert (found.word, found.stage) == ("INCONCLUSIVE", None)


def test_the_first_stage_stands_whatever_later_runs_say() -> None:
    assert word([10.0] * 5 + [-10.0] * 5) == "REGRESSED"
    assert word([-10.0] * 5 + [10.0] * 5) == "PASS"


def test_a_significant_change_below_the_tolerance_passes() -> None:
    old = np.linspace(0, 0.01, 20).tolist()
    assert word([0.02] * 10, old, tolerance=0.5) == "PASS"
    assert word([0.02] * 10, old, tolerance=0.005) == "REGRESSED"


def test_failures_never_pass_for_a_tolerance_of_any_size() -> None:
    """4 of 10 against 0 of 20 have p = 0.0077, below 2 %; 1 of 5 has p = 0.2, which proves nothing and passes nothing."""
    mixed = [math.inf, -10.0, math.inf, -10.0, math.inf, math.inf, -10.0, -10.0, -10.0, -10.0]
    assert word(mixed, tolerance=1e9) == "REGRESSED"
    assert word([math.inf, -10.0, -10.0, -10.0, -10.0], tolerance=1e9) == "INCONCLUSIVE"
    often = [*BANK[:18], math.inf, math.inf]
    assert word([math.inf, *[-10.0] * 9], often, tolerance=1e9) == "PASS"  # 1 of 10 against 2 of 20: p = 0.7


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_failures_on_both_sides_help_no_worse_candidate_to_pass(share: float) -> None:
    """1,000 candidates worse by the tolerance, of which as many fail as of the bank: 5 % and three standard errors of 0.69 points."""

    def draw(n: int, worse: float) -> list[float]:
        return np.where(RNG.random(n) < share, np.inf, RNG.normal(size=n) + worse).tolist()

    words = [word(draw(10, TOLERANCE), draw(20, 0.0)) for _ in range(1_000)]
    assert words.count("PASS") <= 1_000 * (0.05 + 3 * 0.0069)


def test_recipes_share_the_error() -> None:
    """One of 25 choose 5 orders has p = 2 / 53,130; as one of 300 recipes it is no longer significant at 1 %."""
    evidence = {"bad": stages(BANK, [10.0] * 5, RULE)}
    alone = decide(evidence, {"bad": TOLERANCE}, RULE)["bad"]
    crowd = decide(evidence, {"bad": TOLERANCE}, RULE, together=300)["bad"]
    assert alone.p == pytest.approx(2 / 53_130)
    assert (alone.word, crowd.word) == ("REGRESSED", "INCONCLUSIVE")
    beside = {**evidence, "good": stages(BANK, BANK[:5], RULE)}
    found = decide(beside, dict.fromkeys(beside, TOLERANCE), RULE)
    assert found["bad"].p == pytest.approx(2 * 2 / 53_130)
    assert found["good"].word != "REGRESSED"


def test_a_bank_must_be_able_to_reach_the_level() -> None:
    """2 / (n + 10 choose 10) <= 4 %: 2 / 11 at n = 1, 2 / 66 at n = 2."""
    assert least_baseline(RULE) == 2
    assert word([10.0] * 10, [0.0]) == "INCONCLUSIVE"
    assert word([10.0] * 10, [0.0, 0.1]) == "REGRESSED"


Draw = Callable[[int], np.ndarray]
DISTRIBUTIONS: dict[str, Draw] = {
    "normal": lambda n: RNG.normal(size=n),
    "long tail": lambda n: RNG.lognormal(size=n) / 2.16,  # its standard deviation
    "a tenth fails": lambda n: np.where(RNG.random(n) < 0.1, np.inf, RNG.normal(size=n)),
    "two clusters": lambda n: RNG.normal(size=n) * 0.3 + 2 * (RNG.random(n) < 0.5),
}


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_false_alarms_are_at_most_5_percent_whatever_the_distribution(kind: str) -> None:
    """1,000 equal candidates; the one-sided 95 % limit must be at most 8 %."""
    draw = DISTRIBUTIONS[kind]
    words = [word(draw(10).tolist(), draw(20).tolist()) for _ in range(1_000)]
    alarms = words.count("REGRESSED")
    assert alarms <= 50
    assert failure_rate(alarms, 1_000, alpha=0.05)[1] <= 0.08


@pytest.mark.parametrize("kind", ["normal", "long tail", "two clusters"])
def test_a_change_as_bad_as_is_tolerated_passes_in_at_most_5_percent(kind: str) -> None:
    """1,000 candidates that are worse by the tolerance: 5 % and three standard errors of 0.69 points."""
    draw = DISTRIBUTIONS[kind]
    words = [word((draw(10) + TOLERANCE).tolist(), draw(20).tolist()) for _ in range(1_000)]
    assert words.count("PASS") <= 1_000 * (0.05 + 3 * 0.0069)


def test_the_simulation_draws_from_the_banks_distribution() -> None:
    bank = [*RNG.normal(3, 2, size=40).tolist(), math.inf, math.inf]
    drawn = Population(bank).draw(100_000, np.random.default_rng(0))
    sound = drawn[np.isfinite(drawn)]
    assert 1 - len(sound) / len(drawn) == pytest.approx(2 / 42, abs=0.003)
    assert sound.mean() == pytest.approx(np.mean(bank[:40]), abs=0.03)
    assert sound.std() == pytest.approx(np.std(bank[:40], ddof=1), rel=0.03)
    assert np.isinf(Population([math.inf] * 3).draw(5, np.random.default_rng(0))).all()


def test_rates_of_known_changes() -> None:
    """Against normal theory: 20 against 10 finds 1 sd in 61 % and 1.5 sd in 92 % of cases (one-sided, 5 %, two tests)."""
    sd = Population(BANK).sd
    found = {steps: rates(BANK, TOLERANCE * sd, RULE, worse=steps * sd, simulations=400) for steps in (0, 1, 1.5, 3)}
    assert found[0].shares["REGRESSED"] <= 0.05
    assert found[1].shares["REGRESSED"] == pytest.approx(0.61, abs=0.12)
    assert found[1.5].shares["REGRESSED"] == pytest.approx(0.92, abs=0.08)
    assert found[3].shares["REGRESSED"] == 1
    assert found[3].mean_runs < 6 < found[1].mean_runs
    assert rates(BANK, TOLERANCE * sd, RULE, simulations=400) == found[0]  # seeded


def test_what_can_be_seen_and_what_can_be_asked() -> None:
    sd = Population(BANK).sd
    tolerance = proposed_tolerance(BANK, RULE)
    assert 1 < tolerance / sd < 2
    assert rates(BANK, tolerance, RULE).shares["PASS"] >= 0.95 - 3 * 0.007
    five, ten = (detectable(BANK, tolerance, RULE, runs=runs) for runs in (5, 10))
    assert sd < ten < five < 4 * sd
    assert detectable(BANK, tolerance, RULE, runs=3) == math.inf
    assert detectable([1.0] * 20, 0.1, RULE) == 0
    assert proposed_tolerance([1.0] * 20, RULE) == 0

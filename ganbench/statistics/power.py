"""How often does the gate err with this bank, and which changes can it see? (simulation from the bank's own distribution)"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import stdev

import numpy as np
import numpy.typing as npt

from ganbench.statistics.decision import Word, decide, stages
from ganbench.statistics.thresholds import Rule

SIMULATIONS = 1_000
"""Simulated candidates of a printed rate: its standard error is at most 1.6 percentage points."""
POWER = 0.8
"""Chance with which a detectable change is found, by convention (Cohen 1988, "Statistical power analysis for the behavioral sciences")."""
PASSING = 0.95
"""Chance with which an equal candidate must pass for a tolerance to be proposed."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Rates:
    """How often a kind of candidate gets each verdict."""

    shift: float
    """By how much its runs are worse."""
    failure_rate: float
    """Share of its runs that fail."""
    shares: dict[Word, float]
    """By verdict."""
    mean_runs: float
    """Candidate runs until the decision, on average."""
    simulations: int


class Population:
    """The distribution that a bank's runs come from, as far as they tell it.

    A smoothed bootstrap (Silverman and Young 1987, "The bootstrap: to smooth or not to smooth?"): a bank's value plus normal noise of
    Silverman's bandwidth, drawn towards the mean so that the variance stays that of the bank. Without the noise candidates would
    consist of ties.

    Args:
        values: Badness of the bank's runs, infinite for failures.
    """

    def __init__(self, values: Sequence[float]) -> None:
        self._sound = np.array([value for value in values if math.isfinite(value)])
        self.failure_rate = 1 - len(self._sound) / len(values)
        self.sd = stdev(self._sound) if len(self._sound) > 1 else 0.0
        self._mean = float(self._sound.mean()) if len(self._sound) else 0.0

    def draw(self, n: int, rng: np.random.Generator, worse: float = 0.0, failure_rate: float | None = None) -> Floats:
        """Runs (n,) that are worse by a shift, each failing with a probability; None takes the bank's own."""
        failed = rng.random(n) < (self.failure_rate if failure_rate is None else failure_rate)
        if not len(self._sound):
            return np.full(n, np.inf)
        width = 1.06 * len(self._sound) ** -0.2
        smooth = rng.choice(self._sound, n) + width * self.sd * rng.standard_normal(n)
        return np.where(failed, np.inf, self._mean + (smooth - self._mean) / math.sqrt(1 + width**2) + worse)


def rates(
    bank: Sequence[float],
    tolerance: float,
    rule: Rule,
    worse: float = 0.0,
    failure_rate: float | None = None,
    together: int = 1,
    simulations: int = SIMULATIONS,
    seed: int = 0,
) -> Rates:
    """Simulates the gate: a bank of the same size and a candidate are drawn anew every time.

    Args:
        bank: Badness of the bank's runs.
        tolerance: Shift that is no longer tolerated.
        rule: The gate's rule.
        worse: Shift of the candidate.
        failure_rate: Of the candidate; None takes the bank's.
        together: Number of recipes that are judged together.
        simulations: Number of draws.
        seed: Of the simulation.
    """
    population, rng = Population(bank), np.random.default_rng(seed)
    words: list[Word] = []
    runs = []
    for _ in range(simulations):
        old = population.draw(len(bank), rng).tolist()
        new = population.draw(rule.runs[-1], rng, worse, failure_rate).tolist()
        found = decide({"": stages(old, new, rule)}, {"": tolerance}, rule, together)[""]
        words.append(found.word)
        runs.append(found.stage.runs if found.stage else rule.runs[-1])
    names: tuple[Word, ...] = ("PASS", "REGRESSED", "INCONCLUSIVE")
    return Rates(
        shift=worse,
        failure_rate=population.failure_rate if failure_rate is None else failure_rate,
        shares={word: words.count(word) / simulations for word in names},
        mean_runs=sum(runs) / simulations,
        simulations=simulations,
    )


def detectable(bank: Sequence[float], tolerance: float, rule: Rule, together: int = 1, runs: int | None = None) -> float:
    """Smallest shift that is called REGRESSED in 80 % of cases (minimum detectable effect), to a 20th of the bank's standard deviation.

    Args:
        bank: Badness of the bank's runs.
        tolerance: Shift that is no longer tolerated.
        rule: The gate's rule.
        together: Number of recipes that are judged together.
        runs: Candidate runs, if there will be no more; None takes all that the rule allows.

    Returns:
        A shift on the scale of the values; infinite if ten standard deviations are not found.
    """
    sd = Population(bank).sd
    kept = [(n, alpha) for n, alpha in zip(rule.runs, rule.alphas, strict=True) if runs is None or n <= runs]
    if not kept or not sd:
        return math.inf if not kept else 0.0
    shorter = replace(rule, runs=tuple(n for n, _ in kept), alphas=tuple(alpha for _, alpha in kept))

    def found(steps: int) -> bool:
        shares = rates(bank, tolerance, shorter, worse=steps * sd / 20, together=together, simulations=400).shares
        return shares["REGRESSED"] >= POWER

    return _smallest(found, 200) * sd / 20


def proposed_tolerance(bank: Sequence[float], rule: Rule, together: int = 1, passing: float = PASSING) -> float:
    """Smallest tolerance with which an equal candidate passes with a probability, to a 20th of the bank's standard deviation.

    0 if the bank's runs do not differ; infinite if so many fail that no tolerance gives it.
    """
    sd = Population(bank).sd

    def found(steps: int) -> bool:
        return rates(bank, steps * sd / 20, rule, together=together, simulations=400).shares["PASS"] >= passing

    return _smallest(found, 200) * sd / 20 if sd else 0.0


def _smallest(found: Callable[[int], bool], most: int) -> float:
    """Smallest number from 1 to ``most`` that a rising condition holds for, or infinity."""
    if not found(most):
        return math.inf
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high

"""Did a candidate become worse than the baseline by more than is tolerated? (two stages, errors of both kinds bounded)

After each stage's number of candidate runs there are three answers. PASS: the exact upper bound of the shift is below the tolerance, and
there are no more failures than chance would give. REGRESSED: an exact test, of the level or of the number of failures, rejects "not
worse", and the change is one that matters. Else more runs are needed, and after the last stage the answer is INCONCLUSIVE. A stage may err
with its alpha in either direction, and a union bound adds them up: an equal candidate is called REGRESSED with at most the sum of the
alphas, whatever the distribution; so is PASS one that is worse by the tolerance or more, if its runs are the baseline's, shifted. If they
also spread more, the bound of the shift is not exact: candidates with a median worse by the tolerance and two to ten times the spread
passed in 7 to 10 % of cases (simulated, 20 runs against 10, normal values).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, inf
from typing import Literal

from ganbench.statistics.exact import Shift, p_more_failures, p_worse, shift, superiority
from ganbench.statistics.multiplicity import holm
from ganbench.statistics.thresholds import Rule

Word = Literal["PASS", "REGRESSED", "INCONCLUSIVE"]


LIKELY = 0.5
"""p-value of Fisher's test from which a candidate has no more failures than chance would give it; without a failure the p-value is 1."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What the first runs of a candidate say against a baseline."""

    runs: int
    """Number of candidate runs, the first by seed."""
    alpha: float
    p_level: float
    """Exact one-sided Mann-Whitney test of the values, failures being the worst."""
    p_failures: float
    """Exact one-sided Fisher test of the numbers of failures."""
    superiority: float
    """Chance that a run of the candidate is worse than one of the baseline."""
    shift: Shift
    """By how much the candidate is worse, each end of the interval with an error of alpha."""

    @property
    def p(self) -> float:
        """Both tests together: twice the smaller p-value (Bonferroni; Holm's first step)."""
        return min(1.0, 2 * min(self.p_level, self.p_failures))


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The answer for one recipe, and the stage that gave it."""

    word: Word
    stage: Stage | None
    """None if there were too few candidate runs for the first stage."""
    p: float = 1.0
    """The stage's p-value, corrected for the number of recipes that were judged together."""


def stages(baseline: Sequence[float], candidate: Sequence[float], rule: Rule) -> list[Stage]:
    """The stages that there are enough candidate runs for.

    Args:
        baseline: Badness of every baseline run, infinite for failures.
        candidate: That of the candidate's runs, in the order in which they count.
        rule: Numbers of runs, and errors.
    """
    found = []
    for runs, alpha in zip(rule.runs, rule.alphas, strict=True):
        if len(candidate) >= runs:
            new = candidate[:runs]
            found.append(
                Stage(
                    runs=runs,
                    alpha=alpha,
                    p_level=p_worse(baseline, new),
                    p_failures=p_more_failures(_failures(baseline), len(baseline), _failures(new), runs),
                    superiority=superiority(baseline, new),
                    shift=shift(baseline, new, alpha),
                )
            )
    return found


def _failures(values: Sequence[float]) -> int:
    return sum(value == inf for value in values)


def decide(evidence: Mapping[str, Sequence[Stage]], tolerances: Mapping[str, float], rule: Rule, together: int = 1) -> dict[str, Decision]:
    """Decides on several recipes together.

    A candidate that is worse in one recipe is worse; so the tests of all recipes share the error (Holm), and each must pass by itself.

    Args:
        evidence: The stages of each recipe.
        tolerances: Shift of each recipe that is no longer tolerated.
        rule: Errors, and the superiority that matters.
        together: By how many further recipes like each of these the errors are shared.

    Returns:
        The decision on each recipe.
    """
    decided: dict[str, Decision] = {}
    for number in range(len(rule.runs)):
        there = {name: found[number] for name, found in evidence.items() if len(found) > number}
        adjusted = dict(zip(evidence, holm([there[name].p if name in there else 1.0 for name in evidence]), strict=True))
        for name, stage in there.items():
            if name in decided and decided[name].word != "INCONCLUSIVE":
                continue
            p = min(1.0, adjusted[name] * together)
            decided[name] = Decision(word=_word(stage, p, tolerances[name], rule), stage=stage, p=p)
    return {name: decided.get(name, Decision(word="INCONCLUSIVE", stage=None)) for name in evidence}


def _word(stage: Stage, p: float, tolerance: float, rule: Rule) -> Word:
    worse, more_failures = p <= stage.alpha, 2 * stage.p_failures <= stage.alpha
    if stage.shift.high < tolerance and stage.p_failures >= LIKELY:
        return "PASS"
    matters = more_failures or stage.superiority >= rule.superiority or stage.shift.estimate >= tolerance
    return "REGRESSED" if worse and matters else "INCONCLUSIVE"


def least_baseline(rule: Rule, together: int = 1) -> int:
    """Smallest number of baseline runs with which the last stage can call a candidate REGRESSED.

    All orders of the runs being equally likely, no test of ranks has a p-value below one in the number of ways to choose the candidate's.
    """
    runs, alpha = rule.runs[-1], rule.alphas[-1]
    return next(n for n in range(1, 10_000) if 2 * together / comb(n + runs, runs) <= alpha)

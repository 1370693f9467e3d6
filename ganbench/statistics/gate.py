"""May a candidate replace the baseline? (PASS, REGRESSED or INCONCLUSIVE for every recipe of a bank)"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

from ganbench.errors import RequestError, UnknownName
from ganbench.results.bank import Measure, Outcome, Recipe, measured_otherwise, named, unlike
from ganbench.statistics.decision import Decision, Word, decide, least_baseline, stages
from ganbench.statistics.exact import failure_rate, p_more_spread
from ganbench.statistics.outcomes import Results, badness, change_of, primary, repeated
from ganbench.statistics.power import detectable
from ganbench.statistics.thresholds import FILE, Threshold, Thresholds

SpeedWord = Literal["PASS", "REGRESSED", "INCONCLUSIVE"]
SPREAD_RUNS = 10
"""Candidate runs below which nothing is said about spread: with fewer, a standard deviation twice as large is found in less than half of
cases (simulated for Brown-Forsythe tests of normal values)."""
UNREST = 1.5
"""Ratio of the median volatility, or of the median final-to-best ratio, to the baseline's from which a note mentions it."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast the candidate trains."""

    word: SpeedWord
    ratio: float | None
    """Median images a second by the baseline's; None if they were not measured on machines of one class."""
    threshold: float
    """Loss, as a share, from which the candidate counts as slower."""
    why: str


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on one recipe, and what it rests on."""

    recipe: str
    word: Word
    why: str
    """One sentence."""
    measure: Measure
    baseline_seeds: tuple[int, ...]
    candidate_seeds: tuple[int, ...]
    """Seeds of the candidate's runs, in the order in which they count."""
    used: int
    """How many of them the decision rests on."""
    decision: Decision
    tolerance: float
    """Largest change for the worse that is tolerated, as people state it: a share for distances."""
    detectable: float
    """Smallest change that would have been called REGRESSED in 80 % of cases, stated likewise."""
    baseline_failures: int
    candidate_failures: tuple[str, ...]
    """Why each of the candidate's runs failed, among those that were used."""
    failure_rate: tuple[float, float]
    """95 % interval of the candidate's failure rate (Clopper-Pearson)."""
    identical: int
    """Number of runs, if all are the bank's own again: same seeds, settings and outcomes."""
    changes: tuple[str, ...]
    """Settings in which the candidate differs from the baseline."""
    notes: tuple[str, ...]
    """What else a reader should know, the worst first."""
    speed: Speed | None

    @property
    def baseline_runs(self) -> int:
        """Number of the baseline's runs."""
        return len(self.baseline_seeds)

    @property
    def change(self) -> tuple[float, float, float] | None:
        """By how much the candidate is worse, and the ends of the interval; None without enough runs."""
        if self.decision.stage is None:
            return None
        found = self.decision.stage.shift
        return change_of(self.measure, found.estimate), change_of(self.measure, found.low), change_of(self.measure, found.high)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer of the gate."""

    word: Word
    judgements: tuple[Judgement, ...]
    notes: tuple[str, ...] = ()
    """What could not be judged, and why."""

    @property
    def exit_code(self) -> int:
        """0 for PASS, 1 for REGRESSED, 3 for INCONCLUSIVE."""
        return {"PASS": 0, "REGRESSED": 1, "INCONCLUSIVE": 3}[self.word]


def judge(
    bank: Results,
    candidate: Results,
    thresholds: Thresholds,
    renamed: Mapping[str, str] | None = None,
    speed: bool = False,
    whole: bool = False,
) -> Verdict:
    """Holds a candidate against a bank.

    Args:
        bank: The baseline; its recipes that the candidate lacks make the answer INCONCLUSIVE.
        candidate: Runs of the code or settings in question.
        thresholds: What is asked.
        renamed: Methods of the candidate by another name: the baseline's, by the candidate's.
        speed: Whether a loss of speed counts.
        whole: Whether the bank is all there is, so that the thresholds may name no other recipe.

    Raises:
        RequestError: A file of the bank cannot be read, or the thresholds do not fit it.
        UnknownName: The thresholds say nothing about a recipe, or a method to be renamed does not exist.
    """
    names, theirs = named(bank.recipes), _renamed(candidate, renamed or {}, {one.method for one in bank.recipes})
    if bank.faults:
        raise RequestError(f"{bank.faults[0]}; a bank that has changed decides nothing: restore its files")
    if gone := [name for name in thresholds.recipes if whole and name not in names]:
        raise RequestError(
            f"{bank.path / FILE}: asks something of {gone[0]}, of which the bank has no runs; restore its file, or delete the table"
        )
    pairs: dict[str, tuple[Recipe, Recipe, Threshold, tuple[int, ...]]] = {}
    notes = []
    for name, old in names.items():
        threshold = thresholds.of(name)
        primary(old, threshold.measure)
        new, again, said = counterpart(old, theirs, threshold.measure)
        notes += [f"{name}: {said}"] if said else []
        if new is not None:
            pairs[name] = old, new, threshold, again
    known = {one.name for one in bank.recipes}
    unknown = [name for name, one in named(theirs).items() if one.name not in known]
    notes += [f"{', '.join(unknown)}: not in the bank, so not judged"] if unknown else []
    rule = thresholds.rule
    evidence = {name: stages(_values(old, old, t), _values(old, new, t), rule) for name, (old, new, t, _) in pairs.items()}
    tolerances = {name: t.as_shift(old.measures[t.measure]) for name, (old, _, t, _) in pairs.items()}
    decisions = decide(evidence, tolerances, rule)
    found = tuple(_judgement(name, *pairs[name], decisions[name], thresholds, len(evidence)) for name in pairs)
    words: set[str] = {one.word for one in found} | {one.speed.word for one in found if speed and one.speed}
    if len(pairs) < len(names) or not names or candidate.faults:
        words.add("INCONCLUSIVE")
    worst: Word = "REGRESSED" if "REGRESSED" in words else "INCONCLUSIVE" if "INCONCLUSIVE" in words else "PASS"
    notes += [f"not finished, so not counted: {line}" for line in candidate.unfinished]
    notes += [f"left out, so that nothing can pass: {line}" for line in candidate.faults]
    return Verdict(word=worst, judgements=found, notes=tuple(notes))


def _renamed(candidate: Results, names: Mapping[str, str], known: Collection[str]) -> list[Recipe]:
    """The candidate's recipes under the bank's names; a method whose name another takes over is left out.

    Raises:
        UnknownName: The candidate or the bank has no such method.
    """
    for new, old in names.items():
        if old not in known:
            raise UnknownName("method of the bank", old, known)
        if new not in {one.method for one in candidate.recipes}:
            raise UnknownName("method of the candidate", new, {one.method for one in candidate.recipes})
    kept = [one for one in candidate.recipes if one.method in names or one.method not in names.values()]
    return [replace(one, method=names.get(one.method, one.method)) for one in kept]


def counterpart(old: Recipe, candidates: Sequence[Recipe], measure: str) -> tuple[Recipe | None, tuple[int, ...], str]:
    """The candidate's recipe that stands for one of the baseline.

    Runs that the baseline has too are no draws of their own and do not count, unless the candidate has no others.

    Returns:
        The recipe without such runs, their seeds, and what to say of it; None and why there is none.
    """
    same = [one for one in candidates if (one.method, one.data) == (old.method, old.data)]
    if not same:
        return None, (), "not among the candidate's runs"
    again = tuple(seed for one in same for seed in repeated(old, one)[0])
    fresh = [replace(one, outcomes=tuple(o for o in one.outcomes if o.seed not in repeated(old, one)[0])) for one in same]
    fresh = [one for one in fresh if one.outcomes]
    if not fresh:
        return next(one for one in same if one.key == old.key), again, ""
    measured = [one for one in fresh if measure in one.measures or all(outcome.failure for outcome in one.outcomes)]
    if not measured:
        return None, (), f"the candidate's runs do not measure {measure}"
    fitting = [
        one for one in measured if measure not in one.measures or not measured_otherwise(old.measures[measure], one.measures[measure])
    ]
    if not fitting:
        return None, (), f"scored by another protocol ({measured_otherwise(old.measures[measure], measured[0].measures[measure])})"
    exact = [one for one in fitting if one.key == old.key]
    if len(fitting) > 1 and len(exact) != 1:
        return None, (), "the candidate has several with different settings; put those in question into a folder of their own"
    said = f"{len(again)} runs that the bank has too do not count" if again else ""
    if len(fitting) > 1:
        said += ("; " if said else "") + f"{len(fitting) - 1} recipes of the candidate with other settings are not judged"
    return (exact or fitting)[0], (), said


def _values(old: Recipe, new: Recipe, threshold: Threshold) -> list[float]:
    """Badness of every run, by seed, on the scale of the baseline's measure."""
    return [badness(old, threshold.measure, outcome) for outcome in new.outcomes]


def _judgement(
    name: str,
    old: Recipe,
    new: Recipe,
    threshold: Threshold,
    again: Sequence[int],
    decision: Decision,
    thresholds: Thresholds,
    together: int,
) -> Judgement:
    measure, rule = old.measures[threshold.measure], thresholds.rule
    used = decision.stage.runs if decision.stage else len(new.outcomes)
    before, failures = _values(old, old, threshold), [_failure(outcome, threshold.measure) for outcome in new.outcomes[:used]]
    failed = tuple(why for why in failures if why)
    word: Word = "PASS" if again else decision.word
    seen = detectable(before, threshold.as_shift(measure), rule, together, used)
    judged = Judgement(
        recipe=name,
        word=word,
        why="",
        measure=measure,
        baseline_seeds=old.seeds,
        candidate_seeds=new.seeds,
        used=used,
        decision=decision,
        tolerance=threshold.tolerance,
        detectable=change_of(measure, seen),
        baseline_failures=before.count(math.inf),
        candidate_failures=failed,
        failure_rate=failure_rate(len(failed), used) if used else (0.0, 1.0),
        identical=len(again),
        changes=tuple(unlike(old.settings, new.settings)),
        notes=(),
        speed=speed_of(old, new, threshold.speed),
    )
    return replace(judged, why=_why(judged, thresholds, together), notes=tuple(_notes(judged, old, new, threshold)))


def _failure(outcome: Outcome, measure: str) -> str:
    """Why a run counts as failed; empty if it does not."""
    return outcome.failure or ("" if measure in outcome.values else f"has no {measure}")


def speed_of(old: Recipe, new: Recipe, floor: float) -> Speed | None:
    """Compares speeds on machines of one class; None if neither side has any."""
    before, now = (_speeds(recipe.outcomes) for recipe in (old, new))
    if not before or not now:
        return None
    places = [place for place in now if place in before]
    if not places:
        why = f"timed on unlike machines ({'; '.join(before)} against {'; '.join(now)})"
        return Speed(word="INCONCLUSIVE", ratio=None, threshold=floor, why=why)
    place = max(places, key=lambda one: len(now[one]))
    middle = median(before[place])
    threshold = max(floor, 2 * median(abs(rate - middle) for rate in before[place]) / middle)
    ratio = median(now[place]) / middle
    if len(before[place]) < 3 or len(now[place]) < 3:
        return Speed(word="INCONCLUSIVE", ratio=ratio, threshold=threshold, why="fewer than three runs were timed")
    word: SpeedWord = "REGRESSED" if ratio < 1 - threshold else "PASS"
    return Speed(word=word, ratio=ratio, threshold=threshold, why=f"on {place}")


def _speeds(outcomes: Sequence[Outcome]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for outcome in outcomes:
        if outcome.images_per_s and outcome.machine:
            found.setdefault(outcome.machine, []).append(outcome.images_per_s)
    return found


def _why(judged: Judgement, thresholds: Thresholds, together: int) -> str:
    rule, stage = thresholds.rule, judged.decision.stage
    if judged.identical:
        return f"all {judged.identical} runs are the bank's, made again with the same outcome or copied"
    if stage is None:
        return f"the first decision takes {rule.runs[0]} runs, and there are {len(judged.candidate_seeds)}"
    if judged.word == "PASS":
        return "a change as large as is not tolerated would show"
    if judged.word == "REGRESSED":
        if stage.p_failures <= stage.p_level:
            failed = len(judged.candidate_failures)
            return f"{failed} of {judged.used} runs failed, {judged.baseline_failures} of {judged.baseline_runs} before"
        return f"worse in {100 * stage.superiority:.0f} % of pairs of runs (p = {judged.decision.p:.2g})"
    more = next((runs for runs in rule.runs if runs > len(judged.candidate_seeds)), None)
    if more is not None:
        first = max((*judged.candidate_seeds, *judged.baseline_seeds)) + 1
        seeds = [str(first + number) for number in range(more - len(judged.candidate_seeds))]
        return f"{len(seeds)} more runs may decide, with seeds {', '.join(seeds)}"
    least = least_baseline(rule, together)
    if judged.baseline_runs < least:
        return f"the bank is too small to decide: it has {judged.baseline_runs} runs, and at least {least} are needed"
    return "neither a change as large as is not tolerated is excluded, nor any change proved"


def _notes(judged: Judgement, old: Recipe, new: Recipe, threshold: Threshold) -> list[str]:
    reasons = Counter(why.removeprefix("failed: ") for why in judged.candidate_failures)
    notes = [f"failed: {why}" if n == 1 else f"{n} failed: {why}" for why, n in reasons.items()]
    if different := repeated(old, new)[1]:
        notes.append(
            f"seed {', '.join(map(str, different))}: the same run gave other bits in the same environment, so the code is not neutral"
        )
    if judged.changes:
        notes.append(f"settings changed: {'; '.join(judged.changes)}")
    if len(judged.candidate_seeds) > judged.used and judged.decision.stage:
        notes.append(f"decided by the first {judged.used} of {len(judged.candidate_seeds)} runs")
    if {one.environment for one in old.outcomes} != {one.environment for one in new.outcomes}:
        notes.append("the environments differ (versions, processor or settings), so that bits cannot be compared")
    sound = [[one for one in recipe.outcomes if not one.failure and threshold.measure in one.values] for recipe in (old, new)]
    notes += _unrest("volatility over the last third", [[one.volatility for one in side] for side in sound])
    notes += _unrest("final-to-best ratio", [[one.final_over_best for one in side] for side in sound])
    if len(sound[1]) >= SPREAD_RUNS:
        before, now = ([badness(old, threshold.measure, one) for one in side] for side in sound)
        p = p_more_spread(before, now)
        if p < 0.01:
            notes.append(f"the runs are more spread than the baseline's (p = {p:.2g}, permutation test of Brown and Forsythe)")
    return notes


def _unrest(what: str, sides: Sequence[Sequence[float | None]]) -> list[str]:
    """A note if the candidate's median is much above the baseline's."""
    before, now = ([value for value in side if value is not None] for side in sides)
    if not before or not now or median(now) < UNREST * median(before):
        return []
    return [f"{what} is {median(now) / median(before):.1f} times the baseline's" if median(before) else f"{what} rose from 0"]

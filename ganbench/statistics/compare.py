"""How do two sets of results differ? (recipe by recipe, after correction for the number of comparisons)"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Literal

from ganbench.errors import RequestError, UnknownName
from ganbench.results.bank import Measure, Recipe, measured_otherwise, named, unlike
from ganbench.statistics.aggregate import Aggregate, bootstrapped, iqm, performance_profile, probability_of_improvement
from ganbench.statistics.exact import failure_rate, p_different, shift, superiority
from ganbench.statistics.multiplicity import holm
from ganbench.statistics.noise import Noise, noise
from ganbench.statistics.outcomes import Results, badness, change_of, read_results, repeated

LEVEL = 0.05
"""Chance of even one false finding among all comparisons."""
REACH = 2
"""Smallest number of runs of a side that a comparison is made for; whether it can find anything, its p-value tells."""
THRESHOLDS = tuple(step / 20 for step in range(-20, 21))
"""Where performance profiles are evaluated, in units of badness."""
Word = Literal["better", "worse", "no difference found", "too few runs"]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison."""

    seeds: tuple[int, ...]
    failures: int
    failure_rate: tuple[float, float]
    """95 % interval (Clopper-Pearson)."""
    median: float | None
    """Over all runs, a failed one being the worst; None if half or more failed."""
    noise: Noise | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One measure of one recipe, before and now."""

    recipe: str
    measure: Measure
    name: str
    """Name of the measure."""
    before: Side
    now: Side
    change: tuple[float, float, float]
    """By how much worse it is now, with its exact 95 % interval, as people state it: a share for distances. Negative is better."""
    better_in: float
    """Chance that a run of now is better than one of before, half of that of a tie included."""
    p: float
    """Exact two-sided Mann-Whitney test, failures being the worst."""
    p_adjusted: float
    """After Holm's correction for all comparisons."""
    word: Word
    changes: tuple[str, ...]
    """Settings that differ."""


@dataclass(frozen=True, kw_only=True)
class Overall:
    """All recipes together, of the measures that decide."""

    recipes: int
    improvement: Aggregate
    """Chance that a run of now is better than one of before on the same recipe."""
    iqm: Aggregate | None
    """Interquartile mean of how much worse now is than the median of before, as a share; None unless all measures are distances."""
    profile: tuple[tuple[float, float, float], ...]
    """Threshold of badness above the median of before, and the share of runs of before and of now that are no worse."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything that two sets of results have in common, and what they have not."""

    differences: tuple[Difference, ...]
    added: tuple[str, ...]
    """Recipes of now alone."""
    missing: tuple[str, ...]
    """Recipes of before alone."""
    incomparable: tuple[str, ...]
    """Measures by unlike protocols, with the parts that differ."""
    overall: Overall | None
    """None with fewer than two recipes."""
    notes: tuple[str, ...]

    def count(self, word: Word) -> int:
        """Number of comparisons with an outcome."""
        return sum(one.word == word for one in self.differences)


def compare(before: str | Path, now: str | Path, measures: Sequence[str] = ()) -> Comparison:
    """Compares two sets of results; runs nothing.

    >>> import ganbench, tempfile
    >>> before, now = tempfile.mkdtemp(), tempfile.mkdtemp()
    >>> for folder, level in ((before, 80.0), (now, 60.0)):
    ...     for seed in range(5):
    ...         with ganbench.log_run(folder, method="mine", data="faces", seed=seed, measures={"fid": "distance"}) as run:
    ...             run.log(1_000, fid=level + seed)
    >>> (found,) = compare(before, now).differences
    >>> found.recipe, found.word, round(found.change[0], 2)
    ('mine on faces', 'better', -0.24)

    Args:
        before: Folder given as ``out`` of :func:`ganbench.run`, a bank, a folder of logged runs, or one file of these.
        now: Likewise.
        measures: Names of measures, as "fd@digits-probe"; "all" takes all; none takes the first one of each recipe.

    Raises:
        RequestError: There are no results, or they have no recipe in common.
        UnknownName: No recipe has such a measure.
    """
    return compared(read_results(Path(before)), read_results(Path(now)), measures)


def compared(before: Results, now: Results, measures: Sequence[str] = ()) -> Comparison:
    """Compares two sets of results that were read.

    Args:
        before: Results.
        now: Likewise.
        measures: Names of measures, as "fd@digits-probe"; "all" takes all; none takes the first one of each recipe.

    Raises:
        RequestError: They have no recipe in common.
        UnknownName: No recipe has such a measure.
    """
    pairs, added, missing = aligned(before.recipes, now.recipes)
    if not pairs:
        there, here = (", ".join(names) or "none" for names in (missing, added))
        raise RequestError(f"{before.path} and {now.path} have no recipe in common: {there} against {here}")
    known = {name for old, _ in pairs.values() for name in old.measures}
    for asked in measures:
        if asked != "all" and asked not in known:
            raise UnknownName("measure", asked, known)
    found: list[Difference] = []
    incomparable = []
    decisive: list[tuple[str, str]] = []
    for name, (old, new) in pairs.items():
        chosen = list(old.measures) if "all" in measures else [one for one in measures if one in old.measures] or list(old.measures)[:1]
        for measure in chosen:
            theirs = new.measures.get(measure)
            if theirs is not None and (differ := measured_otherwise(old.measures[measure], theirs)):
                incomparable.append(f"{name}, {measure}: {differ}")
            elif theirs is None and any(not outcome.failure for outcome in new.outcomes):
                incomparable.append(f"{name}, {measure}: not measured now")
            else:
                found.append(_difference(name, measure, old, new))
                decisive += [(name, measure)] if measure == chosen[0] else []
    adjusted = holm([one.p for one in found])
    differences = tuple(replace(one, p_adjusted=p, word=_word(one, p)) for one, p in zip(found, adjusted, strict=True))
    same = {name: len(repeated(*pair)[0]) for name, pair in pairs.items()}
    notes = [f"{name}: {n} runs of the same seeds have the same outcome on both sides" for name, n in same.items() if n]
    notes += [f"not finished, so not counted: {line}" for side in (before, now) for line in side.unfinished]
    notes += [f"left out: {line}" for side in (before, now) for line in side.faults]
    return Comparison(
        differences=differences,
        added=tuple(added),
        missing=tuple(missing),
        incomparable=tuple(incomparable),
        overall=_overall([(*pairs[name], measure) for name, measure in decisive]),
        notes=tuple(notes),
    )


def aligned(before: Sequence[Recipe], now: Sequence[Recipe]) -> tuple[dict[str, tuple[Recipe, Recipe]], list[str], list[str]]:
    """Pairs the recipes of two sides: those with equal settings, then those that are alone of their method and data on both sides.

    Returns:
        The pairs by name, and the names of the recipes of now and of before that have no partner.
    """
    old_names, new_names = named(before), named(now)
    pairs: dict[str, tuple[Recipe, Recipe]] = {}
    for name, old in old_names.items():
        exact = [one for one in now if one.key == old.key]
        alike = [one for one in exact if one.measures == old.measures] or exact
        if alike:
            pairs[name] = old, alike[0]
    taken = {id(new) for _, new in pairs.values()}
    for name, old in old_names.items():
        mine = [one for one in old_names.values() if one.name == old.name and not any(one is pair[0] for pair in pairs.values())]
        theirs = [one for one in now if one.name == old.name and id(one) not in taken]
        if name not in pairs and len(mine) == len(theirs) == 1:
            pairs[name] = old, theirs[0]
            taken.add(id(theirs[0]))
    added = [name for name, one in new_names.items() if id(one) not in taken]
    return {name: pairs[name] for name in old_names if name in pairs}, added, [name for name in old_names if name not in pairs]


def _difference(name: str, measure: str, old: Recipe, new: Recipe) -> Difference:
    known = old.measures[measure]
    before, now = ([badness(old, measure, outcome) for outcome in recipe.outcomes] for recipe in (old, new))
    found = shift(before, now, 0.025)
    return Difference(
        recipe=name,
        measure=known,
        name=measure,
        before=_side(old, old, measure),
        now=_side(old, new, measure),
        change=(change_of(known, found.estimate), change_of(known, found.low), change_of(known, found.high)),
        better_in=1 - superiority(before, now),
        p=p_different(before, now),
        p_adjusted=1.0,
        word="no difference found",
        changes=tuple(unlike(old.settings, new.settings)),
    )


def _side(old: Recipe, recipe: Recipe, measure: str) -> Side:
    values = [badness(old, measure, outcome) for outcome in recipe.outcomes]
    failed, middle = values.count(math.inf), median(values)
    known = old.measures[measure]
    shown = math.exp(middle) if known.relative else -middle if known.higher_is_better else middle
    return Side(
        seeds=recipe.seeds,
        failures=failed,
        failure_rate=failure_rate(failed, len(values)),
        median=shown if math.isfinite(middle) else None,
        noise=noise([one.values[measure] for one in recipe.outcomes if not one.failure and measure in one.values]),
    )


def _word(found: Difference, p: float) -> Word:
    if min(len(found.before.seeds), len(found.now.seeds)) < REACH:
        return "too few runs"
    if p > LEVEL:
        return "no difference found"
    return "better" if found.better_in > 0.5 else "worse"


def _overall(parts: Sequence[tuple[Recipe, Recipe, str]]) -> Overall | None:
    """All recipes together, on the scale of how much worse than the median run of before."""
    if len(parts) < 2:
        return None
    sides: tuple[list[list[float]], list[list[float]]] = ([], [])
    for old, new, measure in parts:
        values = [[badness(old, measure, outcome) for outcome in recipe.outcomes] for recipe in (old, new)]
        middle = median(values[0])
        for side, mine in zip(sides, values, strict=True):
            side.append([value - middle if math.isfinite(middle) else value for value in mine])
    relative = all(old.measures[measure].relative for old, _, measure in parts)
    profiles = [performance_profile(side, THRESHOLDS) for side in sides]
    return Overall(
        recipes=len(parts),
        improvement=bootstrapped(probability_of_improvement, *sides),
        iqm=_as_share(bootstrapped(iqm, sides[1])) if relative else None,
        profile=tuple(zip(THRESHOLDS, *profiles, strict=True)) if relative else (),
    )


def _as_share(found: Aggregate) -> Aggregate:
    """A difference of logarithms as a share."""
    value, low, high = (math.expm1(one) if one < 700 else math.inf for one in (found.value, found.low, found.high))
    return Aggregate(value=value, low=low, high=high)

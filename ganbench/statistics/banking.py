"""How is a bank made or extended, and which tolerances can it decide on?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ganbench.errors import RequestError, UnknownName
from ganbench.plan.validation import validated
from ganbench.results.bank import Measure, Recipe, merged, named, write_recipe
from ganbench.statistics.outcomes import Results, badness, change_of, primary, read_results
from ganbench.statistics.power import PASSING, Population, proposed_tolerance
from ganbench.statistics.thresholds import FILE, Threshold, Thresholds, read_thresholds, write_thresholds
from ganbench.storage import writable_folder

FEWEST = 5
"""Baseline runs below which no tolerance is proposed; of so many the spread is known to a factor of 3 (95 % interval, normal values)."""
FLOOR = 0.01
"""Tolerance of a recipe whose runs do not differ, so that simulation proposes none."""
WHY = (
    "two stages, so that gross changes need 5 runs; both kinds of error are at most 5 %, of which the early look takes 1; "
    "a chance of 0.7 keeps significant but small changes from counting"
)


def make_bank(sources: Sequence[Path], bank: Path, measure: str | None = None) -> tuple[list[Path], Results]:
    """Writes the runs of some folders, and those that the bank already has, as a bank.

    What ``gate.toml`` says is kept; recipes that it does not name yet get the smallest tolerance with which an equal candidate passes in
    95 % of cases.

    Args:
        sources: Folders of runs, or files.
        bank: Folder of the bank.
        measure: Name of the measure that decides; None takes each recipe's first.

    Returns:
        The files that were written, and the bank.

    Raises:
        RequestError: There are no runs, too few, or two different ones of one recipe with the same seed.
    """
    found = [read_results(path) for path in sources]
    there = [read_results(bank)] if any(bank.glob("*.json")) else []
    faults = [fault for one in (*there, *found) for fault in one.faults]
    if faults:
        raise RequestError(f"{faults[0]}; a bank is made of runs that can all be read")
    recipes = merged([recipe for one in (*there, *found) for recipe in one.recipes], str(bank))
    names = named(recipes)
    for name, recipe in names.items():
        if not recipe.measures:
            raise RequestError(f"{name}: none of its runs has a score, so that nothing can be held against it")
        sound = sum(not outcome.failure for outcome in recipe.outcomes)
        if sound < FEWEST:
            said = f"{len(recipe.outcomes)} runs" + (f", of which {sound} ended well," if sound < len(recipe.outcomes) else "")
            raise RequestError(f"{name}: {said} are no bank; it takes at least {FEWEST} seeds, and 20 to see changes")
    thresholds = _kept(read_thresholds(bank), named(there[0].recipes) if there else {}, names) if (bank / FILE).is_file() else _default()
    for name, recipe in names.items():
        if name not in thresholds.recipes:
            threshold = _proposed(recipe, primary(recipe, measure), thresholds, len(names))
            thresholds = replace(thresholds, recipes={**thresholds.recipes, name: threshold})
        elif measure is not None and thresholds.recipes[name].measure != measure:
            raise RequestError(
                f"{bank / FILE}: {name} is decided by {thresholds.recipes[name].measure}; change it there, with its tolerance"
            )
    writable_folder(bank)
    written = [write_recipe(bank, recipe) for recipe in recipes]
    written.append(write_thresholds(bank, thresholds, names))
    return written, Results(path=bank, recipes=tuple(recipes))


def _default() -> Thresholds:
    thresholds = Thresholds()
    return replace(thresholds, rule=replace(thresholds.rule, reason=WHY))


def _kept(thresholds: Thresholds, before: Mapping[str, Recipe], now: Mapping[str, Recipe]) -> Thresholds:
    """What was asked of each recipe, under the name that it has now: another of its name may have joined, so that both are told apart."""
    keys = {recipe.key: name for name, recipe in now.items()}
    moved = {keys.get(before[name].key, name) if name in before else name: one for name, one in thresholds.recipes.items()}
    return replace(thresholds, recipes=moved)


def _proposed(recipe: Recipe, measure: str, thresholds: Thresholds, together: int) -> Threshold:
    """The tolerance that this recipe's runs can decide on, rounded up to two digits."""
    values, known = [badness(recipe, measure, outcome) for outcome in recipe.outcomes], recipe.measures[measure]
    spread = Population(values).sd
    chances = ((passing, proposed_tolerance(values, thresholds.rule, together, passing)) for passing in (PASSING, 0.8, 0.5))
    passing, shift = next(((chance, found) for chance, found in chances if math.isfinite(found)), (0.0, 1.5 * spread))
    unit = f"{100 * change_of(known, spread):.2g} %" if known.relative else f"{spread:.2g}"
    failed = values.count(math.inf)
    if not shift:
        reason = "the runs do not differ, so that any change shows"
    elif passing:
        reason = (
            f"the smallest with which an equal candidate passes in {100 * passing:.0f} % of cases, simulated from these {len(values)} runs "
            f"(standard deviation {unit}{f', {failed} failed' if failed else ''})"
        )
    else:
        reason = f"1.5 standard deviations: {failed} of {len(values)} runs failed, so that equal candidates seldom pass with any tolerance"
    tolerance = _rounded_up(change_of(known, shift)) if shift else FLOOR
    return validated(Threshold, {"measure": measure, "tolerance": tolerance, "reason": reason}, FILE)


def _rounded_up(value: float) -> float:
    """A number above 0 rounded up to two significant digits."""
    unit = 10 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(round(value / unit, 6)) * unit:.6g}")


def selected(bank: Results, asked: Sequence[str]) -> Results:
    """The bank with only the recipes that were asked for, all if none were.

    Raises:
        RequestError: It has no such recipe.
    """
    names = named(bank.recipes)
    unknown = next((name for name in asked if name not in names), None)
    if unknown is not None:
        raise UnknownName("recipe", unknown, names, f"those of {bank.path}")
    return replace(bank, recipes=tuple(recipe for name, recipe in names.items() if not asked or name in asked))


def measure_of(recipe: Recipe, threshold: Threshold) -> Measure:
    """The measure that decides on a recipe.

    Raises:
        RequestError: ``gate.toml`` names one that the recipe does not have.
    """
    return recipe.measures[primary(recipe, threshold.measure)]

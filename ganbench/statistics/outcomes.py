"""How did every run of a recipe end? (from records, banks and logs of other training loops)"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.diagnostics.collapse import lifeless
from ganbench.errors import RequestError
from ganbench.plan.naming import setup
from ganbench.plan.spec import JOINED_LATER, RunSpec
from ganbench.results.bank import Measure, Outcome, Recipe, Value, merged, read_recipe, rounded
from ganbench.results.folders import find_records
from ganbench.results.record import Record, Score, read_record
from ganbench.statistics.leaderboard import final_over_best
from ganbench.statistics.series import volatility
from ganbench.storage import read_json

TINY = 1e-12
"""Distance below which there is nothing but rounding; its logarithm stands for those of smaller ones."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """The recipes at one path, and what could not be taken from there."""

    path: Path
    recipes: tuple[Recipe, ...]
    unfinished: tuple[str, ...] = ()
    """Runs that a fault of the machine interrupted, or that were skipped: they say nothing about their method."""
    faults: tuple[str, ...] = ()
    """A line about every file that cannot be read."""


def read_results(path: Path) -> Results:
    """Reads a folder of ``ganbench run``, a bank, a folder of logged runs, or one file of any of them.

    Raises:
        RequestError: There is nothing of that kind.
    """
    if path.is_file():
        if read_json(path, "give a record.json, or a file of a bank").get("kind") == "recipe":
            return Results(path=path, recipes=(read_recipe(path),))
        return results_of(path, [read_record(path)], ())
    of_runs = [path] if (path / "runs").is_dir() else []
    files = [file for file in sorted(path.glob("*.json")) if file.name != "manifest.json"] if path.is_dir() else []
    recipes, faults = [], []
    for file in files:
        try:
            if not of_runs or read_json(file).get("kind") == "recipe":  # beside runs there may be other files
                recipes.append(read_recipe(file))
        except RequestError as error:
            faults.append(str(error))
    found = [results_of(path, [*one.records, *one.interrupted], one.faults) for one in map(find_records, of_runs)]
    together = Results(
        path=path,
        recipes=tuple(merged([*recipes, *(recipe for one in found for recipe in one.recipes)], str(path))),
        unfinished=tuple(line for one in found for line in one.unfinished),
        faults=(*faults, *(line for one in found for line in one.faults)),
    )
    if not together.recipes and together.faults:
        raise RequestError(together.faults[0])
    if not together.recipes and not together.unfinished:
        raise RequestError(
            f"{path}: holds no runs and no bank; give the --out of a `ganbench run`, a folder of `ganbench.log_run`, "
            "or a bank, which `ganbench gate bank DIR --out BANK` writes"
        )
    return together


def results_of(path: Path, records: Sequence[Record], faults: Iterable[str] = ()) -> Results:
    """The recipes of records.

    Args:
        path: Where they came from.
        records: Runs, ended or not.
        faults: A line about every file there that cannot be read.

    Raises:
        RequestError: Two of them have the same recipe and seed, and different outcomes.
    """
    ended = [record for record in records if record.status in ("done", "diverged", "failed")]
    return Results(
        path=path,
        recipes=tuple(recipes_of(ended, str(path))),
        unfinished=tuple(f"{record.spec.slug}: {record.status}: {record.reason}" for record in records if record not in ended),
        faults=tuple(faults),
    )


def recipes_of(records: Iterable[Record], where: str) -> list[Recipe]:
    """Groups records by recipe.

    Args:
        records: Runs that have ended.
        where: Where they came from, for error messages.

    Raises:
        RequestError: Two of them have the same seed and different outcomes.
    """
    return merged((_recipe_of(record) for record in records), where)


def _recipe_of(record: Record) -> Recipe:
    """A recipe of one run; that of a run without scores names no measures, which others of its group do."""
    judged = [score for score in sorted(record.scores, key=lambda score: score.column[2] != "ema") if score.higher_is_better is not None]
    return Recipe(
        method=record.spec.variant.name,
        data=record.spec.dataset.name,
        settings=_settings(record.spec),
        measures={_key(score): _measure(score) for score in judged},
        outcomes=(_outcome(record, judged),),
    )


def recipe_key(spec: RunSpec) -> str:
    """Key of the recipe that a run belongs to."""
    return Recipe(method=spec.variant.name, data=spec.dataset.name, settings=_settings(spec), measures={}, outcomes=()).key


def _settings(spec: RunSpec) -> dict[str, Any]:
    """Everything that was chosen for a training but its seed, without what is empty.

    Also without fields that joined the spec later, while they have their defaults, so that older banks keep their recipes.
    """
    data = {f"dataset.{key}": getattr(spec.dataset, key) for key in ("content", "resolution", "channels", "n_train")}
    chosen = {**{key: value for key, value in setup(spec).items() if key != "variant"}, **data}
    later = {("version" if part == "variant" else f"{part}.{name}"): default for (part, name), default in JOINED_LATER.items()}
    return {key: value for key, value in chosen.items() if value is not None and not (key in later and value == later[key])}


def _key(score: Score) -> str:
    """Name of a score's measure: metric and extractor, marked if it is of raw weights."""
    metric, extractor, weights = score.column
    return f"{metric}@{extractor}" + (":raw" if weights == "raw" else "")


def _measure(score: Score) -> Measure:
    metric_and_data = {key: value for key, value in score.protocol.items() if key not in ("metric", "weights")}
    return Measure(
        label=score.label + (" (raw)" if score.column[2] == "raw" else ""),
        higher_is_better=bool(score.higher_is_better),
        relative=score.is_distance,
        protocol=metric_and_data,
    )


def _outcome(record: Record, scores: Sequence[Score]) -> Outcome:
    timing, hardware = record.timing, record.provenance.get("hardware", {})
    gap, unrest = final_over_best(record), _volatility(record)
    return Outcome(
        seed=record.spec.seed,
        failure=failure(record),
        values={_key(score): Value(value=rounded(score.value), low=rounded(score.ci_low), high=rounded(score.ci_high)) for score in scores},
        final_over_best=None if gap is None else rounded(gap),
        volatility=None if unrest is None else rounded(unrest),
        images_per_s=rounded(timing.training.median) if timing and timing.training else None,
        machine=_machine(record, hardware),
        environment=str(record.provenance.get("fingerprint", "")),
        weights_sha256=dict(record.weights_sha256),
    )


def failure(record: Record) -> str:
    """Why a run counts as failed; empty if it ended with samples that differ from each other."""
    if record.divergence:
        return f"diverged after {record.divergence.images_seen:,} images: {record.divergence.detail}"
    if record.error:
        return f"failed in {record.error.stage}: {record.error.type}: {record.error.message.partition(chr(10))[0]}"
    alike = lifeless(record.diagnostics)
    return f"ended lifeless: {alike}" if alike else ""


def _volatility(record: Record) -> float | None:
    """That of the first score with a direction, of EMA weights."""
    judged = [one for one in record.evaluations if one.weights == "ema" and any(s.higher_is_better is not None for s in one.scores)]
    values = [next(score.value for score in one.scores if score.higher_is_better is not None) for one in judged]
    return volatility([one.images_seen for one in judged], values)


def _machine(record: Record, hardware: dict[str, Any]) -> str:
    """Everything that a speed depends on besides the code, in one line."""
    if record.timing is None:
        return ""
    device = record.timing.device if record.timing.device != "cpu" else f"{hardware.get('cpu')} {hardware.get('cpu_capability')}"
    engine = record.provenance.get("flags", {}).get("engine", "eager")
    kernels = "deterministic" if record.timing.deterministic else "free"
    return f"{device}, {record.timing.threads} threads, {hardware.get('runs_at_a_time', 1)} runs at a time, {engine}, {kernels} kernels"


def badness(recipe: Recipe, measure: str, outcome: Outcome) -> float:
    """An outcome as one number of which larger is worse, on a scale where changes add up: infinite for a failure.

    For a distance that is the natural logarithm, so that differences are shares of the value; else the value itself, with its sign turned
    if higher is better.
    """
    found = outcome.values.get(measure)
    if outcome.failure or found is None:
        return math.inf
    known = recipe.measures[measure]
    if known.relative:
        return math.log(max(found.value, TINY))
    return -found.value if known.higher_is_better else found.value


def change_of(measure: Measure, shift: float) -> float:
    """A shift on the scale of :func:`badness` as people state it: of distances a share of the value (0.1 is a tenth worse), else itself."""
    if not measure.relative:
        return shift
    return math.expm1(shift) if shift < 700 else math.inf  # beyond which it is no number of a computer's


def primary(recipe: Recipe, asked: str | None = None) -> str:
    """Name of the measure that decides.

    Raises:
        RequestError: The recipe has no such measure.
    """
    if asked is None:
        return next(iter(recipe.measures))
    if asked not in recipe.measures:
        raise RequestError(f"{recipe.name} has no measure {asked!r}; it has {', '.join(recipe.measures)}")
    return asked


def repeated(old: Recipe, new: Recipe) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which runs of the baseline a candidate has again: seeds with the same outcome, and seeds with another one in the same environment.

    Outcomes are the same if the final weights have the same hashes within one environment or, where neither side has hashes, if all values
    are equal. Whether such a run was made again or only copied cannot be told.
    """
    if old.key != new.key:
        return (), ()
    before = {outcome.seed: outcome for outcome in old.outcomes}
    same: list[int] = []
    other: list[int] = []
    for now in new.outcomes:
        was = before.get(now.seed)
        if was is None:
            continue
        if was.weights_sha256 and now.weights_sha256:
            if was.environment and was.environment == now.environment:
                (same if was.weights_sha256 == now.weights_sha256 else other).append(now.seed)
        elif not was.weights_sha256 and not now.weights_sha256 and (was.failure, was.values) == (now.failure, now.values):
            same.append(now.seed)
    return tuple(same), tuple(other)

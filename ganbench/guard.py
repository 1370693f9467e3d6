"""Has training become worse? (runs what is missing of a candidate, and holds it against a bank)"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path

from ganbench.errors import RequestError
from ganbench.execution.reporter import Reporter
from ganbench.matrix import Watch, run
from ganbench.plan.naming import setup
from ganbench.plan.requests import requested
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec
from ganbench.plan.suite import load_suite
from ganbench.results.bank import Recipe, named
from ganbench.results.traces import FOLDER as TRACES
from ganbench.results.traces import difference, read_traces, write_trace
from ganbench.statistics.banking import selected
from ganbench.statistics.gate import Verdict, judge
from ganbench.statistics.outcomes import Results, read_results, recipe_key
from ganbench.statistics.thresholds import read_thresholds

TRACED_SEEDS = 2
"""Seeds of each recipe whose first steps a bank keeps."""


Train = Callable[[int, Path], object]
"""Trains with a seed, and logs the run into a folder with :func:`ganbench.log_run`."""


def gate(
    bank: str | Path,
    candidate: str | Path,
    *,
    suite: str | Path | None = None,
    train: Train | None = None,
    neutral: bool = False,
    recipes: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
    speed: bool = False,
    runtime: Runtime | None = None,
    workers: int | None = None,
    watch: Watch = lambda suite, total, missing, places: Reporter(),
    say: Callable[[str], None] = lambda line: None,
) -> Verdict:
    """Holds a candidate against a bank, after training as few runs as decide it.

    >>> import ganbench, tempfile
    >>> from ganbench.statistics.banking import make_bank
    >>> def train(seed, out, level=80.0):
    ...     with ganbench.log_run(out, method="mine", data="faces", seed=seed, measures={"fid": "distance"}) as run:
    ...         run.log(1_000, fid=level + seed % 7)
    >>> runs, bank = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
    >>> for seed in range(20):
    ...     train(seed, runs)
    >>> written, _ = make_bank([runs], bank)
    >>> gate(bank, tempfile.mkdtemp(), train=lambda seed, out: train(seed, out, level=120.0)).word
    'REGRESSED'

    Args:
        bank: Folder of the bank.
        candidate: Folder of the candidate's runs, or one of its files; with a suite or a loop, where runs are written.
        suite: Suite with the recipes of the bank: what is missing is run, with the seeds that follow the bank's.
        train: A training loop of one's own in place of a suite: trains with a seed, and logs the run into a folder.
        neutral: Whether the change claims equal bits, so that the first steps are compared before anything else.
        recipes: Names of the bank's recipes to judge; none judges all.
        renamed: The bank's name of a method by the candidate's, where they differ.
        speed: Whether a loss of speed counts.
        runtime: Runtime settings of the candidate's runs; they should be those of the bank's.
        workers: Number of runs at a time.
        watch: Makes a reporter of runs that are carried out.
        say: Receives a line about each thing that takes long.

    Returns:
        The verdict.

    Raises:
        RequestError: The request is invalid, or there are no runs to judge.
    """
    folder, out, how, names = Path(bank), Path(candidate), runtime or Runtime(), renamed or {}
    whole, thresholds = read_results(folder), read_thresholds(folder)
    baseline, fresh = selected(whole, recipes), fresh_seeds(whole.recipes, thresholds.rule.runs[-1])
    known = named(baseline.recipes)
    if suite is not None and train is not None:
        raise RequestError("give a suite or a training loop, not both")
    specs = {} if suite is None else _specs(baseline, str(suite), names)
    for name in specs:
        _check_measured(specs[name][0], thresholds.of(name).measure, str(suite), name)
    notes: list[str] = []
    if neutral:
        if not specs:
            raise RequestError("whether bits are equal shows by training: name the suite of the bank's recipes with --suite")
        notes, equal = compare_traces(folder, baseline, specs, how, say)
        if equal:
            return Verdict(word="PASS", judgements=(), notes=tuple(notes))
    if not specs and train is None:
        if out.resolve() == folder.resolve():
            raise RequestError(f"{out}: is the bank itself; give the folder of the candidate's runs")
        verdict = judge(baseline, read_results(out), thresholds, names, speed, not recipes)
        return replace(verdict, notes=(*notes, *verdict.notes))
    if there := _present(out, fresh):
        notes.append(f"{there} runs were in {out} before and count as the candidate's: take a new folder for every candidate")
    undecided = list(known)
    for runs in thresholds.rule.runs:
        for name in undecided if specs else ():
            say(f"{name}: {runs} runs with seeds {fresh[0]} to {fresh[runs - 1]}")
            only = [f"variant={specs[name][0].variant.name}", f"dataset={specs[name][0].dataset.name}"]
            run(str(suite), out, settings=[f"seeds={fresh[:runs]}"], only=only, runtime=how, workers=workers, watch=watch)
        if train is not None:
            _train(train, fresh[:runs], out, {(one.method, one.data) for one in baseline.recipes}, say)
        verdict = judge(baseline, _of_seeds(read_results(out), fresh), thresholds, names, speed, not recipes)
        undecided = [one.recipe for one in verdict.judgements if one.word == "INCONCLUSIVE"]
        if not undecided:
            break
    return replace(verdict, notes=(*notes, *verdict.notes))


def fresh_seeds(recipes: Sequence[Recipe], runs: int) -> list[int]:
    """Seeds of a candidate's runs: those that follow the bank's, so that they are draws of their own."""
    first = 1 + max(seed for recipe in recipes for seed in recipe.seeds)
    return [first + number for number in range(runs)]


def _present(folder: Path, seeds: Sequence[int]) -> int:
    """Number of runs of these seeds that a folder has already."""
    if not (folder / "runs").is_dir() and not any(folder.glob("*.json")):
        return 0
    return sum(outcome.seed in seeds for recipe in read_results(folder).recipes for outcome in recipe.outcomes)


def _of_seeds(results: Results, seeds: Sequence[int]) -> Results:
    """The runs whose seeds are a candidate's: a folder may hold runs of the baseline as well."""
    kept = [replace(one, outcomes=tuple(outcome for outcome in one.outcomes if outcome.seed in seeds)) for one in results.recipes]
    return replace(results, recipes=tuple(one for one in kept if one.outcomes))


def _train(train: Train, seeds: Sequence[int], folder: Path, recipes: Set[tuple[str, str]], say: Callable[[str], None]) -> None:
    """Trains with the seeds of which a folder does not have all runs yet.

    Raises:
        RequestError: The loop logged nothing.
    """
    for seed in seeds:
        if recipes <= _logged(folder, seed).keys():
            continue
        say(f"seed {seed}")
        try:
            train(seed, folder)
        except Exception:
            if not any(_logged(folder, seed).values()):
                raise  # the error is no end of a run, of which the log would say that it failed
        if not _logged(folder, seed):
            raise RequestError(f"the training loop logged no run with seed {seed} in {folder}; give both to ganbench.log_run")


def _logged(folder: Path, seed: int) -> dict[tuple[str, str], str]:
    """Why each run with a seed that a folder has failed, empty if it did not, by method and data."""
    there = read_results(folder).recipes if any(folder.glob("*.json")) else ()
    return {(one.method, one.data): outcome.failure for one in there for outcome in one.outcomes if outcome.seed == seed}


def _specs(bank: Results, suite: str, renamed: Mapping[str, str]) -> dict[str, list[RunSpec]]:
    """The suite's specs of each recipe of the bank, one a seed.

    Raises:
        RequestError: The suite lacks a recipe, or has several that could stand for it.
    """
    loaded, specs = load_suite(suite, [], [])
    found: dict[str, list[RunSpec]] = {}
    for name, recipe in named(bank.recipes).items():
        same = [s for s in specs if (renamed.get(s.variant.name, s.variant.name), s.dataset.name) == (recipe.method, recipe.data)]
        exact = [spec for spec in same if recipe_key(spec) == recipe.key]
        setups = {str(setup(spec)) for spec in exact or same}
        if len(setups) != 1:
            why = "has no runs" if not setups else f"has {len(setups)} configurations"
            raise RequestError(f"suite {loaded.name} {why} of {name}; name the recipes to judge with --recipe, or another suite")
        found[name] = exact or same
    return found


def _check_measured(spec: RunSpec, measure: str, suite: str, name: str) -> None:
    """Raises a RequestError unless a run will measure what decides, which is better known before the training than after it."""
    plan = spec.evaluation
    planned = [f"{one.name}@{one.extractor}" for one in requested(plan.metrics, plan.extractor, where=suite)]
    if measure.removesuffix(":raw") not in planned:
        raise RequestError(f"suite {suite} measures {', '.join(planned)} of {name}, and the bank is decided by {measure}; add that metric")


def compare_traces(
    folder: Path, bank: Results, specs: Mapping[str, Sequence[RunSpec]], runtime: Runtime, say: Callable[[str], None]
) -> tuple[list[str], bool]:
    """Trains the first steps of the runs that a bank has traces of, and compares their bits.

    Args:
        folder: Folder of the bank.
        bank: Its recipes in question.
        specs: Specs of each recipe by its name.
        runtime: Runtime settings.
        say: Receives a line about each trace.

    Returns:
        A line for each recipe, and whether all of them have equal bits.

    Raises:
        RequestError: The bank has no traces.
    """
    from ganbench.pipeline.tracing import traced

    known, notes, equal = read_traces(folder), [], True
    for name, recipe in named(bank.recipes).items():
        traces = [trace for (key, _), trace in known.items() if key == recipe.key]
        if not traces:
            raise RequestError(f"{folder}: has no traces of {name}; `ganbench gate bank {folder} --suite SUITE` makes them")
        for before in traces:
            say(f"{name}: the first {len(before.logs)} steps with seed {before.seed}")
            now = traced(replace(specs[name][0], seed=before.seed), runtime, recipe.key, len(before.logs))
            found = difference(before, now)
            if now.environment != before.environment:
                said = "other versions, processor or settings than the bank's: whether the bits are equal cannot be told"
            else:
                said = str(found) if found else f"the first {len(before.logs)} steps have the same bits"
            equal = equal and found is None
            notes.append(f"{name}, seed {before.seed}: {said}")
    return notes, equal


def trace_bank(folder: Path, bank: Results, suite: str, runtime: Runtime, say: Callable[[str], None]) -> list[Path]:
    """Adds the first steps of two seeds of every recipe to a bank.

    Args:
        folder: Folder of the bank.
        bank: Its recipes.
        suite: Suite with the same recipes.
        runtime: Runtime settings.
        say: Receives a line about each trace.

    Returns:
        The files.

    Raises:
        RequestError: The suite does not have these recipes with these settings.
    """
    from ganbench.pipeline.tracing import traced

    specs = _specs(bank, suite, {})
    unlike = next((name for name, recipe in named(bank.recipes).items() if recipe_key(specs[name][0]) != recipe.key), None)
    if unlike is not None:
        raise RequestError(f"suite {suite} has other settings of {unlike} than the bank; give the suite that its runs came from")
    written = []
    for name, recipe in named(bank.recipes).items():
        for seed in recipe.seeds[:TRACED_SEEDS]:
            say(f"{name}: the first steps with seed {seed}")
            written.append(write_trace(folder / TRACES, traced(replace(specs[name][0], seed=seed), runtime, recipe.key)))
    return written

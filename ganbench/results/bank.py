"""What is kept of the runs of a recipe, so that others can be held against them? (small JSON files to commit)

A bank is a folder with one file a recipe, ``<method>-<data>-<id>.json``, and ``gate.toml`` with what is asked of candidates. Runs of other
training loops come in files of the same form (``ganbench.log_run``), a run each.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ganbench.errors import RequestError
from ganbench.plan.spec import ConfigValue
from ganbench.plan.validation import validated
from ganbench.storage import read_json, write_text

SCHEMA_VERSION = 1
DIGITS = 6
"""Significant digits of the values in a file: more than any interval resolves, and few enough to read."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number by which runs are compared."""

    label: str
    """Name in tables ("FD·digits-probe")."""
    higher_is_better: bool
    relative: bool
    """Whether a change counts as a share of the value, as of distances, which are above 0; else as a difference."""
    protocol: dict[str, ConfigValue] = field(default_factory=dict)
    """Everything besides the examples that the value depends on; only values with equal protocols are compared."""


NOTHING = Measure(label="", higher_is_better=False, relative=False)
"""The measure of runs that have none."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A measured number, with the interval of its own sampling noise where it is known."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one run ended with."""

    seed: int
    failure: str = ""
    """Why it counts as failed: it diverged, raised an error, or ended with samples that are all alike; empty if it ended well."""
    values: dict[str, Value] = field(default_factory=dict)
    """By name of the measure, at the end of the run."""
    final_over_best: float | None = None
    """Ratio by which the final value of the first measure is worse than the run's best one; 1 means equally good."""
    volatility: float | None = None
    """Standard deviation of the first measure over the last third of the run's evaluations, as a share of its mean there."""
    images_per_s: float | None = None
    """Real images a second in training steps."""
    machine: str = ""
    """Under what it was timed; speeds of unlike machines are not compared."""
    environment: str = ""
    """Fingerprint within which the same run gives the same bits; empty if unknown."""
    weights_sha256: dict[str, str] = field(default_factory=dict)
    """Hashes of the final weights."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The runs of one method with one configuration on one data set, which differ in their seeds alone."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["recipe"] = "recipe"
    method: str
    data: str
    settings: dict[str, ConfigValue] = field(default_factory=dict)
    """Everything that was chosen for the training, as one flat table."""
    measures: dict[str, Measure]
    """By name; the first one decides unless another is asked for."""
    outcomes: tuple[Outcome, ...]
    """Sorted by seed, which are all different."""

    @property
    def name(self) -> str:
        """The recipe in words, as tables and thresholds name it."""
        return f"{self.method} on {self.data}"

    @property
    def key(self) -> str:
        """Eight hexadecimal digits that are equal for equal methods, data and settings."""
        canonical = json.dumps([self.method, self.data, self.settings], sort_keys=True, default=list)
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of its runs."""
        return tuple(outcome.seed for outcome in self.outcomes)


def write_recipe(folder: Path, recipe: Recipe, name: str = "") -> Path:
    """Writes a recipe into a folder, one run a line, and returns the file.

    Args:
        folder: An existing folder.
        recipe: The recipe.
        name: Name of the file without ".json"; empty for the bank's own.
    """
    path = folder / f"{name or recipe_slug(recipe)}.json"
    head = {key: value for key, value in asdict(recipe).items() if key != "outcomes"}
    lines = ",\n".join(f"  {_line(asdict(outcome))}" for outcome in recipe.outcomes)
    text = json.dumps(head, indent=1, sort_keys=False, allow_nan=False, ensure_ascii=False).removesuffix("\n}")
    write_text(path, f'{text},\n "outcomes": [\n{lines}\n ]\n}}\n')
    return path


def read_recipe(path: Path) -> Recipe:
    """Reads a file of runs.

    Raises:
        RequestError: It is none, of another schema, or holds a seed twice.
    """
    data = read_json(path, "give a file that `ganbench gate bank` or `ganbench.log_run` wrote")
    if data.get("kind") != "recipe":
        raise RequestError(f"{path}: holds no runs of a recipe; `ganbench gate bank DIR --out BANK` writes such files")
    if data.get("schema_version") != SCHEMA_VERSION:
        raise RequestError(f"{path}: has schema {data.get('schema_version')!r}, and this ganbench reads {SCHEMA_VERSION}; update ganbench")
    recipe = validated(Recipe, data, str(path))
    return merged([recipe], str(path))[0]


def merged(recipes: Iterable[Recipe], where: str) -> list[Recipe]:
    """Puts recipes with equal methods, data, settings and protocols together, with their runs sorted by seed.

    Args:
        recipes: Any recipes.
        where: Where they came from, for error messages.

    Raises:
        RequestError: Two of their runs have the same seed and different outcomes.
    """
    groups: list[Recipe] = []
    for recipe in sorted(recipes, key=lambda one: not one.measures):  # runs without a score join a group that has some
        place = next((place for place, known in enumerate(groups) if _belong(known, recipe)), len(groups))
        known = groups[place] if place < len(groups) else replace(recipe, outcomes=())
        outcomes = {outcome.seed: outcome for outcome in known.outcomes}
        for outcome in recipe.outcomes:
            if _result(outcomes.setdefault(outcome.seed, outcome)) != _result(outcome):
                raise RequestError(f"{where}: {recipe.name} has two different runs with seed {outcome.seed}; a seed counts once")
        together = tuple(outcomes[seed] for seed in sorted(outcomes))
        groups[place:] = [replace(known, measures={**known.measures, **recipe.measures}, outcomes=together), *groups[place + 1 :]]
    return groups


def named(recipes: Sequence[Recipe]) -> dict[str, Recipe]:
    """The recipes by a name each: their own, with the settings and parts of the protocol in which those of the same name differ."""
    groups: dict[str, list[Recipe]] = {}
    for recipe in recipes:
        groups.setdefault(recipe.name, []).append(recipe)
    found: dict[str, Recipe] = {}
    for name, group in groups.items():
        tables = [_plain({**next(iter(one.measures.values()), NOTHING).protocol, **one.settings}) for one in group]
        keys = [
            key for key in dict.fromkeys(key for one in tables for key in one) if any(one.get(key) != tables[0].get(key) for one in tables)
        ]
        for one, table in zip(group, tables, strict=True):
            shown = ", ".join(f"{short(key)}={table.get(key)}" for key in keys)
            found[f"{name} ({shown})" if shown else name] = one
    return found


def short(key: str) -> str:
    """Name of a setting without the table that it stands in."""
    return key.removeprefix("config.").removeprefix("training.")


def unlike(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The entries in which two flat tables differ, as "learning_rate: 0.0002, now 0.0003"."""
    here, there = _plain(ours), _plain(theirs)
    keys = [key for key in dict.fromkeys([*here, *there]) if here.get(key) != there.get(key)]
    return [f"{short(key)}: {here.get(key)}, now {there.get(key)}" for key in keys]


def rounded(number: float) -> float:
    """A number with as many digits as a file keeps."""
    return float(f"{number:.{DIGITS}g}")


def measured_otherwise(ours: Measure, theirs: Measure) -> str:
    """How two measures of one name differ, so that their values cannot be compared; empty if they do not."""
    kinds = [{"higher_is_better": one.higher_is_better, "relative": one.relative} for one in (ours, theirs)]
    return "; ".join([*unlike(*kinds), *unlike(ours.protocol, theirs.protocol)])


def _belong(known: Recipe, recipe: Recipe) -> bool:
    """Whether the runs of two recipes are of one."""
    shared = known.measures.keys() & recipe.measures.keys()
    return known.key == recipe.key and all(known.measures[name] == recipe.measures[name] for name in shared)


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table with lists in place of tuples, as JSON gives them back."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in table.items()}


def recipe_slug(recipe: Recipe) -> str:
    """Name of a recipe's file."""
    return "-".join([*(re.sub(r"[^A-Za-z0-9._]+", "_", part) for part in (recipe.method, recipe.data)), recipe.key])


def _line(outcome: Mapping[str, Any]) -> str:
    """An outcome as JSON on one line, without empty fields."""
    kept = {key: value for key, value in outcome.items() if value not in (None, "", {})}
    values = {name: {key: number for key, number in value.items() if number is not None} for name, value in outcome["values"].items()}
    return json.dumps({**kept, **({"values": values} if values else {})}, allow_nan=False, ensure_ascii=False)


def _result(outcome: Outcome) -> tuple[str, dict[str, Value]]:
    """What a repetition of a run on the same machine has in common with it: not its speed."""
    return outcome.failure, outcome.values

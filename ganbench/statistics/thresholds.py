"""What does the gate ask of a candidate? (``gate.toml`` in a bank's folder, every value with its reason)"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

from ganbench.errors import RequestError, UnknownName
from ganbench.plan.validation import validated
from ganbench.results.bank import Measure, Recipe
from ganbench.storage import parsed_toml, read_bytes, write_text

FILE = "gate.toml"
Share = Annotated[float, Gt(0), Lt(0.5)]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The rule of all recipes of a bank."""

    runs: tuple[Annotated[int, Gt(1)], ...] = (5, 10)
    """Numbers of candidate runs at which there is a decision, rising."""
    alphas: tuple[Share, ...] = (0.01, 0.04)
    """Error of either kind that each of these decisions may have; together those of the gate."""
    superiority: Annotated[float, Ge(0.5), Le(1)] = 0.7
    """Chance with which a candidate's run must be worse than one of the baseline for a significant change to count."""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What is asked of one recipe."""

    measure: str
    """Name of the measure that decides."""
    tolerance: Annotated[float, Gt(0)]
    """Smallest change for the worse that matters: a share of the value for distances (0.1 is a tenth worse), else a difference."""
    speed: Annotated[float, Gt(0)] = 0.1
    """Smallest loss of speed that matters, as a share."""
    reason: str = ""

    def as_shift(self, measure: Measure) -> float:
        """The tolerance on the scale on which values are compared."""
        return math.log1p(self.tolerance) if measure.relative else self.tolerance


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The contents of a bank's ``gate.toml``."""

    rule: Rule = field(default_factory=Rule)
    recipes: Mapping[str, Threshold] = field(default_factory=dict)
    """By name of the recipe."""

    def of(self, name: str) -> Threshold:
        """What is asked of a recipe.

        Raises:
            UnknownName: The file says nothing about it.
        """
        if name not in self.recipes:
            raise UnknownName(f"recipe in {FILE}", name, self.recipes, "`ganbench gate bank` adds what is missing")
        return self.recipes[name]


def read_thresholds(bank: Path) -> Thresholds:
    """Reads ``gate.toml`` of a bank.

    Raises:
        RequestError: It is missing, or a value does not fit.
    """
    path = bank / FILE
    if not path.is_file():
        raise RequestError(f"{path}: is missing; `ganbench gate bank {bank}` writes one, with tolerances that this bank can decide on")
    found = validated(Thresholds, parsed_toml(read_bytes(path).decode("utf-8", "replace"), str(path)), str(path))
    rule = found.rule
    if not rule.runs or len(rule.runs) != len(rule.alphas) or any(later <= earlier for earlier, later in pairwise(rule.runs)):
        raise RequestError(f"{path}: rule.runs = {list(rule.runs)}, rule.alphas = {list(rule.alphas)}: as many of each, and rising runs")
    return found


def write_thresholds(bank: Path, thresholds: Thresholds, recipes: Mapping[str, Recipe]) -> Path:
    """Writes ``gate.toml``; what it said before about a recipe must be among the thresholds."""
    rule = thresholds.rule
    lines = [
        "# What the gate asks of candidates of this bank. Change a value together with its reason.",
        "",
        "[rule]",
        f"runs = {list(rule.runs)}  # a decision after so many candidate runs",
        f"alphas = {list(rule.alphas)}  # error of either kind that each decision may have",
        f"superiority = {rule.superiority}",
        f"reason = {json.dumps(rule.reason, ensure_ascii=False)}",
    ]
    for name, one in thresholds.recipes.items():
        relative = name in recipes and one.measure in recipes[name].measures and recipes[name].measures[one.measure].relative
        lines += [
            "",
            f"[recipes.{json.dumps(name, ensure_ascii=False)}]",
            f"measure = {json.dumps(one.measure, ensure_ascii=False)}",
            f"tolerance = {one.tolerance:g}  # {'a share of the value' if relative else 'a difference'}, for the worse",
            f"speed = {one.speed:g}",
            f"reason = {json.dumps(one.reason, ensure_ascii=False)}",
        ]
    write_text(bank / FILE, "\n".join(lines) + "\n")
    return bank / FILE

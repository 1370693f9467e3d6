"""Which facts does a metric declare for planning and for readers of its scores? (read without importing it)"""

import ast
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal

from ganbench.errors import RequestError
from ganbench.plan.metric_names import formula
from ganbench.registry import METRICS
from ganbench.targets import Target

Need = Literal["moments", "features", "probabilities", "spatial", "labels", "images", "generator", "styles"]
"""What a metric may need of one set: mean and covariance, features, class probabilities, spatial features, class labels, the
images themselves, their generator, or that generator's intermediate latents."""
Role = Literal["real", "generated", "held-out"]
"""The role of a set in a comparison."""
ROLES: tuple[Role, ...] = ("real", "generated", "held-out")
BY_ITSELF = {"images", "generator", "styles", "labels"}
"""Needs that are met without an extractor; metrics with only these use their own network, if any."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The facts that a metric declares, as literals, so that they can be read without importing the metric's module."""

    higher_is_better: bool | None
    """None if the best value lies in between; then nothing is ranked by the metric."""
    needs_real: tuple[Need, ...] = ("features",)
    needs_fake: tuple[Need, ...] = ("features",)
    needs_held_out: tuple[Need, ...] = ()
    minimum_n: int
    """Smallest number of examples per set that the metric accepts."""
    minimum_per_feature: int = 0
    """Smallest number of examples per set for each feature of the extractor."""
    maximum_ratio: float = math.inf
    """Largest ratio of the numbers of real and generated examples that the metric accepts."""
    minimum_side: int = 0
    """Smallest height and width of images that the metric accepts, in pixels; 0 for metrics that do not use images."""
    bounds: tuple[float, float]
    """Smallest and largest possible value."""
    depends_on_n: bool = False
    """Whether the expected value changes with the number of examples for the same distribution."""
    depends_on_ratio: bool = False
    """Whether the expected value changes with the ratio of the numbers of real and generated examples."""

    def __post_init__(self) -> None:
        if not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"bounds = {self.bounds}: the smallest value comes first")

    def needs(self, role: Role) -> tuple[Need, ...]:
        """What the metric needs of the set with this role."""
        return {"real": self.needs_real, "generated": self.needs_fake, "held-out": self.needs_held_out}[role]

    def absent(self, given: Collection[Role]) -> str:
        """The role of a set that the metric needs and that is not given, with the option that names it; empty if there is none."""
        return next((f"needs {role} examples: --{role} SET" for role in ROLES if self.needs(role) and role not in given), "")

    def of_scores(self) -> dict[str, Any]:
        """The facts that every score carries, as plain data; an infinite bound becomes None, since JSON has no infinity."""
        low, high = (bound if math.isfinite(bound) else None for bound in self.bounds)
        return {"higher_is_better": self.higher_is_better, "bounds": (low, high), "depends_on_n": self.depends_on_n}

    @property
    def wants_network(self) -> bool:
        """Whether the metric needs features of an extractor."""
        needs = {*self.needs_real, *self.needs_fake, *self.needs_held_out}
        return not needs or not needs <= BY_ITSELF


@cache
def facts(name: str) -> Facts:
    """Reads the facts that a metric declares from its source.

    Args:
        name: Name of a formula, standard name, or ``file.py:METRIC``.

    Raises:
        UnknownName: The name is not registered.
        RequestError: The declaration is missing, or does not consist of literals.
    """
    target = METRICS.target(formula(name))
    try:
        return Facts(**dict(_declared(target)))
    except (TypeError, ValueError) as error:
        raise RequestError(f"metric {name!r}: {target} must be declared as Metric(...) with literals ({error})") from None


def _declared(target: Target) -> Iterator[tuple[str, Any]]:
    """Yields the facts among the keyword arguments of ``Metric(...)``, with their values."""
    assigned = {
        place.id: node.value
        for node in target.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for place in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(place, ast.Name)
    }
    call = assigned.get(target.attribute)
    if not isinstance(call, ast.Call):
        raise ValueError(f"there is no {target.attribute} = Metric(...)")
    known = {field.name for field in fields(Facts)}
    for keyword in call.keywords:
        if keyword.arg in known:
            yield keyword.arg, _value(keyword.value, assigned)


def _value(node: ast.expr | None, assigned: dict[str, ast.expr | None]) -> Any:
    """The value of a literal, of a name assigned to a literal, or of infinity."""
    if isinstance(node, ast.Name):
        return _value(assigned.get(node.id), assigned)
    if isinstance(node, ast.Tuple):
        return tuple(_value(item, assigned) for item in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, assigned)
    if isinstance(node, ast.Attribute) and node.attr == "inf":
        return math.inf
    if node is None:
        raise ValueError("a name is not defined in the same file")
    return ast.literal_eval(node)

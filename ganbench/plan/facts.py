"""What must be known of a metric before it is imported, and of a score after it was written?"""

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal

from ganbench.errors import RequestError
from ganbench.plan.metric_names import formula
from ganbench.registry import METRICS
from ganbench.targets import Target

Need = Literal["moments", "features", "probabilities", "spatial", "labels", "images", "generator", "styles"]
"""What a metric can ask of one set: mean and covariance, features, class probabilities, spatial features, class labels, the
images themselves, the generator behind them, or that generator's intermediate latents."""
Role = Literal["real", "generated", "held-out"]
"""What a set is in a comparison."""
ROLES: tuple[Role, ...] = ("real", "generated", "held-out")
BY_ITSELF = {"images", "generator", "styles", "labels"}
"""Needs of metrics that bring their own network, if any, so that no extractor is wanted."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a metric declares. A declaration is written with literals, so that it can be read without importing the metric's module."""

    higher_is_better: bool | None
    """None where a value between is best, so that nothing is ranked by it."""
    needs_real: tuple[Need, ...] = ("features",)
    needs_fake: tuple[Need, ...] = ("features",)
    needs_held_out: tuple[Need, ...] = ()
    minimum_n: int
    """Smallest number of examples on either side that the metric accepts."""
    minimum_per_feature: int = 0
    """Smallest number of examples on either side for every feature of the extractor."""
    maximum_ratio: float = math.inf
    """Largest ratio of the numbers of real and generated examples that the metric accepts."""
    minimum_side: int = 0
    """Smallest height and width of images that the metric accepts, in pixels; 0 of metrics that see no images."""
    bounds: tuple[float, float]
    """Smallest and largest possible value."""
    depends_on_n: bool = False
    """Whether the value moves with the number of examples even for the same law."""
    depends_on_ratio: bool = False
    """Whether the value moves with the ratio of the numbers of real and generated examples."""

    def needs(self, role: Role) -> tuple[Need, ...]:
        """What is asked of the set in a role."""
        return {"real": self.needs_real, "generated": self.needs_fake, "held-out": self.needs_held_out}[role]

    def of_scores(self) -> dict[str, Any]:
        """The facts that every score carries, as plain data: JSON has no infinity, so a bound that is none is None."""
        low, high = (bound if math.isfinite(bound) else None for bound in self.bounds)
        return {"higher_is_better": self.higher_is_better, "bounds": (low, high), "depends_on_n": self.depends_on_n}

    @property
    def wants_network(self) -> bool:
        """Whether features of an extractor are needed at all."""
        needs = {*self.needs_real, *self.needs_fake, *self.needs_held_out}
        return not needs or not needs <= BY_ITSELF


@cache
def facts(name: str) -> Facts:
    """What a metric declares, read from its source.

    Args:
        name: A formula's or a standard name, or ``file.py:METRIC``.

    Raises:
        UnknownName: Nobody registered it.
        RequestError: Its declaration is missing, or not made of literals.
    """
    target = METRICS.target(formula(name))
    try:
        return Facts(**dict(_declared(target)))
    except (TypeError, ValueError) as error:
        raise RequestError(f"metric {name!r}: {target} must be declared as Metric(...) with literals ({error})") from None


def _declared(target: Target) -> Iterator[tuple[str, Any]]:
    """The facts among the keywords of a call, with their values."""
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
    """The value of a literal, of a name for one, or of infinity."""
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

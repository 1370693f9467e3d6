"""What is a metric, and what does it return? (a pure function of a Comparison, and an estimate with its 95 % interval)"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from ganbench.errors import RequestError
from ganbench.pairs.one_pass import Share
from ganbench.plan.facts import Facts
from ganbench.plan.metric_names import STANDARD
from ganbench.registry import METRICS
from ganbench.sets.comparison import Comparison


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A metric's value and its 95 % interval for :attr:`Metric.estimand`."""

    value: float
    ci_low: float
    ci_high: float
    ci_method: str
    """How the interval was obtained, in a few words ("delta method")."""
    perfect: float | None = None
    """Expected score of a perfect generator at this n; None where it is not known."""
    variance: float | None = None
    """Estimated sampling variance of the value; None if the interval comes from something else."""
    degrees: float = math.inf
    """Effective degrees of freedom of that variance; infinite if they were not estimated."""
    warnings: tuple[str, ...] = ()
    """What the reader of the value must know ("the classifier did not converge"), in a few words each."""
    details: tuple[tuple[str, float], ...] = ()
    """Names and values of further numbers that are published beside it ("standard deviation over 10 splits")."""


@runtime_checkable
class OwnNetwork(Protocol):
    """A network that a metric brings along, beside or instead of an extractor."""

    def identity(self) -> dict[str, Any]:
        """What its values depend on besides the images; part of the protocol."""

    def departures(self) -> list[str]:
        """Deviations from the network that the literature means, as labels in tables ("other weights")."""


@dataclass(frozen=True, kw_only=True)
class Metric(Facts):
    """A registered metric: its formula, and the facts needed to plan it and to read its scores.

    >>> from ganbench.sets.features import Features
    >>> def gap(comparison, generator):
    ...     value = (comparison.real.values.mean() - comparison.fake.values.mean()).abs().item()
    ...     return Estimate(value=value, ci_low=value, ci_high=value, ci_method="none")
    >>> metric = Metric(
    ...     name="gap", version=1, higher_is_better=False, minimum_n=2, bounds=(0.0, float("inf")), parameters=(), estimate=gap
    ... )
    >>> sets = Comparison(Features(values=torch.ones(2, 1)), Features(values=torch.zeros(2, 1)))
    >>> metric.estimate(sets, torch.Generator()).value
    1.0
    """

    name: str
    """Lower-case name on the command line and in records ("fd")."""
    version: int
    """Raised whenever the same features would give a different value; part of the protocol key."""
    parameters: tuple[tuple[str, int | float | str], ...]
    """Names and values of the settings that determine the value, such as ("k", 3); part of the protocol key."""
    shares: tuple[Share, ...] = ()
    """Results that it reads from the shared pass over all pairs of examples."""
    streams: bool = False
    """Reads only moments and class probabilities, and only of the sets that it needs, so features are never loaded whole."""
    network: Callable[[Path | None], OwnNetwork] | None = None
    """Loads the metric's own network from a folder of weights, or from the default locations; None if it has no network."""
    on_device: bool = False
    """Whether it may be computed on a GPU."""
    estimand: str = "expectation at this n"
    """The quantity that the interval is meant to cover."""
    estimate: Callable[["Comparison", torch.Generator], Estimate]
    source_sha256: str | None = None
    """Hash of the file of a metric outside every package; None for all others."""


def load_metric(name: str) -> Metric:
    """Imports a metric.

    Args:
        name: A registered formula, or ``path/to/file.py:METRIC``.

    Raises:
        UnknownName: Nobody registered it, or the file does not define it.
        RequestError: It cannot be imported, is no metric, or has the name of another one.
    """
    target, metric = METRICS.target(name), METRICS.load(name)
    if not isinstance(metric, Metric):
        raise RequestError(f"{name}: is no metric but a {type(metric).__name__}; declare it as Metric(...) of ganbench.metrics.base")
    if not target.is_file:
        return metric
    if metric.name in METRICS.targets or metric.name in STANDARD:
        raise RequestError(f"metric {name!r} calls itself {metric.name!r}, which is the name of another; give it a name of its own")
    return replace(metric, source_sha256=target.content)

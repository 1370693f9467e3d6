"""How are generated sets scored with the features of one extractor? (needs -> features -> comparison -> scores)"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from ganbench.errors import Diverged, RequestError
from ganbench.evaluation.passes import Known, Pass
from ganbench.evaluation.scores import score_metric
from ganbench.evaluation.sets import NamedSet
from ganbench.features.base import Extractor
from ganbench.metrics.base import Metric
from ganbench.plan.facts import ROLES, Need, Role
from ganbench.plan.requests import Request
from ganbench.results.record import Score
from ganbench.sets.comparison import Comparison, Reference
from ganbench.sets.features import Features, Sketch
from ganbench.sets.moments import Moments

Side = TypeVar("Side", Features, Moments)
CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The metrics to compute from one extractor's features, and with which settings."""

    extractor: Extractor
    metrics: Mapping[Request, Metric]
    device: torch.device
    """Device of the extractor, and of the metrics that support it."""
    seed: int
    """Root seed of the metrics' random numbers."""
    also: frozenset[Need] = frozenset()
    """Needs of diagnostics and of a second library for the real and the generated set, beyond those of the metrics."""
    weights: Path | None = None
    """Folder with the weights of the metrics' own networks; None uses the default locations."""

    @property
    def sketched(self) -> bool:
        """Whether moments and probabilities suffice, so that features are never loaded whole."""
        return "features" not in self.also and all(metric.streams for metric in self.metrics.values())

    def needs(self, role: Role) -> set[Need]:
        """Everything that the plan needs of the set with this role."""
        needs = {need for metric in self.metrics.values() for need in metric.needs(role)}
        return needs | (self.also if role != "held-out" else set())

    def place(self, metric: Metric) -> torch.device:
        """Device on which a metric is computed."""
        return self.device if metric.on_device else CPU


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A generated set after its features were computed, ready to be scored."""

    comparisons: Mapping[torch.device, Comparison]
    known: Mapping[Role, Known]
    plan: Plan
    protocol: Mapping[str, Any]

    def scores(self) -> Iterator[Score | Diverged | RequestError]:
        """Yields every metric's score, or the error that prevented it, in the order of the requests."""
        for request, metric in self.plan.metrics.items():
            comparison = self.comparisons[self.plan.place(metric)]
            try:
                yield score_metric(metric, request.name, comparison, self.plan.extractor, self.plan.seed, self.protocol)
            except (Diverged, RequestError) as error:  # one metric's failure must not prevent the others
                yield error

    def fresh(self) -> Comparison:
        """A new comparison of the sets on the CPU without cached results, for recomputation by another library."""
        sides = {role: known.features for role, known in self.known.items()}
        held_out = sides.get("held-out")
        fake = cast(Features, sides["generated"])
        return Comparison(
            Reference(sides.get("real", nothing(fake.values.shape[1]))), fake, None if held_out is None else cast(Features, held_out)
        )

    @property
    def comparison(self) -> Comparison:
        """The comparison of the sets on the extractor's device."""
        return self.comparisons[self.plan.device]


class Evaluator:
    """Scores generated sets against one reference set, whose features are computed once.

    Args:
        plan: The extractor, its metrics and their settings.
        others: The reference set and the held-out set, if given.
        look: Computes the features of a set.
    """

    def __init__(self, plan: Plan, others: Sequence[NamedSet], look: Pass) -> None:
        self.plan, self.look = plan, look
        plan.extractor.wants_spatial = plan.extractor.gives_spatial and any("spatial" in plan.needs(role) for role in ROLES)
        self.others = [one for one in others if not plan.sketched or plan.needs(one.role)]
        """The sets whose features are computed: if all metrics stream, only those that one of them needs."""
        self._known: dict[Role, Known | None] = {}
        self._references: dict[tuple[Role, torch.device], Reference] = {}

    def __call__(self, generated: NamedSet, protocol: Mapping[str, Any]) -> Evaluated | None:
        """Computes the features of a generated set and compares it with the other sets.

        Args:
            generated: The generated set.
            protocol: Everything that scores depend on besides metric and extractor.

        Returns:
            None on every rank but the first.
        """
        found = self._look(generated)  # first, so that unusable generated examples fail before the other sets are read
        self._known = self._known or {one.role: self._look(one) for one in self.others}
        if found is None:
            return None
        known = {role: one for role, one in {**self._known, generated.role: found}.items() if one is not None}
        fake = cast(Features, found.features)
        places = {self.plan.device, *map(self.plan.place, self.plan.metrics.values())}
        comparisons = {place: self._compare(fake, place) for place in places}
        for metric in self.plan.metrics.values():
            comparisons[self.plan.place(metric)].expect(metric.shares)
        return Evaluated(comparisons=comparisons, known=known, plan=self.plan, protocol=protocol)

    def _look(self, one: NamedSet) -> Known | None:
        return self.look(self.plan.extractor, one, self.plan.needs(one.role), self.plan.sketched)

    def _compare(self, fake: Features, place: torch.device) -> Comparison:
        real, held_out = (self._reference(role, place, fake.values.shape[1]) for role in ("real", "held-out"))
        assert real is not None
        comparison = Comparison(real, moved(fake, place), held_out)
        comparison.weights = self.plan.weights
        return comparison

    def _reference(self, role: Role, place: torch.device, width: int) -> Reference | None:
        """The set of a role on a device, with results shared by all comparisons; an empty reference if no metric needs the real set."""
        known = self._known.get(role)
        if known is None:
            return Reference(nothing(width)) if role == "real" else None
        if (role, place) not in self._references:
            features = known.features
            self._references[role, place] = Reference(moved(features, place) if isinstance(features, Features) else moved(features, place))
        return self._references[role, place]


def nothing(width: int) -> Moments:
    """An empty reference, for metrics that need no reference set."""
    return Moments(n=0, mean=torch.zeros(width, dtype=torch.float64), covariance=torch.zeros(width, width, dtype=torch.float64))


def moved(side: Side, device: torch.device) -> Side:
    """Copies features or moments to a device."""
    values = {one.name: getattr(side, one.name) for one in fields(side)}
    tensors: dict[str, Any] = {name: value.to(device) for name, value in values.items() if isinstance(value, Tensor)}
    if isinstance(side, Sketch):
        tensors["of_all"] = moved(side.of_all, device)
    return replace(side, **tensors)

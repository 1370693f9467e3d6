"""What are the scores of generated sets, by the features of one extractor? (needs -> features -> comparison -> scores)"""

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
    """What one extractor's features are wanted for."""

    extractor: Extractor
    metrics: Mapping[Request, Metric]
    device: torch.device
    """Where the extractor lies, and the metrics that may be computed there."""
    seed: int
    """Root seed of the metrics' own randomness."""
    also: frozenset[Need] = frozenset()
    """What is wanted of both sets besides the metrics' needs: by diagnostics, or a second library."""
    weights: Path | None = None
    """Folder of the weights of networks that metrics bring along; None looks in the usual places."""

    @property
    def sketched(self) -> bool:
        """Whether moments and probabilities are enough, so that features are never loaded whole."""
        return "features" not in self.also and all(metric.streams for metric in self.metrics.values())

    def needs(self, role: Role) -> set[Need]:
        """What is asked of the set in a role."""
        needs = {need for metric in self.metrics.values() for need in metric.needs(role)}
        return needs | (self.also if role != "held-out" else set())

    def place(self, metric: Metric) -> torch.device:
        """Where a metric is computed."""
        return self.device if metric.on_device else CPU


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What came of one generated set."""

    comparisons: Mapping[torch.device, Comparison]
    known: Mapping[Role, Known]
    plan: Plan
    protocol: Mapping[str, Any]

    def scores(self) -> Iterator[Score | Diverged | RequestError]:
        """Every metric's score in the order of the requests, or why it has none."""
        for request, metric in self.plan.metrics.items():
            comparison = self.comparisons[self.plan.place(metric)]
            try:
                yield score_metric(metric, request.name, comparison, self.plan.extractor, self.plan.seed, self.protocol)
            except (Diverged, RequestError) as error:  # what one metric cannot do with these sets costs no other its score
                yield error

    def fresh(self) -> Comparison:
        """The sets on the CPU, with nothing computed yet: for a second opinion."""
        sides = {role: known.features for role, known in self.known.items()}
        held_out = sides.get("held-out")
        fake = cast(Features, sides["generated"])
        return Comparison(
            Reference(sides.get("real", nothing(fake.values.shape[1]))), fake, None if held_out is None else cast(Features, held_out)
        )

    @property
    def comparison(self) -> Comparison:
        """The sets, compared where the extractor lies."""
        return self.comparisons[self.plan.device]


class Evaluator:
    """Scores generated sets against the same reference, whose features are computed once.

    Args:
        plan: What is wanted.
        others: The real and the held-out set, as far as there are any.
        look: How a set becomes features.
    """

    def __init__(self, plan: Plan, others: Sequence[NamedSet], look: Pass) -> None:
        self.plan, self.look = plan, look
        plan.extractor.wants_spatial = plan.extractor.gives_spatial and any("spatial" in plan.needs(role) for role in ROLES)
        self.others = [one for one in others if not plan.sketched or plan.needs(one.role)]
        """Those that are looked at: one that no streaming metric needs is not."""
        self._known: dict[Role, Known | None] = {}
        self._references: dict[tuple[Role, torch.device], Reference] = {}

    def __call__(self, generated: NamedSet, protocol: Mapping[str, Any]) -> Evaluated | None:
        """Compares one generated set.

        Args:
            generated: The set.
            protocol: What scores depend on besides formula and extractor.

        Returns:
            None on every rank but the first.
        """
        found = self._look(generated)  # first, so that generated examples that cannot be used cost no pass over the others
        self._known = self._known or {one.role: self._look(one) for one in self.others}
        if found is None:
            return None
        known = {role: one for role, one in {**self._known, generated.role: found}.items() if one is not None}
        fake = cast(Features, found.features)
        comparisons = {place: self._compare(fake, place) for place in {CPU, self.plan.device}}
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
        """A set on a device, with what all comparisons with it share; a real one of which nothing is known where no metric needs any."""
        known = self._known.get(role)
        if known is None:
            return Reference(nothing(width)) if role == "real" else None
        if (role, place) not in self._references:
            features = known.features
            self._references[role, place] = Reference(moved(features, place) if isinstance(features, Features) else moved(features, place))
        return self._references[role, place]


def nothing(width: int) -> Moments:
    """A reference of which nothing is known, for metrics that need none."""
    return Moments(n=0, mean=torch.zeros(width, dtype=torch.float64), covariance=torch.zeros(width, width, dtype=torch.float64))


def moved(side: Side, device: torch.device) -> Side:
    """What is known of a set, with its tensors on a device."""
    values = {one.name: getattr(side, one.name) for one in fields(side)}
    tensors: dict[str, Any] = {name: value.to(device) for name, value in values.items() if isinstance(value, Tensor)}
    if isinstance(side, Sketch):
        tensors["of_all"] = moved(side.of_all, device)
    return replace(side, **tensors)

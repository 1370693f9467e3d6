"""Can a run's evaluation plan be carried out? (checked before training)"""

import math
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from ganbench.data.dataset import Dataset
from ganbench.errors import RequestError
from ganbench.evaluation.needs import problem
from ganbench.evaluation.runs import real_sets, reference_split
from ganbench.evaluation.sets import NamedSet
from ganbench.features.base import Extractor, extract
from ganbench.metrics.base import Metric
from ganbench.plan.facts import Facts, Need, Role, facts
from ganbench.plan.metric_names import NO_NETWORK
from ganbench.plan.requests import requested
from ganbench.plan.spec import EvaluationSpec
from ganbench.registry import METRICS
from ganbench.sets.classes import Classes
from ganbench.sets.features import LatentModel
from ganbench.sets.source import Network, Source


class Promised(Source):
    """Placeholder for the examples that a run will generate, so that a plan can be checked before training.

    Args:
        dataset: Data set whose shape of examples they have.
        n: Number of examples.
        labels: Whether they will be generated for requested classes.
        generator: The generator; None if not known yet, and then assumed to meet every need.
    """

    def __init__(self, dataset: Dataset, n: int, labels: bool, generator: LatentModel | None = None) -> None:
        super().__init__("the run")
        self.n, self.generator = n, generator
        self.form = dataset.shape.size
        self.labels = torch.zeros(n, dtype=torch.int64) if labels else None
        self.classes = Classes.of_data(dataset, own_numbers=True) if labels else None

    def __len__(self) -> int:
        return self.n

    def gives(self, need: Need, network: Network) -> bool:
        """Whether the generated examples will meet a need."""
        return (self.generator is None and need in ("generator", "styles")) or super().gives(need, network)

    def at(self, indices: Sequence[int]) -> Tensor:
        """Raises, because no examples exist yet."""
        raise IndexError("the examples of a run that has not started")


def check_data(dataset: Dataset, plan: EvaluationSpec, extractors: Mapping[str, Extractor]) -> None:
    """Raises if the plan's reference set or extractors do not fit the data.

    Args:
        dataset: Real data.
        plan: The evaluation plan.
        extractors: The plan's extractors, by name.

    Raises:
        RequestError: The plan does not fit; the message is one line that says what would.
    """
    split = reference_split(dataset, plan)
    if plan.n_real is not None and plan.n_real > len(split):
        raise RequestError(
            f"evaluation.n_real = {plan.n_real:,} is more than the {len(split):,} examples of {dataset.name}'s {plan.reference} split; "
            "ask for at most that, or leave it out"
        )
    for extractor in extractors.values():
        _check_extractor(dataset, plan, extractor)


def check_metrics(dataset: Dataset, plan: EvaluationSpec, extractors: Mapping[str, Extractor], generated: Promised) -> None:
    """Raises if the data, the extractor or the run's generator does not meet the needs of a metric.

    Args:
        dataset: Real data.
        plan: The evaluation plan.
        extractors: The plan's extractors, by name.
        generated: Placeholder for the generated examples.

    Raises:
        RequestError: A need is not met; the message is one line that says which.
        DataError: The weights of a metric's own network are missing or wrong.
    """
    requests = requested(plan.metrics, plan.extractor, where="evaluation.metrics")
    sets = {one.role: one for one in real_sets(dataset, plan, requests)}
    sets["generated"] = NamedSet.whole("generated", generated)
    for request in requests:
        wanted, extractor = facts(request.metric), extractors[request.extractor]
        if why := problem(wanted, extractor, sets) or _out_of_proportion(wanted, extractor, sets):
            raise RequestError(f"evaluation.metrics: {request.asked!r} {why}; leave it out, or change the plan")
        metric: Metric = METRICS.load(request.metric)
        if metric.network is not None:
            metric.network(None)


def _out_of_proportion(metric: Facts, extractor: Extractor, sets: Mapping[Role, NamedSet]) -> str:
    """Why a metric cannot be computed with these numbers of examples; empty if it can."""
    n, m = len(sets["real"]), len(sets["generated"])
    width = extractor.width or math.prod(sets["generated"].given.form)
    needed = metric.minimum_per_feature * width
    if min(n, m) < needed:
        return f"needs {metric.minimum_per_feature} examples a feature on either side, {needed:,}, not {min(n, m):,}"
    if max(n, m) > metric.maximum_ratio * min(n, m):
        return f"needs about as many generated as real examples, and there are {m:,} and {n:,}"
    return ""


def _check_extractor(dataset: Dataset, plan: EvaluationSpec, extractor: Extractor) -> None:
    """Raises if the extractor does not accept examples of this shape."""
    if extractor.accepts not in ("image" if dataset.shape.is_image else "points", "any"):
        seen, held, fitting = ("points", "images", "random-conv") if dataset.shape.is_image else ("images", "points", "identity")
        raise RequestError(f"evaluation.extractor: {extractor.name!r} sees {seen} and {dataset.name} holds {held}; try {fitting!r}")
    if extractor.name == NO_NETWORK:
        return
    try:
        real = real_sets(dataset, plan, [])[0]
        extract(extractor, cast(Source, real.given).at(real.selection.indices[:2]), "cpu")
    except RequestError:
        raise
    except Exception as error:
        said = str(error).splitlines()[0]
        raise RequestError(
            f"evaluation.extractor: {extractor.name!r} cannot see examples of {dataset.shape} ({said}); try another"
        ) from None

"""How are the examples of a run's generator scored? (one reference set, many generated sets)"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import cast

import torch
from torch import Tensor

from ganbench import seeding
from ganbench.data.dataset import ClassModes, Dataset, ModeSet, Split
from ganbench.diagnostics.base import Case, examine
from ganbench.diagnostics.classes import class_histogram
from ganbench.errors import Diverged, RequestError
from ganbench.evaluation.evaluator import Evaluated, Evaluator, Plan
from ganbench.evaluation.mistakes import mistake
from ganbench.evaluation.passes import MemoryPass
from ganbench.evaluation.sets import NamedSet
from ganbench.features.base import Extractor, extract, load_extractor
from ganbench.features.facts import Facts
from ganbench.features.facts import facts as facts_of
from ganbench.features.plain import Elsewhere
from ganbench.metrics.base import Metric
from ganbench.plan.facts import Need, facts
from ganbench.plan.metric_names import NO_NETWORK
from ganbench.plan.requests import Request, requested
from ganbench.plan.spec import EvaluationSpec
from ganbench.precision import exact
from ganbench.registry import METRICS
from ganbench.results.record import Diagnostic, Score, Weights
from ganbench.sampling import SAMPLING_VERSION
from ganbench.sets.classes import Classes, renumbering
from ganbench.sets.features import LatentModel
from ganbench.sets.moments import evenly
from ganbench.sets.source import Selection, Source
from ganbench.sources.arrays import ArraySource

NOTED = 2000
"""Number of images from which mistakes are told; 50 suffice (see ``mistakes.MINIMUM_N``)."""


class RunEvaluator:
    """Scores the generated sets of one run against one reference set.

    Args:
        dataset: Real data.
        plan: The evaluation plan, already checked (see :mod:`ganbench.evaluation.fit`).
        seed: Root seed of the metrics' random numbers (streams ``metric/<name>``).
        device: Device on which features are computed.
    """

    @exact()
    def __init__(self, dataset: Dataset, plan: EvaluationSpec, seed: int, device: torch.device) -> None:
        self.dataset, self.plan, self.seed, self.device = dataset, plan, seed, device
        self.requests = [replace(one, name=one.asked) for one in requested(plan.metrics, plan.extractor, where="evaluation.metrics")]
        extractors = {name: named_extractor(name).to(device) for name in networks(self.requests, plan)}
        self.extractor = next(iter(extractors.values()))
        """The extractor whose features diagnostics use."""
        others = real_sets(dataset, plan, self.requests)
        self.evaluators = [Evaluator(self._part(extractor), others, MemoryPass(device=device)) for extractor in extractors.values()]

    @exact()
    def __call__(
        self, examples: Tensor, weights: Weights, labels: Tensor | None = None, generator: LatentModel | None = None
    ) -> tuple[tuple[Score, ...], tuple[Diagnostic, ...], tuple[str, ...]]:
        """Scores and diagnoses one generated set.

        A metric that refuses the examples is left out, and a note says why.

        Args:
            examples: uint8 images (n, channels, height, width), or float32 points (n, dimensions).
            weights: The weights that generated them, raw or EMA.
            labels: Requested classes (n,), if the method is conditional.
            generator: The generator of the examples.

        Returns:
            Scores, diagnostics, and notes for the reader of both, the worst first.

        Raises:
            Diverged: A metric has no finite value.
            RequestError: Every metric refuses the examples.
        """
        given = self._given(examples, labels, generator)
        found = [cast(Evaluated, one(given, self._protocol(weights))) for one in self.evaluators]
        scores, refused = dict[Request, Score](), dict[Request, RequestError]()
        for evaluated in found:
            for request, outcome in zip(evaluated.plan.metrics, evaluated.scores(), strict=True):
                if isinstance(outcome, Diverged):
                    raise outcome
                if isinstance(outcome, RequestError):
                    refused[request] = outcome
                else:
                    scores[request] = outcome
        if not scores:
            raise next(iter(refused.values()))
        told = [*self._mistakes(examples), *(f"left out: {error}" for error in refused.values())]
        told += [f"{score.label}: {warning}" for score in scores.values() for warning in score.warnings]
        ordered = tuple(scores[request] for request in self.requests if request in scores)
        return ordered, tuple(examine(self._case(found[0], examples))), tuple(told)

    @exact()
    def case(self, examples: Tensor, labels: Tensor | None = None, generator: LatentModel | None = None) -> Case:
        """What diagnostics see of a generated set that is not scored; arguments as above."""
        evaluated = self.evaluators[0](self._given(examples, labels, generator), self._protocol("ema"))
        return self._case(cast(Evaluated, evaluated), examples)

    def _given(self, examples: Tensor, labels: Tensor | None, generator: LatentModel | None) -> NamedSet:
        """The generated set, with all that is known of it."""
        classes = None if labels is None else labels.cpu().numpy()
        source = ArraySource("the run", examples.cpu().numpy(), "", classes, Classes.of_data(self.dataset, own_numbers=True))
        source.generator = generator
        return NamedSet.whole("generated", source)

    def _mistakes(self, examples: Tensor) -> tuple[str, ...]:
        """What is wrong with generated images compared with the reference set, if that can be told from some of them."""
        if not self.dataset.shape.is_image:
            return ()
        found = mistake(self._real_facts, Facts(**facts_of(_some(examples.cpu()))))
        return (f"compared with the real images, {found}",) if found else ()

    @cached_property
    def _real_facts(self) -> Facts:
        return Facts(**facts_of(_some(reference_examples(self.dataset, self.plan))))

    def _part(self, extractor: Extractor) -> Plan:
        own: dict[Request, Metric] = {one: METRICS.load(one.metric) for one in self.requests if one.extractor == extractor.name}
        diagnosed = frozenset[Need]({"features"} if extractor is self.extractor else ())
        return Plan(extractor=extractor, metrics=own, device=self.device, seed=self.seed, also=diagnosed)

    def _case(self, evaluated: Evaluated, examples: Tensor) -> Case:
        """The input of diagnostics: the comparison, with the data set's exact modes and class proportions if it has them."""
        modes = self.dataset.modes
        shares = None if isinstance(modes, ClassModes) else self._class_shares()
        return Case(
            comparison=evaluated.comparison,
            examples=examples,
            class_shares=None if shares is None else shares.to(self.device),
            modes=modes if isinstance(modes, ModeSet) else None,
            mode_counts=partial(self._mode_counts, modes, evaluated, examples) if isinstance(modes, ClassModes) else None,
        )

    def _class_shares(self) -> Tensor | None:
        """Fraction of every class of the extractor in the data; None if they are not the same classes."""
        shares, own, names = self.dataset.class_shares, Classes.of_data(self.dataset, own_numbers=False), self.extractor.class_names
        if shares is None or own is None or not own.names or not names:
            return None
        numbers = renumbering(own, Classes(numbers=tuple(range(len(names))), names=names))
        return (
            torch.zeros(len(names), dtype=torch.float64).scatter(0, numbers, torch.from_numpy(shares))
            if isinstance(numbers, Tensor)
            else None
        )

    def _mode_counts(self, modes: ClassModes, evaluated: Evaluated, examples: Tensor) -> Tensor:
        """Number of generated examples in each class that counts as a mode."""
        known = self.extractor.name == modes.classifier
        seen = evaluated.comparison.fake if known else extract(named_extractor(modes.classifier), examples, self.device)
        assert seen.log_probabilities is not None
        return class_histogram(seen.log_probabilities)

    def _protocol(self, weights: Weights) -> dict[str, str | int]:
        """Everything that a score depends on besides metric and extractor."""
        return {
            "dataset": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "reference": self.plan.reference,
            "weights": weights,
            "sampling_version": SAMPLING_VERSION,
        }


def _some(examples: Tensor) -> Tensor:
    """At most ``NOTED`` examples, evenly spaced."""
    return examples[evenly(len(examples), min(len(examples), NOTED))]


def wants_labels(requests: Sequence[Request]) -> bool:
    """Whether a metric needs the class that was requested for every generated example."""
    return any("labels" in facts(one.metric).needs_fake for one in requests)


def networks(requests: Sequence[Request], plan: EvaluationSpec) -> list[str]:
    """Names of the plan's extractors, first the one whose features diagnostics use.

    Raises:
        RequestError: No metric needs features, and the plan names no extractor for the diagnostics.
    """
    wanted = [plan.extractor] if plan.extractor else [one.extractor for one in requests if one.extractor != NO_NETWORK][:1]
    if not wanted:
        raise RequestError("evaluation.extractor: diagnostics need one, and no metric of the plan names any; take 'random-conv', say")
    return list(dict.fromkeys([*wanted, *(one.extractor for one in requests)]))


def named_extractor(name: str) -> Extractor:
    """A registered extractor, or a placeholder for metrics that need no features."""
    return Elsewhere(name) if name == NO_NETWORK else load_extractor(name)


def reference_split(dataset: Dataset, plan: EvaluationSpec) -> Split:
    """The split of the reference set."""
    return dataset.train if plan.reference == "train" else dataset.held_out


def real_sets(dataset: Dataset, plan: EvaluationSpec, requests: Sequence[Request]) -> list[NamedSet]:
    """The reference set, and the held-out set if a metric needs it."""
    split = reference_split(dataset, plan)
    chosen = Selection.of(len(split), plan.n_real, seeding.stream(0, "subset"))  # the same for every run and seed
    sets = [NamedSet(role="real", given=_source("the reference", split, dataset), selection=chosen)]
    if any(facts(one.metric).needs_held_out for one in requests):
        sets.append(NamedSet.whole("held-out", _source("the held-out split", dataset.held_out, dataset)))
    return sets


def reference_examples(dataset: Dataset, plan: EvaluationSpec) -> Tensor:
    """The reference examples of a plan: the whole split, or a subset that is the same for all runs and seeds."""
    real = real_sets(dataset, plan, [])[0]
    return cast(Source, real.given).at(real.selection.indices)


def _source(name: str, split: Split, dataset: Dataset) -> ArraySource:
    return ArraySource(name, split.examples, "", split.labels, Classes.of_data(dataset, own_numbers=True))

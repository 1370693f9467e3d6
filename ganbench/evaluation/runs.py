"""What are the scores of this set of generated examples? (examples -> features -> metrics and diagnostics)"""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from ganbench import seeding
from ganbench.data.dataset import ClassModes, Dataset, ModeSet, Split
from ganbench.diagnostics.base import Diagnostic
from ganbench.diagnostics.classes import class_diagnostics, class_histogram
from ganbench.diagnostics.diversity import diversity_diagnostics
from ganbench.diagnostics.modes import class_mode_diagnostics, mode_diagnostics
from ganbench.errors import RequestError
from ganbench.evaluation.scores import scored
from ganbench.features.base import Extractor, extract
from ganbench.metrics.base import Metric
from ganbench.plan.spec import EvaluationSpec
from ganbench.registry import EXTRACTORS, check_metrics, load_metric
from ganbench.results.record import Finding, Score, Weights
from ganbench.sampling import SAMPLING_VERSION
from ganbench.sets.comparison import Comparison, Reference
from ganbench.sets.features import Features


class Evaluator:
    """Scores sets of generated examples against one reference; the reference's features are computed once.

    Args:
        dataset: Real data.
        plan: What to measure.
        seed: Root seed of the metrics' own randomness (streams ``metric/<name>``).
        device: Where features are computed.

    Raises:
        RequestError: The plan does not fit the data.
    """

    def __init__(self, dataset: Dataset, plan: EvaluationSpec, seed: int, device: torch.device) -> None:
        self.dataset, self.plan, self.seed, self.device = dataset, plan, seed, device
        check_metrics(plan.metrics, plan.extractor, "evaluation.metrics")
        self.metrics: list[Metric] = [load_metric(name) for name in plan.metrics]
        self.extractor: Extractor = EXTRACTORS.load(plan.extractor)().to(device)
        check_plan(dataset, plan, self.extractor, self.metrics)
        self.reference = Reference(self._features(reference_examples(dataset, plan)))

    def __call__(self, examples: Tensor, weights: Weights) -> tuple[tuple[Score, ...], tuple[Finding, ...]]:
        """Scores and diagnoses one set.

        Args:
            examples: uint8 images (n, channels, height, width), or float32 points (n, dimensions).
            weights: Which weights they were drawn with.
        """
        fake = self._features(examples)
        comparison = Comparison(self.reference, fake)
        comparison.expect(share for metric in self.metrics for share in metric.shares)
        scores = tuple(
            scored(metric, name, comparison, self.extractor, self.seed, self._protocol(weights))
            for metric, name in zip(self.metrics, self.plan.metrics, strict=True)
        )
        found = [*diversity_diagnostics(comparison), *self._class_diagnostics(fake), *self._mode_diagnostics(examples, fake)]
        return scores, tuple(Finding(**asdict(diagnostic)) for diagnostic in found)

    def _features(self, examples: Tensor) -> Features:
        return extract(self.extractor, examples, self.device)

    def _mode_diagnostics(self, examples: Tensor, fake: Features) -> list[Diagnostic]:
        modes = self.dataset.modes
        if modes is None:
            return []
        if isinstance(modes, ModeSet):
            return mode_diagnostics(examples.double(), modes)
        seen = fake if self.extractor.name == modes.classifier else extract(self._classifier(modes), examples, self.device)
        assert seen.log_probabilities is not None
        return class_mode_diagnostics(class_histogram(seen.log_probabilities))

    def _classifier(self, modes: ClassModes) -> Extractor:
        classifier: Extractor = EXTRACTORS.load(modes.classifier)()
        return classifier.to(self.device)

    def _class_diagnostics(self, fake: Features) -> list[Diagnostic]:
        shares = self.dataset.class_shares
        if isinstance(self.dataset.modes, ClassModes):
            return []  # the modes are the classes
        if shares is None or fake.log_probabilities is None or self.extractor.class_names != self.dataset.class_names:
            return []  # without labels, or the classifier knows other classes
        return class_diagnostics(fake.log_probabilities, torch.from_numpy(shares).to(self.device))

    def _protocol(self, weights: Weights) -> dict[str, Any]:
        """What a score depends on besides formula and extractor."""
        return {
            "dataset": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "reference": self.plan.reference,
            "weights": weights,
            "sampling_version": SAMPLING_VERSION,
        }


def reference_split(dataset: Dataset, plan: EvaluationSpec) -> Split:
    """The split that generated examples are compared with."""
    return dataset.train if plan.reference == "train" else dataset.held_out


def reference_examples(dataset: Dataset, plan: EvaluationSpec) -> Tensor:
    """The reference examples of a plan: the whole split, or a subset that every run and seed shares."""
    split = reference_split(dataset, plan)
    examples = torch.from_numpy(split.examples)
    if plan.n_real is None or plan.n_real == len(split):
        return examples
    chosen = torch.randperm(len(split), generator=seeding.stream(0, "subset"))[: plan.n_real]
    return examples[chosen.sort().values]


def check_plan(dataset: Dataset, plan: EvaluationSpec, extractor: Extractor, metrics: list[Metric]) -> None:
    """Refuses a plan that does not fit the data.

    Raises:
        RequestError: One line that says what would fit.
    """
    if extractor.accepts not in ("image" if dataset.shape.is_image else "points", "any"):
        seen, held, fitting = ("points", "images", "random-conv") if dataset.shape.is_image else ("images", "points", "identity")
        raise RequestError(f"evaluation.extractor: {extractor.name!r} sees {seen} and {dataset.name} holds {held}; try {fitting!r}")
    split = reference_split(dataset, plan)
    if plan.n_real is not None and plan.n_real > len(split):
        raise RequestError(
            f"evaluation.n_real = {plan.n_real:,} is more than the {len(split):,} examples of {dataset.name}'s {plan.reference} split; "
            "ask for at most that, or leave it out"
        )
    try:
        extract(extractor, reference_examples(dataset, plan)[:2], "cpu")
    except RequestError:
        raise
    except Exception as error:
        said = str(error).splitlines()[0]
        raise RequestError(
            f"evaluation.extractor: {extractor.name!r} cannot see examples of {dataset.shape} ({said}); try another"
        ) from None
    for metric in metrics:
        if "probabilities" in metric.needs_fake and extractor.classes == 0:
            raise RequestError(
                f"evaluation.metrics: {metric.name!r} needs a classifier and {extractor.name!r} is none; leave it out, or take a probe"
            )
        smallest = min(plan.n_fake, plan.n_real or len(split))
        if smallest < metric.minimum_n:
            needed = f"{metric.name!r} needs at least {metric.minimum_n} examples on either side, not {smallest}"
            raise RequestError(f"evaluation: {needed}; raise n_fake or n_real")

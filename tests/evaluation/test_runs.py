import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganbench.data.dataset import Dataset, Split
from ganbench.data.loading import load_dataset
from ganbench.errors import Diverged, RequestError
from ganbench.evaluation.fit import Promised, check_data, check_metrics
from ganbench.evaluation.runs import RunEvaluator, named_extractor, networks, reference_examples
from ganbench.plan.requests import requested
from ganbench.plan.spec import DatasetSpec, EvaluationSpec
from ganbench.results.record import Score, protocol_key

CPU = torch.device("cpu")
PLAN = EvaluationSpec(extractor="digits-probe", metrics=("fd", "cs", "precision", "recall", "coverage"), n_fake=200)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    """1,797 digits at 16 pixels."""
    return load_dataset(DatasetSpec(name="digits"), Path())


@pytest.fixture(scope="module")
def ring() -> Dataset:
    """Points on a ring."""
    return load_dataset(DatasetSpec(name="ring8"), Path())


@pytest.fixture(scope="module")
def evaluator(digits: Dataset) -> RunEvaluator:
    """Scores against all training digits."""
    return RunEvaluator(digits, PLAN, 0, CPU)


def by_name(scores: tuple[Score, ...]) -> dict[str, Score]:
    return {score.metric: score for score in scores}


def test_held_out_real_images_score_near_perfect(evaluator: RunEvaluator, digits: Dataset) -> None:
    scores, diagnostics, _ = evaluator(torch.from_numpy(digits.held_out.examples), "raw")
    found = by_name(scores)
    assert [score.metric for score in scores] == list(PLAN.metrics)
    assert found["precision"].value > 0.85 and found["recall"].value > 0.85
    # expectation for equal distributions, n real and m generated examples, k = 5 (Naeem et al. 2020, section 3.3): 0.672 here
    n, m = len(digits.train), len(digits.held_out)
    expected = 1 - math.prod((n - 1 - i) / (n + m - 1 - i) for i in range(5))
    assert found["coverage"].value == pytest.approx(expected, abs=0.05)
    assert found["cs"].value > 8  # of at most 10: ten classes, equally often, each recognised
    assert all(score.ci_low <= score.value <= score.ci_high for score in scores)
    health = {finding.name: finding.value for finding in diagnostics}
    assert health["feature_variance_ratio"] == pytest.approx(1, abs=0.15)
    noise = torch.randint(0, 256, digits.held_out.examples.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert by_name(evaluator(noise, "raw")[0])["fd"].value > 20 * found["fd"].value


def test_one_image_over_and_over_scores_as_collapsed(evaluator: RunEvaluator, digits: Dataset) -> None:
    same = torch.from_numpy(digits.train.examples[:1]).expand(200, -1, -1, -1).contiguous()
    scores, diagnostics, _ = evaluator(same, "ema")
    found = by_name(scores)
    assert found["cs"].value == pytest.approx(1, abs=1e-6)  # its smallest possible value
    assert found["recall"].value == 1 / len(digits.train)  # the image itself
    assert found["coverage"].value < 0.05
    assert found["precision"].value == 1  # the image is real: precision alone sees no collapse
    health = {finding.name: finding.value for finding in diagnostics}
    assert health["feature_variance_ratio"] == pytest.approx(0, abs=1e-9)
    assert health["duplicate_rate"] == 1


def test_a_protocol_says_everything_that_fixes_a_score(evaluator: RunEvaluator, digits: Dataset) -> None:
    score = evaluator(torch.from_numpy(digits.held_out.examples[:200]), "ema")[0][0]
    assert score.label == "FD·digits-probe"
    assert (score.n_real, score.n_fake) == (len(digits.train), 200)
    protocol = score.protocol
    assert protocol["metric"] == "fd" and protocol["weights"] == "ema" and protocol["reference"] == "train"
    assert protocol["fingerprint"] == digits.fingerprint and protocol["extractor_weights_sha256"] == evaluator.extractor.weights_sha256
    assert (protocol["n_real"], protocol["n_fake"], protocol["resize"]) == (len(digits.train), 200, "torch-antialias-16")
    assert all(isinstance(value, int | float | str | bool | tuple) for value in protocol.values())


def test_the_protocol_key_is_equal_across_seeds_and_differs_between_metrics_weights_and_numbers(digits: Dataset) -> None:
    small = replace(PLAN, n_real=200, metrics=("fd", "precision"))
    examples = torch.from_numpy(digits.held_out.examples)

    def keys(seed: int, plan: EvaluationSpec = small, n: int = 100, weights: Any = "raw") -> list[str]:
        return [protocol_key(score.protocol) for score in RunEvaluator(digits, plan, seed, CPU)(examples[:n], weights)[0]]

    first = keys(0)
    assert keys(1) == first
    assert len(set(first)) == 2
    others = keys(0, n=101) + keys(0, weights="ema") + keys(0, replace(small, n_real=201)) + keys(0, replace(small, reference="held_out"))
    assert len(set(others + first)) == 10


def test_every_seed_and_variant_is_compared_with_the_same_subset(digits: Dataset) -> None:
    subset = reference_examples(digits, replace(PLAN, n_real=50))
    assert torch.equal(subset, reference_examples(digits, replace(PLAN, n_real=50, n_fake=7, extractor="pixels")))
    assert len({image.numpy().tobytes() for image in subset}) == 50
    real = {image.tobytes() for image in digits.train.examples}
    assert all(image.numpy().tobytes() in real for image in subset)
    assert torch.equal(reference_examples(digits, PLAN), torch.from_numpy(digits.train.examples))
    assert torch.equal(reference_examples(digits, replace(PLAN, reference="held_out")), torch.from_numpy(digits.held_out.examples))


def test_equal_examples_get_equal_scores_whatever_was_scored_before(evaluator: RunEvaluator, digits: Dataset) -> None:
    def values(examples: torch.Tensor) -> list[tuple[float, float, float]]:
        return [(score.value, score.ci_low, score.ci_high) for score in evaluator(examples, "raw")[0]]

    some, others = torch.from_numpy(digits.held_out.examples[:200]), torch.from_numpy(digits.train.examples[:200])
    first = values(some)
    values(others)
    assert values(some) == first


@pytest.mark.parametrize(
    ("data", "changes", "words"),
    [
        ("digits", {"extractor": "identity", "metrics": ("fd",)}, "'identity' sees points and digits holds images; try 'random-conv'"),
        ("ring", {"metrics": ("fd",)}, "'digits-probe' sees images and ring8 holds points; try 'identity'"),
        ("digits", {"n_real": 1_439}, "n_real = 1,439 is more than the 1,438 examples of digits's train split"),
        ("digits", {"n_real": 360, "reference": "held_out"}, "n_real = 360 is more than the 359 examples of digits's held_out split"),
        ("digits", {"extractor": "pixels", "metrics": ("cs",)}, "'cs' needs, of the generated set, class probabilities"),
        ("digits", {"metrics": ("cs",), "n_fake": 5}, "'cs' needs at least"),
        ("digits", {"metrics": ("fd",), "n_fake": 200, "n_real": 1}, "'fd' needs at least"),
        ("digits", {"metrics": ("kid",)}, "'kid' is the name for inception-v3-compat features; with digits-probe write 'kd'"),
        ("digits", {"metrics": ()}, "is empty"),
        ("digits", {"metrics": ("fdd",)}, "did you mean 'fd'?"),
        ("digits", {"extractor": "digit-probe"}, "did you mean 'digits-probe'?"),
    ],
)
def test_a_plan_that_does_not_fit_the_data_is_refused(
    request: pytest.FixtureRequest, data: str, changes: dict[str, Any], words: str
) -> None:
    dataset: Dataset = request.getfixturevalue(data)
    plan = replace(PLAN, **changes)
    with pytest.raises(RequestError) as caught:
        asked = networks(requested(plan.metrics, plan.extractor, where="evaluation.metrics"), plan)
        extractors = {name: named_extractor(name) for name in asked}
        check_data(dataset, plan, extractors)
        check_metrics(dataset, plan, extractors, Promised(dataset, plan.n_fake, labels=False))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_points_are_scored_and_their_modes_counted(ring: Dataset, tiny_data: Callable[[DatasetSpec], Dataset]) -> None:
    plan = EvaluationSpec(extractor="identity", metrics=("fd",), n_fake=500, n_real=500)
    scores, diagnostics, _ = RunEvaluator(ring, plan, 0, CPU)(torch.from_numpy(ring.held_out.examples[:500]), "raw")
    health = {finding.name: finding.value for finding in diagnostics}
    assert scores[0].value < 0.05
    assert health["modes"] == 8


def test_a_classifier_of_other_classes_diagnoses_no_classes(evaluator: RunEvaluator, digits: Dataset) -> None:
    def names(dataset: Dataset) -> set[str]:
        return {found.name for found in RunEvaluator(dataset, PLAN, 0, CPU)(torch.from_numpy(digits.held_out.examples), "raw")[1]}

    animals = replace(digits, class_names=tuple("abcdefghij"))
    assert "class_kl" in names(digits)
    assert "class_kl" not in names(animals)


def test_a_metric_without_a_finite_value_ends_the_run(ring: Dataset) -> None:
    plan = EvaluationSpec(extractor="identity", metrics=("kd",), n_fake=64, n_real=64)
    far = 5e25 * torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    with pytest.raises(Diverged, match="KD·identity is not finite"):
        RunEvaluator(ring, plan, 0, CPU)(far, "raw")


def test_a_metric_that_refuses_its_examples_costs_the_others_nothing(digits: Dataset) -> None:
    plan = replace(PLAN, metrics=("precision", "fld"))
    constant = torch.zeros_like(torch.from_numpy(digits.held_out.examples))
    blank = replace(digits, held_out=Split(examples=np.zeros_like(digits.held_out.examples), labels=digits.held_out.labels))
    scores, _, notes = RunEvaluator(blank, plan, 0, CPU)(constant[:100], "raw")
    assert [score.metric for score in scores] == ["precision"]
    assert any("fld needs features that vary over the held-out examples" in note for note in notes)
    with pytest.raises(RequestError, match="fld needs features that vary"):
        RunEvaluator(blank, replace(PLAN, metrics=("fld",)), 0, CPU)(constant[:100], "raw")

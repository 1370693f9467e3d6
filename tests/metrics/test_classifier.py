"""Does the classifier score match its closed forms?"""

import math

import numpy as np
import pytest
import torch

from ganbench.errors import RequestError
from ganbench.metrics.classifier import CS, split_scores
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


def comparison(log_probabilities: torch.Tensor | None) -> Comparison:
    n = 200 if log_probabilities is None else len(log_probabilities)
    values = torch.zeros(n, 1, dtype=torch.float64)
    return Comparison(Features(values=values), Features(values=values, log_probabilities=log_probabilities))


def fixture_logits() -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(2).randn(1000, 10) * 3).log_softmax(1)


def test_fixture_without_shuffle() -> None:
    # Legacy NumPy stream 2; torch-fidelity 0.4.0 without shuffle: 10 splits (mean, population standard deviation), and one split.
    scores, _ = split_scores(fixture_logits(), 10)
    assert scores.mean().item() == pytest.approx(3.7578936889, rel=1e-10)
    assert scores.std(correction=0).item() == pytest.approx(0.2380888287, rel=1e-8)
    assert split_scores(fixture_logits(), 1)[0].item() == pytest.approx(3.8559343521, rel=1e-10)


def test_balanced_certain_classes_score_their_number() -> None:
    certain = torch.eye(7, dtype=torch.float64).repeat(20, 1).log()
    assert split_scores(certain, 1)[0].item() == pytest.approx(7, rel=1e-12)


def test_no_opinion_scores_one() -> None:
    estimate = CS.estimate(comparison(torch.full((200, 5), -math.log(5), dtype=torch.float64)), stream(0, "metric/cs"))
    assert estimate.value == pytest.approx(1, abs=1e-12)
    assert estimate.ci_low >= 1


def test_splits_keep_every_example() -> None:
    # Bounds i * N // S: the two halves of 2 + 3 examples, one class each.
    log_probabilities = torch.eye(2, dtype=torch.float64)[[0, 1, 0, 0, 0]].log()
    assert split_scores(log_probabilities, 2)[0].tolist() == pytest.approx([2, 1], rel=1e-12)


def test_order_of_classes_is_shuffled_away() -> None:
    # 50 examples of each of 10 classes in order: unshuffled, every split holds one class and scores 1.
    certain = torch.eye(10, dtype=torch.float64).repeat_interleave(50, 0).log()
    assert split_scores(certain, 10)[0].mean().item() == pytest.approx(1, abs=1e-12)
    assert CS.estimate(comparison(certain), stream(0, "metric/cs")).value > 8


def test_shuffle_comes_from_the_generator_alone() -> None:
    sets = comparison(fixture_logits())
    first, again, other = (CS.estimate(sets, stream(seed, "metric/cs")).value for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_spread_over_splits_is_that_which_papers_print() -> None:
    found = CS.estimate(comparison(fixture_logits()), stream(1, "metric/cs"))
    order = torch.randperm(1000, generator=stream(1, "metric/cs"))
    expected = split_scores(fixture_logits()[order], 10)[0].std(correction=0).item()
    assert dict(found.details) == {"standard deviation over 10 splits": pytest.approx(expected, rel=1e-12)}


def test_no_classifier_is_refused() -> None:
    with pytest.raises(RequestError, match="gives none"):
        CS.estimate(comparison(None), stream(0, "metric/cs"))

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.classes import GAN_TEST, GAN_TRAIN, INTRA_FD, INTRA_KD
from ganbench.metrics.frechet import FD
from ganbench.metrics.kernel import KD
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

CENTRES = 1.5 * torch.randn(4, 6, generator=stream(0, "test-classes"), dtype=torch.float64)


def labelled(n: int, *name: int, wrong: float = 0.0, spread: float = 1.0) -> Features:
    """Examples of four classes; a share of the labels is drawn anew."""
    generator = stream(1, "test-classes", *name)
    labels = torch.randint(0, 4, (n,), generator=generator)
    values = CENTRES[labels] + spread * torch.randn(n, 6, generator=generator, dtype=torch.float64)
    redrawn = torch.rand(n, generator=generator) < wrong
    return Features(values=values, labels=torch.where(redrawn, torch.randint(0, 4, (n,), generator=generator), labels))


def estimate(metric: Metric, real: Features, fake: Features, held_out: Features | None = None) -> Estimate:
    return metric.estimate(Comparison(real, fake, held_out), stream(0, "metric"))


def accuracy(training: Features, test: Features) -> float:
    assert training.labels is not None
    assert test.labels is not None
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, tol=1e-3, max_iter=300))
    return float(model.fit(training.values.numpy(), training.labels.numpy()).score(test.values.numpy(), test.labels.numpy()))


def test_gan_train_and_gan_test_are_accuracies_across_the_sides() -> None:
    real, fake, held_out = labelled(300, 0), labelled(400, 1, wrong=0.3), labelled(250, 2)
    train, test = (estimate(metric, real, fake, held_out) for metric in (GAN_TRAIN, GAN_TEST))
    # One example may fall on the other side of a boundary where the solver starts elsewhere.
    assert train.value == pytest.approx(accuracy(fake, held_out), abs=1.5 / 250)
    assert test.value == pytest.approx(accuracy(real, fake), abs=1.5 / 400)
    assert train.perfect == test.perfect == pytest.approx(accuracy(real, held_out), abs=1.5 / 250)


def test_wrong_labels_lower_gan_test_and_a_lost_class_gan_train() -> None:
    real, held_out, good = labelled(400, 3), labelled(400, 4), labelled(400, 5)
    assert good.labels is not None
    wrong = estimate(GAN_TEST, real, labelled(400, 5, wrong=0.5))
    assert wrong.ci_high < estimate(GAN_TEST, real, good).ci_low
    rest = Features(values=good.values[good.labels > 0], labels=good.labels[good.labels > 0])
    assert estimate(GAN_TRAIN, real, rest, held_out).ci_high < estimate(GAN_TRAIN, real, good, held_out).value
    assert estimate(GAN_TEST, real, rest).value > 0.7


def test_constant_features_and_perfect_accuracy_are_no_trouble() -> None:
    def padded(side: Features) -> Features:
        return replace(side, values=torch.cat([10 * side.values, torch.ones(len(side), 1, dtype=torch.float64)], 1))

    real, fake = (padded(labelled(100, name, spread=0.01)) for name in (6, 7))
    found = estimate(GAN_TEST, real, fake)
    assert (found.value, found.ci_high) == (1, 1)
    assert 0.9 < found.ci_low < 1


@pytest.mark.parametrize(("metric", "inner"), [(INTRA_FD, FD), (INTRA_KD, KD)])
def test_intra_distances_are_means_over_classes(metric: Metric, inner: Metric) -> None:
    real, fake = labelled(300, 8), labelled(260, 9, spread=1.2)
    values = [
        inner.estimate(
            Comparison(Features(values=real.values[real.labels == label]), Features(values=fake.values[fake.labels == label])),
            stream(0, "metric"),
        ).value
        for label in range(4)
    ]
    assert estimate(metric, real, fake).value == pytest.approx(np.mean(values), rel=1e-12)


@pytest.mark.parametrize(("metric", "inner"), [(INTRA_FD, FD), (INTRA_KD, KD)])
def test_intra_distances_see_exchanged_classes_where_the_whole_does_not(metric: Metric, inner: Metric) -> None:
    real, fake = labelled(400, 10), labelled(400, 11)
    assert fake.labels is not None
    exchanged = Features(values=fake.values, labels=(fake.labels + 1) % 4)
    assert (
        inner.estimate(Comparison(real, exchanged), stream(0, "metric")).value
        == inner.estimate(Comparison(real, fake), stream(0, "metric")).value
    )
    assert estimate(metric, real, exchanged).ci_low > estimate(metric, real, fake).ci_high


def test_intra_fd_tells_what_a_perfect_generator_scores() -> None:
    found = [estimate(INTRA_FD, labelled(400, 12, i), labelled(400, 13, i)) for i in range(30)]
    values = np.array([one.value for one in found])
    perfect = np.array([one.perfect for one in found], dtype=float)
    assert perfect.mean() == pytest.approx(values.mean(), abs=4 * values.std() / 30**0.5)


@pytest.mark.parametrize("metric", [GAN_TRAIN, GAN_TEST, INTRA_FD, INTRA_KD])
def test_missing_labels_and_missing_classes_are_refused_in_one_line(metric: Metric) -> None:
    real, fake, held_out = labelled(60, 14), labelled(60, 15), labelled(60, 16)
    with pytest.raises(RequestError, match="needs class labels") as refusal:
        estimate(metric, replace(real, labels=None), replace(fake, labels=None), held_out)
    assert "\n" not in str(refusal.value)
    one = torch.zeros(60, dtype=torch.int64)
    pattern = "at least 2 classes|examples of every class"
    with pytest.raises(RequestError, match=pattern) as refusal:
        estimate(metric, replace(real, labels=one) if metric is GAN_TEST else real, replace(fake, labels=one), held_out)
    assert "\n" not in str(refusal.value)

"""Does a conditional generator produce the classes that it is asked for?

The labels of generated examples are those that the generator was given. GAN-train and GAN-test (Shmelkov, Schmid and
Alahari 2018, section 3) train a classifier on one set and test it on the other: here multinomial logistic regression on
standardised features, so that the score depends on the features alone. Intra-class distances are means over classes;
each class has few examples, so the finite-sample bias of FD is large: compare it with ``perfect``.
"""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.frechet import FD
from ganbench.metrics.intervals import combined_degrees, normal_estimate
from ganbench.metrics.kernel import KD
from ganbench.metrics.resampling import jackknife, wilson_estimate
from ganbench.plan.facts import Need
from ganbench.sets.comparison import Comparison, Reference
from ganbench.sets.features import Features

REGULARISATION = 1.0
"""Inverse strength of the L2 penalty on the weights, scikit-learn's C."""
TOLERANCE, ITERATIONS = 1e-6, 20_000
"""The solver's tolerance on the gradient, at which no example of CIFAR-10 by the bundled extractors changes its class any more, and its
largest number of iterations."""
_REPEATED = 1e-4
"""Tolerance of the jackknife's fits, which start from the converged weights."""


def labels_of(features: Features, side: str, metric: str) -> Tensor:
    """Class labels (n,) of examples.

    Raises:
        RequestError: The examples have no labels.
    """
    if features.labels is None:
        raise RequestError(f"{metric} needs class labels, and the {side} examples carry none; give labels, or leave the metric out")
    return features.labels


class Classifier:
    """Multinomial logistic regression on standardised features.

    Args:
        features: Examples to train on, labelled.
        side: Name of the set, for error messages.
        metric: Name of the metric, for error messages.

    Raises:
        RequestError: There are no labels, or all are the same.
    """

    def __init__(self, features: Features, side: str, metric: str) -> None:
        self.labels = labels_of(features, side, metric).cpu().numpy()
        if len(np.unique(self.labels)) < 2:
            raise RequestError(f"{metric} needs at least 2 classes, and all {side} examples are of one; give examples of more classes")
        values = features.values.double().cpu().numpy()
        self.mean, deviation = values.mean(0), values.std(0)
        # a feature that is constant in the training examples is ignored
        self.scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 1e-12 * (1 + np.abs(self.mean)))
        self.values = (values - self.mean) * self.scale
        self.model = LogisticRegression(C=REGULARISATION, tol=TOLERANCE, max_iter=ITERATIONS, warm_start=True)
        self.fit(torch.ones(len(values), dtype=torch.bool))
        self.converged = int(self.model.n_iter_.max()) < ITERATIONS
        self.model.tol = _REPEATED

    def fit(self, kept: Tensor) -> None:
        """Trains on the examples selected by a boolean mask (n,), starting from the previous weights."""
        mask = kept.numpy()
        # a class without examples changes the shape of the weights, so a warm start is impossible
        if len(np.unique(self.labels[mask])) < len(np.unique(self.labels)):
            self.model.coef_ = None
        self.model.fit(self.values[mask], self.labels[mask])

    def hits(self, values: Tensor, labels: Tensor) -> npt.NDArray[np.bool_]:
        """For features (n, d) and labels (n,), whether each example is classified correctly (n,)."""
        standardised = (values.double().cpu().numpy() - self.mean) * self.scale
        hits: npt.NDArray[np.bool_] = self.model.predict(standardised) == labels.cpu().numpy()
        return hits


def _accuracy(
    training: Features, side: str, test: Features, test_side: str, ceiling: float | None, metric: str, generator: torch.Generator
) -> Estimate:
    """Accuracy, with the variance over the test examples plus a jackknife over the training examples."""
    classifier, labels = Classifier(training, side, metric), labels_of(test, test_side, metric)
    share = float(classifier.hits(test.values, labels).mean())

    def without(kept: Tensor) -> float:
        classifier.fit(kept)
        return float(classifier.hits(test.values, labels).mean())

    variance = share * (1 - share) / len(labels) + jackknife(len(classifier.labels), without, generator)
    size = share * (1 - share) / variance if 0 < share < 1 else len(labels)
    estimate = replace(wilson_estimate(share, size, perfect=ceiling), ci_method="Wilson, jackknife over the training side")
    unfinished = f"the classifier did not converge in {ITERATIONS:,} iterations"
    return estimate if classifier.converged else replace(estimate, warnings=(unfinished,))


def _gan_train(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Accuracy on held-out real examples of a classifier trained on generated ones; ``perfect`` trains it on real ones."""
    held_out = comparison.held_out
    labels = labels_of(held_out, "held-out", "gan_train")
    perfect = float(Classifier(comparison.real, "real", "gan_train").hits(held_out.values, labels).mean())
    return _accuracy(comparison.fake, "generated", held_out, "held-out", perfect, "gan_train", generator)


def _gan_test(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Accuracy on generated examples of a classifier trained on real ones; ``perfect`` tests it on held-out ones, if any."""
    reference, perfect = comparison.held_out_reference, None
    if reference is not None and reference.has_features and reference.features.labels is not None:
        held_out, labels = reference.features, reference.features.labels
        perfect = float(Classifier(comparison.real, "real", "gan_test").hits(held_out.values, labels).mean())
    return _accuracy(comparison.real, "real", comparison.fake, "generated", perfect, "gan_test", generator)


def _intra(comparison: Comparison, generator: torch.Generator, inner: Metric, name: str) -> Estimate:
    """Mean of a distance within each real class; the classes count as independent samples."""
    real, fake = labels_of(comparison.real, "real", name), labels_of(comparison.fake, "generated", name)
    estimates = []
    for label in torch.unique(real).tolist():
        theirs = comparison.fake.values[fake == label]
        few = min(len(theirs), int((real == label).sum()))
        if few < inner.minimum_n:
            raise RequestError(
                f"{name} needs {inner.minimum_n} examples of every class on either side, and class {comparison.real.class_name(label)} "
                f"has {few}; give more, or take {inner.name}"
            )
        ours = comparison.reference.shared(f"class {label}", partial(_of_class, comparison.real, real == label))
        estimates.append(inner.estimate(Comparison(ours, Features(values=theirs)), generator))
    count = len(estimates)
    variance = sum(found.variance or 0.0 for found in estimates) / count**2
    mean = sum(found.value for found in estimates) / count
    perfect = [found.perfect for found in estimates if found.perfect is not None]
    estimate = normal_estimate(mean, variance, inner.bounds, "independent classes", combined_degrees(estimates))
    return replace(estimate, perfect=sum(perfect) / count if len(perfect) == count else None)


def _of_class(real: Features, chosen: Tensor) -> Reference:
    """The reference set of one class."""
    return Reference(Features(values=real.values[chosen]))


_LABELLED: tuple[Need, ...] = ("features", "labels")
_CLASSIFIER = (("classifier", "logistic regression"), ("C", REGULARISATION), ("tolerance", TOLERANCE), ("iterations", ITERATIONS))

GAN_TRAIN = Metric(
    name="gan_train",
    version=2,
    higher_is_better=True,
    needs_real=_LABELLED,
    needs_fake=_LABELLED,
    needs_held_out=_LABELLED,
    minimum_n=50,
    bounds=(0.0, 1.0),
    parameters=_CLASSIFIER,
    estimate=_gan_train,
)
"""Accuracy on held-out real examples of a classifier trained on generated ones: diversity and fidelity (Shmelkov et al. 2018)."""

GAN_TEST = Metric(
    name="gan_test",
    version=2,
    higher_is_better=True,
    needs_real=_LABELLED,
    needs_fake=_LABELLED,
    minimum_n=50,
    bounds=(0.0, 1.0),
    parameters=_CLASSIFIER,
    estimate=_gan_test,
)
"""Accuracy on generated examples of a classifier trained on real ones: fidelity to the class asked for (Shmelkov et al. 2018)."""

INTRA_FD = Metric(
    name="intra_fd",
    version=1,
    higher_is_better=False,
    needs_real=_LABELLED,
    needs_fake=_LABELLED,
    minimum_n=10,
    bounds=(0.0, math.inf),
    depends_on_n=True,
    parameters=FD.parameters,
    estimate=lambda comparison, generator: _intra(comparison, generator, FD, "intra_fd"),
)
"""Mean over classes of the Frechet distance within each class; biased upward, more than FD (Miyato and Koyama 2018)."""

INTRA_KD = Metric(
    name="intra_kd",
    version=1,
    higher_is_better=False,
    needs_real=_LABELLED,
    needs_fake=_LABELLED,
    minimum_n=10,
    bounds=(-math.inf, math.inf),
    parameters=KD.parameters,
    estimate=lambda comparison, generator: replace(_intra(comparison, generator, KD, "intra_kd"), perfect=0.0),
)
"""Mean over classes of the kernel distance within each class; unbiased at every number of examples."""

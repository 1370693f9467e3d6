"""Is the spread of every class measured by itself?"""

import pytest
import torch

from ganbench.diagnostics.base import Case
from ganbench.diagnostics.spread import class_spread, spread_diagnostics
from ganbench.results.record import Diagnostic
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

CLASSES = torch.arange(600) % 3
CENTRES = 5 * torch.eye(3, 4, dtype=torch.float64)


def features(scales: tuple[float, ...], classes: torch.Tensor = CLASSES) -> Features:
    noise = torch.randn(len(classes), 4, generator=stream(9, "test-spread"), dtype=torch.float64)
    values = CENTRES[classes] + torch.tensor(scales, dtype=torch.float64)[classes, None] * noise
    return Features(values=values, log_probabilities=torch.eye(3, dtype=torch.float64)[classes].log())


def by_name(fake: Features, real: Features | None = None) -> dict[str, Diagnostic]:
    return {one.name: one for one in spread_diagnostics(Case(comparison=Comparison(real or features((1, 1, 1)), fake)))}


def test_counts_and_variances_are_those_of_every_class() -> None:
    found, some = class_spread(features((1, 2, 3))), features((1, 2, 3)).values
    assert found.counts.tolist() == [200, 200, 200]
    for label in range(3):
        assert found.variance[label].item() == pytest.approx(some[label == CLASSES].var(0).sum().item(), rel=1e-10)


def test_the_ratio_of_every_class_is_exact_for_the_same_noise() -> None:
    found = by_name(features((1, 0.5, 2)))
    assert found["class_sd_ratio"].value == pytest.approx((1 + 0.5 + 2) / 3, rel=1e-10)
    assert found["class_sd_lowest"].value == pytest.approx(0.5, rel=1e-10)
    assert found["class_sd_lowest"].note == "class 1"


def test_another_share_of_classes_changes_nothing() -> None:
    rare = torch.cat([torch.zeros(300, dtype=torch.int64), torch.ones(300, dtype=torch.int64)])
    found = by_name(features((1, 1, 1), rare))
    # 4 standard deviations of the ratio of two standard deviations of 4 x 200 values: sqrt(2 / 1600) = 0.035
    assert found["class_sd_ratio"].value == pytest.approx(1, abs=4 * 0.035)
    assert found["class_sd_lowest"].note.endswith("1 classes with too few examples are left out")


def test_constant_examples_have_no_spread_and_too_few_no_value() -> None:
    constant = Features(values=CENTRES[CLASSES], log_probabilities=features((1, 1, 1)).log_probabilities)
    assert by_name(constant)["class_sd_ratio"].value == pytest.approx(0, abs=1e-12)
    few = features((1, 1, 1), CLASSES[:15])  # five of every class
    assert by_name(few)["class_sd_ratio"].value is None and by_name(few)["class_sd_lowest"].value is None
    assert by_name(features((1, 1, 1)), constant)["class_sd_ratio"].value is None  # nothing to compare with

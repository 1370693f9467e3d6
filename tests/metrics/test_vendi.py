"""Fixture A of the field notes (section 3.2): its values come from vendi-score 0.0.3."""

import numpy as np
import pytest
import torch

from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.vendi import RKE, VENDI
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

REAL = torch.from_numpy(np.random.RandomState(0).randn(1000, 64))
FAKE = torch.from_numpy(np.random.RandomState(1).randn(1000, 64) * 1.1 + 0.1)
COPIES = REAL[:10].repeat_interleave(100, 0)


def estimate(metric: Metric, fake: torch.Tensor, real: torch.Tensor | None = None) -> Estimate:
    return metric.estimate(Comparison(Features(values=fake if real is None else real), Features(values=fake)), stream(0, "metric/vendi"))


@pytest.mark.parametrize(
    ("metric", "fake", "value"),
    [(VENDI, FAKE, 61.801647249), (RKE, FAKE, 59.766638309), (VENDI, COPIES, 9.348345254), (RKE, COPIES, 8.821004606)],
)
def test_fixture_a(metric: Metric, fake: torch.Tensor, value: float) -> None:
    assert estimate(metric, fake).value == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("metric", [VENDI, RKE])
def test_identical_orthogonal_and_grouped_examples_count_as_1_n_and_groups(metric: Metric) -> None:
    assert estimate(metric, torch.ones(20, 3)).value == pytest.approx(1, abs=1e-12)
    assert estimate(metric, torch.eye(20)).value == pytest.approx(20, rel=1e-12)
    assert estimate(metric, 7 * torch.eye(4).repeat(5, 1)).value == pytest.approx(4, rel=1e-12)


@pytest.mark.parametrize("metric", [VENDI, RKE])
def test_both_forms_of_the_spectrum_agree(metric: Metric) -> None:
    # Zero columns change no cosine, but make features more than examples.
    wide = torch.cat([FAKE[:200], torch.zeros(200, 200)], 1)
    assert estimate(metric, wide).value == pytest.approx(estimate(metric, FAKE[:200]).value, rel=1e-10)


@pytest.mark.parametrize("metric", [VENDI, RKE])
def test_length_does_not_matter_and_zeros_are_a_direction_of_their_own(metric: Metric) -> None:
    lengths = torch.linspace(0.1, 1e6, 1000, dtype=torch.float64)[:, None]
    assert estimate(metric, FAKE * lengths).value == pytest.approx(estimate(metric, FAKE).value, rel=1e-9)
    assert estimate(metric, torch.cat([torch.zeros(15, 2), torch.ones(15, 2)])).value == pytest.approx(2, rel=1e-12)
    assert estimate(metric, torch.zeros(15, 2)).value == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("metric", [VENDI, RKE])
def test_perfect_is_the_score_of_as_many_real_examples(metric: Metric) -> None:
    assert estimate(metric, FAKE[:500], REAL).perfect == pytest.approx(estimate(metric, REAL[::2]).value, rel=1e-12)
    assert estimate(metric, FAKE, REAL[:500]).perfect is None


@pytest.mark.parametrize("metric", [VENDI, RKE])
def test_collapse_lowers_the_score_and_float32_features_change_little(metric: Metric) -> None:
    assert estimate(metric, COPIES).value < 10 < estimate(metric, FAKE).value
    assert estimate(metric, FAKE.float()).value == pytest.approx(estimate(metric, FAKE).value, rel=1e-6)

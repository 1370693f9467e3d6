"""Do 95 % intervals of the metrics beyond the usual ones hold the expected score in about 95 % of repetitions?

REPEATS = 60 draws. With a true coverage of 95 % the observed one is binomial with standard deviation 2.8 %;
95 % - 4 sd is 83.7 %, the lower limit. Jackknives err towards wide intervals, so there is no upper limit on
coverage: instead the mean width must stay below 2.5 times the width that the scores' own spread asks for.
"""

import functools

import pytest
import sklearn
import torch

from ganbench.metrics.base import Metric
from ganbench.metrics.intervals import NORMAL_975
from ganbench.registry import METRICS
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

REPEATS, N, WIDTH = 60, 300, 6
NAMES = [
    "clipped_density",
    "clipped_coverage",
    "realism",
    "mmd_rbf",
    "mind",
    "vendi",
    "rke",
    "authpct",
    "mifd",
    "ct",
    "fld",
    "fld_gap",
    "gan_train",
    "gan_test",
    "intra_fd",
    "intra_kd",
]
ALL: list[Metric] = [METRICS.load(name) for name in NAMES]
GIVEN_TRAINING_SET = {"authpct", "ct", "fld", "fld_gap"}
"""Their intervals are for one training set."""


def draw(generator: torch.Generator, scale: float) -> Features:
    labels = torch.randint(0, 3, (N,), generator=generator)
    centres = torch.tensor([[2.0, 0, 0], [0, 2, 0], [0, 0, 2]], dtype=torch.float64).repeat(1, WIDTH // 3)
    values = centres[labels] + scale * torch.randn(N, WIDTH, generator=generator, dtype=torch.float64)
    return Features(values=values, labels=labels)


@functools.cache
def estimates(scale: float) -> dict[str, torch.Tensor]:
    generator = stream(12, "test-families-coverage")
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in NAMES}
    fixed = draw(generator, 1.0)
    for repeat in range(REPEATS):
        real, fake, held_out = draw(generator, 1.0), draw(generator, scale), draw(generator, 1.0)
        both = {True: Comparison(fixed, fake, held_out), False: Comparison(real, fake, held_out)}
        for metric in ALL:
            # scikit-learn's checks of arguments take as long as thousands of fits this small
            with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
                estimate = metric.estimate(both[metric.name in GIVEN_TRAINING_SET], stream(repeat, "metric"))
            found[metric.name].append((estimate.value, estimate.ci_low, estimate.ci_high))
    return {name: torch.tensor(rows, dtype=torch.float64) for name, rows in found.items()}


@pytest.mark.parametrize("metric", ALL, ids=NAMES)
@pytest.mark.parametrize("scale", [1.0, 1.2])
def test_interval_holds_the_expected_score(metric: Metric, scale: float) -> None:
    value, low, high = estimates(scale)[metric.name].T
    middle = value.mean()
    assert ((low <= middle) & (middle <= high)).double().mean() >= 0.837
    assert (high - low).mean() <= 2.5 * 2 * NORMAL_975 * value.std()

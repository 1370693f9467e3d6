import math

import numpy as np
import pytest

from ganbench.results.bank import Value
from ganbench.statistics.noise import noise

RNG = np.random.default_rng(0)


def test_both_layers_are_found_again() -> None:
    """2,000 runs of training noise 3 and sampling noise 4: the standard errors of both are below 0.1."""
    level = 50 + 3 * RNG.normal(size=2_000) + 4 * RNG.normal(size=2_000)
    found = noise([Value(value=v, low=v - 1.96 * 4, high=v + 1.96 * 4) for v in level])
    assert found is not None
    assert found.sampling == pytest.approx(4)
    assert found.training == pytest.approx(3, abs=0.3)


def test_sampling_noise_that_explains_everything_leaves_no_training_noise() -> None:
    found = noise([Value(value=50.0 + i, low=0.0, high=100.0) for i in range(3)])
    assert found is not None and found.training == 0


def test_single_runs_and_scores_without_intervals() -> None:
    assert noise([Value(value=1.0)]) is None
    two = noise([Value(value=1.0), Value(value=2.0)])
    assert two is not None and two.sampling is None and two.training == pytest.approx(math.sqrt(0.5))

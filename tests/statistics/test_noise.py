import math

import numpy as np
import pytest

from ganbench.results.bank import Outcome, Value
from ganbench.statistics.noise import noise

RNG = np.random.default_rng(0)


def test_both_layers_are_found_again() -> None:
    """2,000 runs of training noise 3 and sampling noise 4: the standard errors of both are below 0.1."""
    level = 50 + 3 * RNG.normal(size=2_000) + 4 * RNG.normal(size=2_000)
    runs = [Outcome(seed=i, values={"fd": Value(value=v, low=v - 1.96 * 4, high=v + 1.96 * 4)}) for i, v in enumerate(level)]
    found = noise(runs, "fd")
    assert found is not None
    assert found.sampling == pytest.approx(4)
    assert found.training == pytest.approx(3, abs=0.3)


def test_sampling_noise_that_explains_everything_leaves_no_training_noise() -> None:
    runs = [Outcome(seed=i, values={"fd": Value(value=50.0 + i, low=0.0, high=100.0)}) for i in range(3)]
    found = noise(runs, "fd")
    assert found is not None and found.training == 0


def test_failed_runs_and_single_ones_tell_nothing() -> None:
    sound = Outcome(seed=0, values={"fd": Value(value=1.0)})
    assert noise([sound, Outcome(seed=1, failure="diverged", values={"fd": Value(value=9.0)})], "fd") is None
    two = noise([sound, Outcome(seed=1, values={"fd": Value(value=2.0)})], "fd")
    assert two is not None and two.sampling is None and two.training == pytest.approx(math.sqrt(0.5))

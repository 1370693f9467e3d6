import subprocess
import sys

import torch
from torch import nn

from ganbench.data.dataset import DataShape
from ganbench.registry import VARIANTS
from ganbench.results.timings import training_rate
from ganbench.timing.memory import peak_memory_bytes
from ganbench.timing.throughput import WARM_UP_TICKS, sampling_rate


def test_training_rate_is_median_and_percentiles_of_the_ticks() -> None:
    # 100 images in 1 / k s are 100 k images a second, k = 1..21: inclusive percentiles of 21 points fall on them
    rate = training_rate([(100, 1 / k) for k in (3, 21, 1, *range(4, 21), 2)])
    assert rate is not None
    assert round(rate.median, 6) == 1_100
    assert round(rate.p5, 6) == 200
    assert round(rate.p95, 6) == 2_000
    assert rate.measurements == 21


def test_one_slow_tick_does_not_move_the_median() -> None:
    rate = training_rate([(100, 1.0)] * 10 + [(100, 50.0)])
    assert rate is not None and rate.median == 100


def test_one_tick_is_its_own_percentiles_and_none_is_no_rate() -> None:
    rate = training_rate([(64, 2.0)])
    assert rate is not None
    assert (rate.median, rate.p5, rate.p95, rate.measurements) == (32.0, 32.0, 32.0, 1)
    assert training_rate([]) is None
    assert training_rate([(64, 0.0)]) is None


def test_the_first_tick_of_an_attempt_is_warm_up() -> None:
    assert WARM_UP_TICKS >= 1


def test_sampling_is_measured_in_evaluation_mode_and_changes_nothing() -> None:
    cls = VARIANTS.load("dcgan")
    variant = cls(cls.Config(latent_dim=4, generator_width=4, discriminator_width=4), DataShape(size=(1, 8, 8)))
    variant.train()
    before = {name: value.clone() for name, value in variant.state_dict().items()}
    modes: list[bool] = []
    variant.generator.register_forward_hook(lambda module, *_: modes.append(module.training))
    state = torch.get_rng_state()
    rate = sampling_rate(variant, 0, torch.device("cpu"), repeats=3)
    assert rate.measurements == 3
    assert 0 < rate.p5 <= rate.median <= rate.p95
    assert modes == [False] * 4  # one of them is the warm-up
    assert variant.training and all(module.training for module in variant.modules() if isinstance(module, nn.BatchNorm2d))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in variant.state_dict().items())


def test_peak_memory_is_the_resident_set_in_bytes() -> None:
    # a process that has torch loaded holds more than 50 MB, and this machine less than 10 TB
    assert 50e6 < peak_memory_bytes(torch.device("cpu")) < 10e12


def test_peak_memory_is_this_process_own_and_not_its_parents() -> None:
    # 600 MB in this process; a child of its own has a few hundred at most (Linux hands getrusage's peak down)
    ballast = torch.ones(600 * 2**20, dtype=torch.uint8)
    code = "import torch\nfrom ganbench.timing.memory import peak_memory_bytes\nprint(peak_memory_bytes(torch.device('cpu')))"
    child = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert peak_memory_bytes(torch.device("cpu")) > child + len(ballast) // 2

"""How much faster do steps train here than in a plain loop? (ratios of one run, repetitions in turn)

On a CPU with two threads and narrow networks; on a GPU with the papers' widths. The plain loop has PyTorch's own defaults, and on a CPU of
two cores decodes in its own process, since workers would take its cores. What is repeated is a whole period of a method's steps.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import pytest
import torch
from plain_loop import WORKERS, PlainLoop
from pytest_benchmark.fixture import BenchmarkFixture

from ganbench.data.loading import load_dataset
from ganbench.environment import configure
from ganbench.plan.bench import bench_specs
from ganbench.plan.runtime import Runtime
from ganbench.plan.workload import Workload
from ganbench.timing.steady import repeated
from ganbench.timing.training import period
from ganbench.training.building import build
from ganbench.training.trainer import Trainer

GPU = torch.cuda.is_available()
SECONDS = 5.0
CPU_MODES = [(form, engine, "off") for form in ("fp32", "bf16") for engine in ("eager", "channels-last")]
GPU_MODES = [
    ("fp32", "eager", "strict"),
    ("fp32", "graph", "strict"),
    ("tf32", "graph", "strict"),
    ("tf32", "graph", "off"),
    ("tf32", "graph-channels-last", "off"),
    ("bf16", "graph-channels-last", "off"),
]
MODES = GPU_MODES if GPU else CPU_MODES
CASES = [("dcgan", 32), ("sngan", 32), ("wgan_gp", 32), ("stylegan2", 32 if GPU else 28), *([("stylegan2", 64)] if GPU else [])]


@pytest.fixture
def defaults() -> Iterator[None]:
    """PyTorch's own settings, in which the plain loop runs; the harness sets its own around its steps."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    torch.set_deterministic_debug_mode("default")


def several(one_step: Callable[[], None], steps: int, determinism: str = "off") -> None:
    torch.set_deterministic_debug_mode("error" if determinism == "strict" else "default")
    for _ in range(steps):
        one_step()


@pytest.mark.parametrize(("variant", "side"), CASES)
def test_steps_against_a_plain_loop(benchmark: BenchmarkFixture, defaults: None, variant: str, side: int) -> None:
    preset = ("cifar" if side == 32 else "") if GPU else "small"
    work = Workload(resolution=side, preset=preset, precision=",".join(dict.fromkeys(form for form, *_ in MODES)))
    specs = {spec.training.precision: spec for spec in bench_specs([variant], work, [])}
    data = load_dataset(specs["fp32"].dataset, Path())
    device = configure(Runtime(threads=2, determinism="off"))
    plain = PlainLoop(build(specs["fp32"], data, device), data.train.examples, data.train.labels, 64, device, workers=WORKERS if GPU else 0)
    ours = [Trainer(build(specs[form], data, device), data, specs[form], device, engine=engine) for form, engine, _ in MODES]
    steps = period(ours[0])
    calls = [partial(several, plain.one_step, steps)]
    calls += [partial(several, trainer.one_step, steps, how) for trainer, (_, _, how) in zip(ours, MODES, strict=True)]
    found = benchmark.pedantic(repeated, (calls, device, SECONDS), rounds=1)
    slowest, *others = (median(one.seconds) / steps for one in found)
    benchmark.extra_info["plain_ms"] = round(1e3 * slowest, 1)
    for mode, seconds in zip(MODES, others, strict=True):
        benchmark.extra_info[f"{' '.join(mode)}, times the plain loop"] = round(slowest / seconds, 2)
    print(f"\n{variant} {side}x{side} on {device}:", dict(benchmark.extra_info))


HEALTH_LIMIT = 1.05
"""What a training with signals of its health may cost, as a multiple of one without."""


@pytest.mark.parametrize(("variant", "side"), [("dcgan", 16), ("wgan_gp", 32), ("gan", 0)])
def test_health_costs_at_most_5_percent_of_training(benchmark: BenchmarkFixture, defaults: None, variant: str, side: int) -> None:
    """Whole ticks with their readings, with and without the signals in turn; side 0 is a ring of points, whose steps are the shortest.

    Measured with 20 seconds each on two idle cores: 1.039, 1.020 and 1.048; dcgan at 32 pixels 1.010, stylegan2 at 28 pixels 0.986.
    """
    work = (
        Workload(data="noise", resolution=side, preset="" if GPU else "small")
        if side
        else Workload(data="ring8", preset="points", batch=256)
    )
    (spec,) = bench_specs([variant], work, [])
    data = load_dataset(spec.dataset, Path())
    device = configure(Runtime(threads=1))
    trainers = [Trainer(build(spec, data, device), data, spec, device, health=health) for health in (False, True)]
    steps = Runtime().tick_images // spec.training.batch_size
    found = benchmark.pedantic(repeated, ([partial(trainer.advance, steps) for trainer in trainers], device, SECONDS), rounds=1)
    without, with_signals = found
    ratio = median(b / a for a, b in zip(without.seconds, with_signals.seconds, strict=False))
    benchmark.extra_info["times the training without signals"] = round(ratio, 3)
    print(f"\n{variant} {side}: {ratio:.3f} times the training without signals of its health")
    assert ratio <= HEALTH_LIMIT

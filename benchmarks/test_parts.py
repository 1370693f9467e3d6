"""How fast are the parts of a run? (`make bench`; compare ratios of one run, not figures of two machines)"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from plain_loop import png
from pytest_benchmark.fixture import BenchmarkFixture

from ganbench.data.bundled import digits
from ganbench.data.loading import load_dataset
from ganbench.environment import configure
from ganbench.evaluation.runs import RunEvaluator, reference_examples
from ganbench.plan.bench import bench_specs
from ganbench.plan.facts import facts
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, EvaluationSpec
from ganbench.plan.workload import Workload
from ganbench.registry import METRICS, VARIANTS
from ganbench.sampling import CHUNK, sample
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features
from ganbench.training.building import build
from ganbench.training.checkpoint import write_checkpoint
from ganbench.training.trainer import Trainer

STEPS = 5
DATASET = digits(DatasetSpec(name="digits"), Path())
PLAN = EvaluationSpec(extractor="digits-probe", metrics=("fd",), n_fake=1_437)


def trainer(variant: str) -> Trainer:
    """A narrow network on 16x16 images, two steps trained."""
    device = configure(Runtime())
    (spec,) = bench_specs([variant], Workload(data="digits", preset="small"), [])
    ready = Trainer(build(spec, DATASET, device), DATASET, spec, device)
    ready.advance(2)
    return ready


@pytest.mark.parametrize("variant", VARIANTS.names())
def test_training_steps(benchmark: BenchmarkFixture, variant: str) -> None:
    ready = trainer(variant)
    benchmark.extra_info["images"] = STEPS * ready.spec.training.batch_size
    benchmark.pedantic(ready.advance, (STEPS,), rounds=3)


@pytest.mark.parametrize("variant", VARIANTS.names())
def test_sampling(benchmark: BenchmarkFixture, variant: str) -> None:
    ready = trainer(variant)
    benchmark.extra_info["images"] = CHUNK
    shares = torch.from_numpy(DATASET.class_shares).float()
    benchmark.pedantic(lambda: sample(ready.variant, CHUNK, 0, ready.device, class_shares=shares), rounds=3, warmup_rounds=1)


def test_one_evaluation_of_digits(benchmark: BenchmarkFixture) -> None:
    evaluator = RunEvaluator(DATASET, PLAN, 0, torch.device("cpu"))
    benchmark.pedantic(evaluator, (reference_examples(DATASET, PLAN), "ema"), rounds=3, warmup_rounds=1)


def of_features_alone(name: str) -> bool:
    found = facts(name)
    return not found.needs_held_out and {*found.needs_real, *found.needs_fake} <= {"moments", "features"}


@pytest.mark.parametrize("metric", [name for name in METRICS.builtins if of_features_alone(name)])
def test_metric_from_features(benchmark: BenchmarkFixture, metric: str) -> None:
    real, fake = (torch.randn(5_000, 64, generator=stream(0, side), dtype=torch.float64) for side in ("real", "fake"))
    estimate = METRICS.load(metric).estimate
    # a fresh comparison each round, so that nothing is shared with the round before
    benchmark.pedantic(lambda: estimate(Comparison(Features(values=real), Features(values=fake)), stream(0, "metric")), rounds=3)


def test_decoding_png_files(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    images = load_dataset(DatasetSpec(name="noise"), Path()).train.examples[:1_000]
    for number, image in enumerate(images):
        (tmp_path / f"{number:04d}.png").write_bytes(png(image))
    benchmark.extra_info["images"] = len(images)
    found = benchmark.pedantic(load_dataset, (DatasetSpec(name="mine", path=str(tmp_path)), Path()), rounds=3)
    assert len(found.train) + len(found.held_out) == len(images)


def test_checkpoints(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    ready = trainer("dcgan")
    benchmark.extra_info["bytes"] = sum(tensor.nbytes for tensors in ready.weights().values() for tensor in tensors.values())

    def step_and_write() -> None:
        ready.step += 1  # a folder of its own
        write_checkpoint(tmp_path, ready.weights(), ready.state())

    benchmark.pedantic(step_and_write, rounds=3)


@pytest.mark.parametrize("arguments", [("--help",), ("list", "variants")], ids=" ".join)
def test_start(benchmark: BenchmarkFixture, arguments: tuple[str, ...]) -> None:
    # 0.13 to 0.20 s on one pair of cores and 0.44 s on another
    done = benchmark(lambda: subprocess.run([sys.executable, "-m", "ganbench", *arguments], capture_output=True, check=True))
    assert done.stdout

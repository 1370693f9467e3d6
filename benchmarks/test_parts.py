"""How fast are the parts of a run? (`make bench`; compare ratios of one run, not figures of two machines)"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from ganbench.data.bundled import digits
from ganbench.environment import configure
from ganbench.evaluation.runs import Evaluator, reference_examples
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec
from ganbench.plan.variant_config import variant_spec
from ganbench.registry import METRICS, VARIANTS
from ganbench.sampling import sample
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features
from ganbench.training.building import build
from ganbench.training.trainer import Trainer

STEPS = 20
DATASET = digits(DatasetSpec(name="digits"), Path())
PLAN = EvaluationSpec(extractor="digits-probe", metrics=("fd",), n_fake=1_437)


def trainer(variant: str) -> Trainer:
    device = configure(Runtime())
    spec = RunSpec(
        variant=variant_spec(variant, {}, "benchmark"), dataset=DatasetSpec(name="digits"), seed=0, budget_images=64_000, evaluation=PLAN
    )
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
    benchmark.extra_info["images"] = 1_024
    benchmark.pedantic(sample, (ready.variant, 1_024, 0, ready.device), rounds=3, warmup_rounds=1)


def test_one_evaluation_of_digits(benchmark: BenchmarkFixture) -> None:
    evaluator = Evaluator(DATASET, PLAN, 0, torch.device("cpu"))
    benchmark.pedantic(evaluator, (reference_examples(DATASET, PLAN), "ema"), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("metric", [name for name in METRICS.names() if name != "cs"])
def test_metric_from_features(benchmark: BenchmarkFixture, metric: str) -> None:
    real, fake = (torch.randn(5_000, 64, generator=stream(0, side), dtype=torch.float64) for side in ("real", "fake"))
    estimate = METRICS.load(metric).estimate
    # a fresh comparison each round, so that nothing is shared with the round before
    benchmark.pedantic(lambda: estimate(Comparison(Features(values=real), Features(values=fake)), stream(0, "metric")), rounds=3)


@pytest.mark.parametrize("arguments", [("--help",), ("list", "variants")], ids=" ".join)
def test_start(benchmark: BenchmarkFixture, arguments: tuple[str, ...]) -> None:
    # 0.13 to 0.20 s on one pair of cores and 0.44 s on another
    done = benchmark(lambda: subprocess.run([sys.executable, "-m", "ganbench", *arguments], capture_output=True, check=True))
    assert done.stdout

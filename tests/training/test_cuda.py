"""Do the promises hold on a GPU? (`make gpu`; a plain run has none)"""

from pathlib import Path

import pytest
import torch

from ganbench.data.bundled import digits
from ganbench.environment import Runtime, configure
from ganbench.pipeline import build, run_cell
from ganbench.sampling import sample
from ganbench.spec import DatasetSpec, EvaluationSpec, RunSpec, TrainingSpec, VariantSpec
from ganbench.training.trainer import Trainer
from ganbench.variant_config import resolved_config, variant_source

pytestmark = pytest.mark.gpu

VARIANTS = ("gan", "dcgan", "wgan", "wgan_gp")


def spec(variant: str) -> RunSpec:
    config = resolved_config(variant_source(variant, Path()), {}, "test")
    return RunSpec(
        variant=VariantSpec(name=variant, config=config),
        dataset=DatasetSpec(name="digits"),
        seed=0,
        budget_images=1_280,
        training=TrainingSpec(augmentation="translation"),
        evaluation=EvaluationSpec(extractor="digits-probe", metrics=("fd", "precision"), n_fake=500, every_images=640),
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_same_spec_twice_gives_the_same_bits(variant: str, tmp_path: Path) -> None:
    first, second = (run_cell(spec(variant), tmp_path / name, Runtime(device="cuda")) for name in ("first", "second"))
    assert first.error is None
    assert first.weights_sha256 == second.weights_sha256
    assert [score.value for e in first.evaluations for score in e.scores] == [score.value for e in second.evaluations for score in e.scores]


@pytest.mark.parametrize("variant", VARIANTS)
def test_resumed_equals_uninterrupted(variant: str) -> None:
    device = configure(Runtime(device="cuda"))
    dataset = digits(DatasetSpec(name="digits"), Path())

    def fresh() -> Trainer:
        return Trainer(build(spec(variant), dataset, device), dataset, spec(variant), device)

    straight, stopped, resumed = fresh(), fresh(), fresh()
    straight.advance(14)
    stopped.advance(7)
    resumed.restore(stopped.weights(), stopped.state())
    resumed.advance(7)
    for name, value in straight.weights()["raw"].items():
        assert torch.equal(value, resumed.weights()["raw"][name]), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_same_weights_sample_the_same_images_as_on_the_cpu(variant: str) -> None:
    device = configure(Runtime(device="cuda"))
    dataset = digits(DatasetSpec(name="digits"), Path())
    method = build(spec(variant), dataset, device)
    on_gpu = sample(method, 256, 0, device).cpu().int()
    on_cpu = sample(method.cpu(), 256, 0, torch.device("cpu")).int()
    # float32 rounding differs between devices: at most one level of 255, where a value lies at a border
    assert (on_gpu - on_cpu).abs().max() <= 1

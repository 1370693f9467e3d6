"""Do the promises hold on a GPU? (`make gpu`; a plain run has none)"""

import copy
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganbench.data.bundled import digits
from ganbench.environment import configure
from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec, TrainingSpec
from ganbench.precision import exact
from ganbench.registry import VARIANTS
from ganbench.sampling import sample
from ganbench.training.building import build
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Variant

pytestmark = pytest.mark.gpu

NAMES = VARIANTS.names()
TinySpec = Callable[..., RunSpec]


def spec_for(tiny_spec: TinySpec, variant: str) -> RunSpec:
    """A tiny network on 16x16 digits for twenty steps."""
    return tiny_spec(
        variant,
        DatasetSpec(name="digits"),
        budget_images=1_280,
        training=TrainingSpec(augmentation="translation"),
        evaluation=EvaluationSpec(extractor="digits-probe", metrics=("fd", "precision"), n_fake=500, every_images=640),
    )


def trained(spec: RunSpec) -> Variant:
    """A method after fourteen steps on the CPU: networks that grow have grown, and no branch or noise is still without weight."""
    dataset, cpu = digits(spec.dataset, Path()), torch.device("cpu")
    trainer = Trainer(build(spec, dataset, cpu), dataset, spec, cpu)
    trainer.advance(14)
    return trainer.variant


def assert_as_precise_as_the_cpu(slopes: Callable[[torch.device, torch.dtype], list[torch.Tensor]], device: torch.device) -> None:
    """Compares slopes in float32 with those of the CPU in float64: a device may be off by ten times as much as the CPU in float32.

    Sums of many terms that cancel are imprecise on every device, and their order differs between devices.
    """
    cpu = torch.device("cpu")
    truths = slopes(cpu, torch.float64)
    with exact():  # torch's own setting is TF32 in convolutions, which are off by 1e-3
        found = slopes(device, torch.float32)
    for name, ours, theirs, truth in zip(range(len(truths)), found, slopes(cpu, torch.float32), truths, strict=True):
        largest = truth.abs().max().item()
        off, usual = ((one.double() - truth).abs().max().item() for one in (ours, theirs))
        assert off <= 10 * usual + 1e-5 * largest, f"slope {name} is off by {off:.3g} of {largest:.3g}, on the CPU by {usual:.3g}"


@pytest.mark.parametrize("variant", NAMES)
def test_same_spec_twice_gives_the_same_bits(tiny_spec: TinySpec, variant: str, tmp_path: Path) -> None:
    first, second = (run_cell(spec_for(tiny_spec, variant), tmp_path / name, Runtime(device="cuda")) for name in ("first", "second"))
    assert first.error is None, first.error.traceback
    assert first.weights_sha256 == second.weights_sha256
    assert [score.value for e in first.evaluations for score in e.scores] == [score.value for e in second.evaluations for score in e.scores]


@pytest.mark.parametrize("variant", NAMES)
def test_resumed_equals_uninterrupted(tiny_spec: TinySpec, variant: str) -> None:
    device = configure(Runtime(device="cuda"))
    dataset = digits(DatasetSpec(name="digits"), Path())

    def fresh() -> Trainer:
        return Trainer(build(spec_for(tiny_spec, variant), dataset, device), dataset, spec_for(tiny_spec, variant), device)

    straight, stopped, resumed = fresh(), fresh(), fresh()
    straight.advance(14)
    stopped.advance(7)
    resumed.restore(stopped.weights(), stopped.state())
    resumed.advance(7)
    for name, value in straight.weights()["raw"].items():
        assert torch.equal(value, resumed.weights()["raw"][name]), name


@pytest.mark.parametrize("variant", NAMES)
def test_same_weights_sample_the_same_images_as_on_the_cpu(tiny_spec: TinySpec, variant: str) -> None:
    device = configure(Runtime(device="cuda"))
    method = trained(spec_for(tiny_spec, variant))
    shares = torch.full((10,), 0.1)
    on_cpu = sample(method, 256, 0, torch.device("cpu"), class_shares=shares).int()
    on_gpu = sample(method.to(device), 256, 0, device, class_shares=shares).cpu().int()
    # float32 rounding differs between devices: at most one level of 255, where a value lies at a border
    assert (on_gpu - on_cpu).abs().max() <= 1


@pytest.mark.parametrize("variant", NAMES)
def test_a_discriminators_slopes_are_those_of_the_cpu(tiny_spec: TinySpec, variant: str) -> None:
    device = configure(Runtime(device="cuda"))
    first = trained(spec_for(tiny_spec, variant)).eval()  # training mode draws noise from generators that differ between devices
    examples, labels = torch.rand(16, *first.shape.size) * 2 - 1, torch.arange(16) % 10

    def slopes(where: torch.device, dtype: torch.dtype) -> list[torch.Tensor]:
        method = copy.deepcopy(first).to(where, dtype)
        method.zero_grad()
        method.discriminate(examples.to(where, dtype), labels.to(where)).sum().backward()
        return [p.grad.cpu() for p in method.discriminator.parameters() if p.grad is not None]

    assert_as_precise_as_the_cpu(slopes, device)


@pytest.mark.parametrize("variant", NAMES)
def test_a_step_never_waits_for_the_device(tiny_spec: TinySpec, variant: str) -> None:
    spec, dataset = spec_for(tiny_spec, variant), digits(DatasetSpec(name="digits"), Path())
    device = configure(Runtime(device="cuda"))
    trainer = Trainer(build(spec, dataset, device), dataset, spec, device)
    trainer.advance(4)  # constants are made, optimizers filled, lazy terms seen
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch says once that the mode is a prototype
            torch.cuda.set_sync_debug_mode("error")
        for _ in range(4):
            trainer.one_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert trainer.step == 8, "a copy or a read that waits would have raised"


@pytest.mark.parametrize("variant", NAMES)
def test_a_penalty_of_the_slope_is_that_of_the_cpu(tiny_spec: TinySpec, variant: str) -> None:
    device = configure(Runtime(device="cuda"))
    first = trained(spec_for(tiny_spec, variant)).eval()
    examples, labels = torch.rand(16, *first.shape.size) * 2 - 1, torch.arange(16) % 10

    def slopes(where: torch.device, dtype: torch.dtype) -> list[torch.Tensor]:
        method = copy.deepcopy(first).to(where, dtype)
        method.zero_grad()
        images = examples.to(where, dtype).requires_grad_()
        (slope,) = torch.autograd.grad(method.discriminate(images, labels.to(where)).sum(), images, create_graph=True)
        slope.square().sum().backward()
        return [p.grad.cpu() for p in method.discriminator.parameters() if p.grad is not None]

    assert_as_precise_as_the_cpu(slopes, device)

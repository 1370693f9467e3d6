"""Is a planned step carried out whole, in its order and in its number formats?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.wgan import WGAN
from ganbench import seeding
from ganbench.data.dataset import Dataset
from ganbench.errors import UnknownName
from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.registry import VARIANTS
from ganbench.training.building import build
from ganbench.training.checkpoint import read_checkpoints, weights_sha256, write_checkpoint
from ganbench.training.engines import ENGINES, REFERENCE
from ganbench.training.trainer import Trainer
from ganbench.training.trial import refusal
from ganbench.training.variant import Batch, Logs, StepContext
from ganbench.training.watch import Watch

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
EVENTS: list[str] = []


@contextmanager
def noted() -> Iterator[None]:
    EVENTS.append("formats on")
    yield
    EVENTS.append("formats off")


class Noting(WGAN):
    """Notes its steps and the mode that it is in."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        EVENTS.append(f"discriminator, training {self.training}")
        return super().discriminator_step(real, ctx)

    def generator_step(self, ctx: StepContext) -> Logs:
        EVENTS.append("generator")
        return super().generator_step(ctx)


def test_an_eager_step_is_both_updates_and_then_the_average(tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: Any) -> None:
    EVENTS.clear()
    trainer = tiny_trainer(tiny_spec("wgan"), Noting)
    decays: list[float] = []
    monkeypatch.setattr(trainer.ema, "update", lambda generator, decay: EVENTS.append("average") or decays.append(decay))
    trainer.variant.eval()
    watch = Watch(torch.device("cpu"))
    context = trainer.begin(4)
    ENGINES["eager"](variant=trainer.variant, ema=trainer.ema, watch=watch, optimizers={}, precision=noted)(context)
    assert EVENTS == ["formats on", "discriminator, training True", "generator", "formats off", "average"]
    assert decays == [context.plan.ema_decay]
    assert {name for name in watch.read() if not name.startswith("logit")} == {
        "loss/discriminator",
        "loss/generator",
    }  # norms go to the run's


def test_the_periods_that_a_method_asks_for_tell_its_kinds_of_steps_apart(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    trainer = tiny_trainer(tiny_spec("wgan"))
    trainer.one_step()
    assert trainer.context.asked == {5}
    assert [bool(trainer.begin(step).plan.kind(trainer.context.asked)) for step in range(6)] == [False] * 4 + [True, False]


def test_products_are_exact_in_training_and_left_alone_elsewhere(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    trainer, product = tiny_trainer(tiny_spec("wgan")), torch.backends.cudnn.conv
    seen: list[str] = []
    trainer.variant.discriminator.register_forward_hook(lambda *_: seen.append(product.fp32_precision))
    before = product.fp32_precision
    product.fp32_precision = "tf32"
    try:
        trainer.advance(1)
        assert set(seen) == {"ieee"}
        assert product.fp32_precision == "tf32"
    finally:
        product.fp32_precision = before


CPU = torch.device("cpu")
COLOUR = DatasetSpec(name="noise", resolution=8)
NAMES = VARIANTS.names()
SLOWER = 0.05
"""Factor on the learning rates, so that 50 steps show rounding and not how far training carries it."""
WANDERING = {"stylegan": 0.02}
"""Relative difference of the losses that is allowed for these; 1e-4 for the others. StyleGAN's instance normalisation cancels the biases
ahead of it: their gradients are rounding alone, and Adam without a first moment moves them by its rate all the same."""


def fifty_steps(tiny_spec: TinySpec, tiny_trainer: NewTrainer, variant: str, engine: str, on: str) -> dict[str, float]:
    config = {"conditional": True} if hasattr(VARIANTS.load(variant).Config(), "conditional") else None
    trainer = tiny_trainer(tiny_spec(variant, COLOUR, config=config, budget_images=50 * 16), on=on, engine=engine)
    for optimizer in trainer.optimizers.values():
        for group in optimizer.param_groups:
            group["initial_lr"] *= SLOWER
    logs = trainer.advance(50).logs
    assert trainer.engine_reason == ""
    return logs


def assert_engine_agrees(tiny_spec: TinySpec, tiny_trainer: NewTrainer, variant: str, engine: str, on: str = "cpu") -> None:
    reference, found = (fifty_steps(tiny_spec, tiny_trainer, variant, one, on) for one in (REFERENCE, engine))
    assert found.keys() == reference.keys()
    limit = WANDERING.get(variant, 1e-4)
    for name in (name for name in found if name.startswith(("loss/", "penalty/"))):
        assert found[name] == pytest.approx(reference[name], rel=limit, abs=0.1 * limit), name


@pytest.mark.parametrize("engine", ["channels-last", "graph"])
@pytest.mark.parametrize("variant", NAMES)
def test_every_engine_agrees_with_the_reference_over_fifty_steps(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tapes: Any, variant: str, engine: str
) -> None:
    assert_engine_agrees(tiny_spec, tiny_trainer, variant, engine)


@pytest.mark.gpu
@pytest.mark.parametrize("engine", [name for name in ENGINES if name != REFERENCE])
@pytest.mark.parametrize("variant", NAMES)
def test_every_engine_agrees_on_a_gpu(tiny_spec: TinySpec, tiny_trainer: NewTrainer, variant: str, engine: str) -> None:
    assert_engine_agrees(tiny_spec, tiny_trainer, variant, engine, "cuda")


def test_channels_last_stores_weights_and_images_so_and_checkpoints_as_always(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tmp_path: Path
) -> None:
    trainer = tiny_trainer(tiny_spec("dcgan", COLOUR), engine="channels-last")
    seen: list[bool] = []
    trainer.variant.discriminator.register_forward_pre_hook(
        lambda _, given: seen.append(given[0].is_contiguous(memory_format=torch.channels_last))
    )
    trainer.advance(3)
    assert len(seen) >= 6 and all(seen)
    maps = [parameter for parameter in trainer.variant.parameters() if parameter.dim() == 4 and min(parameter.shape[1:]) > 1]
    assert maps and all(weight.is_contiguous(memory_format=torch.channels_last) for weight in maps)
    write_checkpoint(tmp_path, trainer.weights(), {**trainer.state(), "run_id": "x"})
    (found,) = read_checkpoints(tmp_path, CPU, "x", [])
    assert all(value.is_contiguous() for value in found.weights["raw"].values())


@pytest.mark.parametrize("engine", list(ENGINES))
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one_in_every_engine(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tapes: Any, tmp_path: Path, engine: str
) -> None:
    whole, first, second = (tiny_trainer(tiny_spec("sngan", COLOUR), engine=engine) for _ in range(3))
    whole.advance(6)
    first.advance(3)
    write_checkpoint(tmp_path, first.weights(), {**first.state(), "run_id": "x"})
    (checkpoint,) = read_checkpoints(tmp_path, CPU, "x", [])
    second.restore(checkpoint.weights, checkpoint.state)
    second.advance(3)
    assert weights_sha256(second.weights()["raw"]) == weights_sha256(whole.weights()["raw"])
    assert weights_sha256(second.weights()["ema"]) == weights_sha256(whole.weights()["ema"])


class Flat(WGAN):
    """Takes maps as they lie in memory, which channels-last changes."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        real.examples.view(len(real.examples), -1)
        return super().discriminator_step(real, ctx)


def test_an_engine_is_tried_with_copies_and_a_refusal_has_a_reason(tiny_spec: TinySpec, tiny_data: Callable[..., Dataset]) -> None:
    spec = tiny_spec("wgan", COLOUR)
    data = tiny_data(spec.dataset)
    with seeding.global_stream(0, "init"):
        flat, usual = (cls(WGAN.Config(**spec.variant.config), data.shape) for cls in (Flat, WGAN))
    before = weights_sha256(usual.state_dict())
    assert refusal("channels-last", flat, data, spec, CPU).startswith("RuntimeError: view size is not compatible")
    assert refusal(REFERENCE, flat, data, spec, CPU) == refusal("channels-last", usual, data, spec, CPU) == ""
    assert weights_sha256(usual.state_dict()) == before
    points = tiny_spec("gan", DatasetSpec(name="ring8"))
    variant = build(points, tiny_data(points.dataset), CPU)
    assert refusal("channels-last", variant, tiny_data(points.dataset), points, CPU) == "points have no channels"


class Hungry(WGAN):
    """Finds no memory."""

    def generator_step(self, ctx: StepContext) -> Logs:
        raise torch.OutOfMemoryError("out of memory")


def test_too_little_memory_for_the_copies_chooses_no_engine(tiny_spec: TinySpec, tiny_data: Callable[..., Dataset]) -> None:
    spec = tiny_spec("wgan", COLOUR)
    data = tiny_data(spec.dataset)
    with pytest.raises(torch.OutOfMemoryError):
        refusal("channels-last", Hungry(WGAN.Config(**spec.variant.config), data.shape), data, spec, CPU)


def test_a_run_says_which_engine_trained_it_and_why_not_the_one_asked_for(tiny_spec: TinySpec, tmp_path: Path) -> None:
    how = Runtime(device="cpu", engine="channels-last")
    images = run_cell(tiny_spec("dcgan"), tmp_path / "images", how)
    assert images.provenance["flags"]["engine"] == "channels-last" and not any("engine" in note for note in images.notes)
    points = run_cell(tiny_spec("gan", DatasetSpec(name="ring8")), tmp_path / "points", how)
    assert "engine" not in points.provenance["flags"]
    assert "trained by the engine eager, since channels-last cannot take it (points have no channels)" in points.notes
    usual = run_cell(tiny_spec("gan", DatasetSpec(name="ring8")), tmp_path / "usual", Runtime(device="cpu"))
    assert usual.weights_sha256 == points.weights_sha256
    assert usual.provenance["fingerprint"] == points.provenance["fingerprint"] != images.provenance["fingerprint"]


def test_an_engine_that_is_none_is_refused(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    with pytest.raises(UnknownName, match="did you mean 'eager'"):
        tiny_trainer(tiny_spec("wgan"), engine="eagre")

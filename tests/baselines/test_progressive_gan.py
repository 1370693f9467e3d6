"""Do progressive networks grow as their paper says, without a jump at any border?"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

import baselines
from baselines.blocks.growth import Growing, level_channels, progress, reduced
from baselines.progressive_gan import ProgressiveGAN
from baselines.stylegan import StyleGAN
from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.errors import RequestError
from ganbench.pipeline.check import check
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.training.context import HarnessContext
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Batch

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
TINY = {"latent_dim": 8, "channel_base": 16, "channel_max": 8, "stage_images": 32, "fade_images": 64, "learning_rate": 0.01}
STYLED = {"style_dim": 8, "mapping_layers": 2, "mapping_rate": 0.1}
FILES = {ProgressiveGAN: "progressive_gan.py", StyleGAN: "stylegan.py"}
BOTH = pytest.mark.parametrize("cls", [ProgressiveGAN, StyleGAN])
Grown = ProgressiveGAN | StyleGAN


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def config(cls: type[Grown], **fields: float) -> dict[str, float]:
    return {**TINY, **(STYLED if cls is StyleGAN else {}), **fields}


def build(cls: type[Grown], size: tuple[int, ...] = (3, 32, 32), **fields: float) -> Grown:
    return cls(cls.Config(**config(cls, **fields)), DataShape(size=size))  # type: ignore[arg-type]


def name(cls: type[Grown]) -> str:
    return f"{Path(baselines.__file__).parent / FILES[cls]}:{cls.__name__}"


def drawn(variant: Grown, latents: Tensor, level: int, alpha: float) -> Tensor:
    """Images of a level, with the noise of one stream."""
    torch.manual_seed(1)
    if isinstance(variant, StyleGAN):
        images: Tensor = variant.generator.synthesis(variant.generator.mapping(latents), level, alpha)
    else:
        images = variant.generator(latents, level, alpha)
    return images


def growing(variant: Grown) -> tuple[Growing, Growing]:
    return (variant.generator.synthesis if isinstance(variant, StyleGAN) else variant.generator), variant.discriminator


def test_progress_alternates_between_stages_and_fades() -> None:
    # Karras et al. 2018, appendix A.1: 800k images at 4x4, then 800k to fade in and 800k to stabilise every level.
    table = {
        0: (0, 1.0),
        799_999: (0, 1.0),
        800_000: (1, 0.0),
        1_200_000: (1, 0.5),
        1_600_000: (1, 1.0),
        2_399_999: (1, 1.0),
        2_400_000: (2, 0.0),
        2_600_000: (2, 0.25),
        3_200_000: (2, 1.0),
        99_000_000: (2, 1.0),
    }
    assert {images: progress(images, 3, 800_000, 800_000) for images in table} == table
    assert (ProgressiveGAN.Config().stage_images, ProgressiveGAN.Config().fade_images) == (800_000, 800_000)


@pytest.mark.parametrize(("stage", "fade"), [(10, 0), (0, 10), (0, 0), (7, 3)])
def test_progress_never_goes_back_and_reaches_every_level(stage: int, fade: int) -> None:
    steps = [progress(images, 4, stage, fade) for images in range(100)]
    grown = [level + alpha for level, alpha in steps]
    assert all(0 <= level < 4 and 0 <= alpha <= 1 for level, alpha in steps)
    assert grown == sorted(grown)
    assert steps[-1] == (3, 1.0)
    assert {level for level, _ in steps} == ({3} if stage == fade == 0 else {1, 2, 3} if stage == 0 else {0, 1, 2, 3})


@BOTH
def test_both_networks_are_the_same_function_on_either_side_of_a_border(cls: type[Grown]) -> None:
    variant = build(cls)
    latents = torch.randn(4, 8)
    for level in (1, 2, 3):
        below, above = drawn(variant, latents, level - 1, 1.0), drawn(variant, latents, level, 0.0)
        assert above.shape == (4, 3, 4 * 2**level, 4 * 2**level)
        doubled = functional.interpolate(below, scale_factor=2, mode="nearest")
        torch.testing.assert_close(above, doubled, rtol=0, atol=1e-6)
        torch.testing.assert_close(drawn(variant, latents, level, 1 - 1e-7), drawn(variant, latents, level, 1.0), rtol=0, atol=1e-5)
        images = torch.randn(4, 3, 4 * 2**level, 4 * 2**level)
        half = functional.avg_pool2d(images, 2)
        torch.testing.assert_close(variant.discriminator(images, level, 0.0), variant.discriminator(half, level - 1, 1.0))
        full = variant.discriminator(images, level, 1.0)
        torch.testing.assert_close(variant.discriminator(images, level, 1 - 1e-7), full)
        assert not torch.allclose(full, variant.discriminator(half, level - 1, 1.0), atol=1e-3), "the new level does nothing"


def test_real_images_are_faded_like_generated_ones() -> None:
    # Karras et al. 2018, section 2: during a transition the real images go between two resolutions too.
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(reduced(images, 3, 2, 1.0), images)
    half = functional.avg_pool2d(images, 2)
    coarse = functional.interpolate(half, scale_factor=2, mode="nearest")
    torch.testing.assert_close(reduced(images, 3, 2, 0.0), coarse)
    torch.testing.assert_close(reduced(images, 3, 2, 0.25), 0.75 * coarse + 0.25 * images)
    torch.testing.assert_close(reduced(images, 3, 0, 1.0), functional.avg_pool2d(images, 4))


@BOTH
def test_the_discriminator_sees_the_resolution_of_the_stage(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, cls: type[Grown], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(HarnessContext, "augment", lambda self, images: seen.append(tuple(images.shape)) or images)
    trainer = tiny_trainer(tiny_spec(name(cls), DatasetSpec(name="digits", resolution=16), config=config(cls)), cls)
    sides = []
    for _ in range(15):  # 16 images a step: 2 steps at 4x4, 4 + 2 at 8x8, 4 + ... at 16x16
        seen.clear()
        trainer.advance(1)
        assert len(seen) == 3, "real and generated images in the discriminator's step, generated ones in the generator's"
        assert len(set(seen)) == 1
        sides.append(seen[0][2])
    assert sides == 2 * [4] + 6 * [8] + 7 * [16]


@BOTH
def test_outside_of_training_images_are_whole_and_of_the_level_reached(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, cls: type[Grown]
) -> None:
    trainer = tiny_trainer(tiny_spec(name(cls), DatasetSpec(name="digits", resolution=16), config=config(cls)), cls)
    latents = torch.randn(3, 8)

    def shown() -> Tensor:
        variant = trainer.variant.eval()
        own, variant.generator = variant.generator, trainer.ema.module
        with torch.no_grad():
            images = variant.generate(latents)
            assert variant.discriminate(images).shape == (3,)
        variant.generator = own
        assert images.shape == (3, 1, 16, 16)
        assert images.abs().max() <= 1
        return images

    def blocks(images: Tensor, side: int) -> bool:
        return torch.equal(functional.interpolate(images[:, :, ::side, ::side], scale_factor=side, mode="nearest"), images)

    trainer.advance(2)
    assert blocks(shown(), 4)
    trainer.advance(5)
    assert blocks(shown(), 2)
    assert not blocks(shown(), 4)
    trainer.advance(3)
    assert not blocks(shown(), 2)
    for network in growing(trainer.variant):  # type: ignore[arg-type]
        assert network.images_seen.dtype == torch.int64
        assert network.images_seen.item() == 9 * 16, "real images ahead of the last step"


@BOTH
@pytest.mark.parametrize(("size", "steps"), [((1, 8, 8), 8), ((1, 28, 28), 16), ((3, 32, 32), 24)])
def test_every_parameter_is_reached_with_one_update_a_step_for_each_network(
    tiny_spec: TinySpec, cls: type[Grown], size: tuple[int, ...], steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (64, *size), dtype=np.uint8)
    split = Split(examples=images)
    data = Dataset(name="random", shape=DataShape(size=size), train=split, held_out=split, fingerprint="0" * 64)
    variant = build(cls, size)
    trainer = Trainer(variant, data, tiny_spec(name(cls), config=config(cls)), torch.device("cpu"))
    order: list[str] = []
    reached: set[str] = set()
    update = HarnessContext.minimize

    def noted(self: HarnessContext, which: str, loss: Tensor, **options: Any) -> None:
        before = {key: value.clone() for key, value in variant.named_parameters()}
        update(self, which, loss, **options)
        order.append(which)
        reached.update(key for key, value in variant.named_parameters() if value.grad is not None and value.grad.abs().max() > 0)
        changed = {key.split(".")[0] for key, value in variant.named_parameters() if not torch.equal(value, before[key])}
        assert changed == {which}

    monkeypatch.setattr(HarnessContext, "minimize", noted)
    tick = trainer.advance(steps)
    assert tick.nonfinite_updates == 0
    assert {"loss/discriminator", "loss/generator"} <= set(tick.logs)
    assert order == steps * ["discriminator", "generator"]
    assert reached == {key for key, _ in variant.named_parameters()}


def test_the_papers_networks_have_the_papers_number_of_parameters() -> None:
    # Karras et al. 2018, table 2: 23.1M in either network at 1024x1024; feature maps 512 up to 32x32, then 256, 128, 64, 32, 16.
    assert level_channels(9, 8192, 512) == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    with torch.device("meta"):
        variant = ProgressiveGAN(ProgressiveGAN.Config(), DataShape(size=(3, 1024, 1024)))
    for network in (variant.generator, variant.discriminator):
        assert sum(p.numel() for p in network.parameters()) == pytest.approx(23.1e6, rel=0.01)


class StandIn:
    """What a step needs of the harness; keeps the losses."""

    batch_size, step_images, images_seen, step = 8, 8, 10_000, 0

    def __init__(self) -> None:
        self.losses: list[Tensor] = []

    def latents(self, n: int) -> Tensor:
        return torch.randn(n, 8)

    def augment(self, images: Tensor) -> Tensor:
        return images

    def scheduled(self, number: Callable[["StandIn"], Any]) -> Any:
        return number(self)

    def counter(self) -> Tensor:
        return torch.tensor(self.images_seen)

    def minimize(self, name: str, loss: Tensor) -> None:
        self.losses.append(loss)


class Critic(torch.nn.Module):
    """The sum of an image's pixels."""

    images_seen = torch.zeros((), dtype=torch.int64)

    def forward(self, images: Tensor, level: int, alpha: float) -> Tensor:
        return images.flatten(1).sum(1)


def test_the_critic_pays_for_its_drift_and_for_slopes_that_are_not_one() -> None:
    variant = build(ProgressiveGAN, (1, 8, 8))
    plain = ProgressiveGAN.Config()
    assert (plain.penalty_weight, plain.drift_weight, plain.beta1, plain.beta2, plain.learning_rate) == (10, 1e-3, 0.0, 0.99, 1e-3)
    context = StandIn()
    real = torch.rand(8, 1, 8, 8)
    logs = variant.discriminator_step(Batch(examples=real), context)  # type: ignore[arg-type]
    total = logs["loss/discriminator"] + 10 * logs["penalty/gradient"] + 1e-3 * variant.discriminator(real).square().mean()
    torch.testing.assert_close(context.losses[0], total)


@pytest.mark.parametrize("gamma", [1.0, 750.0])
def test_the_gradient_penalty_is_relative_to_its_target(gamma: float) -> None:
    # Karras et al. 2018, appendix on CIFAR-10: (|grad| - gamma)^2 / gamma^2. The sum of 64 pixels has a slope of 8 everywhere.
    variant = build(ProgressiveGAN, (1, 8, 8), gradient_target=gamma)
    variant.discriminator = Critic()  # type: ignore[assignment]
    context = StandIn()
    logs = variant.discriminator_step(Batch(examples=torch.rand(8, 1, 8, 8)), context)  # type: ignore[arg-type]
    assert logs["penalty/gradient"].item() == pytest.approx((8 - gamma) ** 2 / gamma**2, rel=1e-4)


@BOTH
def test_optimizers_start_anew_where_a_fade_begins_and_where_it_ends(tiny_spec: TinySpec, cls: type[Grown]) -> None:
    # Stages of 32 and fades of 64 images, steps of 16: level 0 for 2 steps, a fade of 4, a stage of 2, a fade of 4, then the last level.
    images = np.random.default_rng(0).integers(0, 256, (64, 1, 16, 16), dtype=np.uint8)
    data = Dataset(
        name="random",
        shape=DataShape(size=(1, 16, 16)),
        train=Split(examples=images),
        held_out=Split(examples=images),
        fingerprint="0" * 64,
    )
    trainer = Trainer(build(cls, (1, 16, 16)), data, tiny_spec(name(cls), config=config(cls)), torch.device("cpu"))
    ages = []
    for _ in range(15):
        trainer.advance(1)
        ages.append([max(int(state["step"]) for state in optimizer.state.values()) for optimizer in trainer.optimizers.values()])
    assert ages == [[age, age] for age in (1, 2, 1, 2, 3, 4, 1, 2, 1, 2, 3, 4, 1, 2, 3)]


def test_a_group_of_the_minibatch_statistic_binds_the_batch_size() -> None:
    assert build(ProgressiveGAN).batch_multiple == 1
    assert build(ProgressiveGAN, stddev_group=4).batch_multiple == 4
    assert build(ProgressiveGAN).discriminator.stddev.group > 1_000_000, "the whole batch, as in section 3 of the paper"


@BOTH
@pytest.mark.parametrize("size", [(2,), (1, 17, 17), (1, 8, 16)], ids=str)
def test_what_cannot_be_doubled_is_refused(cls: type[Grown], size: tuple[int, ...]) -> None:
    with pytest.raises(RequestError, match="resolution|points"):
        build(cls, size)


@pytest.mark.parametrize(("variant", "levels"), [("progressive_gan", 2), ("stylegan", 2)])
def test_a_budget_that_ends_before_the_network_is_grown_is_refused_with_what_would_do(
    tiny_spec: TinySpec, tmp_path: Path, variant: str, levels: int
) -> None:
    # 8x8 pixels are two levels: one stage of the first and one fade must fit, here 48 + 48 images
    spec = tiny_spec(variant, config={"stage_images": 48, "fade_images": 48})
    with pytest.raises(RequestError) as refusal:
        check(replace(spec, budget_images=80), Runtime(device="cpu"))
    said = str(refusal.value)
    assert "\n" not in said and "budget_images = 80" in said and "grown after 96 images" in said
    assert f"config.{variant} = {{ stage_images = 40, fade_images = 40 }}" in said
    check(replace(spec, budget_images=96), Runtime(device="cpu"))
    check(replace(tiny_spec(variant, config={"stage_images": 40, "fade_images": 40}), budget_images=80), Runtime(device="cpu"))
    assert progress(96, levels, 48, 48) == (levels - 1, 1.0) and progress(95, levels, 48, 48)[1] < 1

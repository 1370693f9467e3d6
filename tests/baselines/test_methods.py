"""Does each method do what sets it apart?"""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim import Adam, RMSprop

from baselines.gan import GAN
from baselines.wgan import WGAN, ends_round
from baselines.wgan_gp import WGANGP
from ganbench.data.dataset import DataShape
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.plan.variant_config import variant_spec
from ganbench.training.trainer import Trainer

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
POINTS = DatasetSpec(name="ring8")


@pytest.mark.parametrize("clip", [0.01, 0.003])
@pytest.mark.parametrize("points", [False, True])
def test_wgan_keeps_every_critic_weight_in_its_box(tiny_spec: TinySpec, tiny_trainer: NewTrainer, clip: float, points: bool) -> None:
    spec = tiny_spec("wgan", POINTS, config={"clip": clip}) if points else tiny_spec("wgan", config={"clip": clip})
    trainer = tiny_trainer(spec)
    assert max(p.abs().max().item() for p in trainer.variant.discriminator.parameters()) > clip
    for _ in range(6):
        trainer.advance(1)
        assert max(p.abs().max().item() for p in trainer.variant.discriminator.parameters()) <= torch.tensor(clip).item()
    assert max(p.abs().max().item() for p in trainer.variant.generator.parameters()) > clip


@pytest.mark.parametrize("critic_steps", [1, 5, 7])
def test_wgans_warm_up_has_the_rounds_of_the_authors_code(critic_steps: int) -> None:
    # martinarjovsky/WassersteinGAN, main.py: 100 critic steps if gen_iterations < 25 or gen_iterations % 500 == 0, else Diters
    rounds = [100 if i < 25 or i % 500 == 0 else critic_steps for i in range(1600)]
    ends = {sum(rounds[: i + 1]) - 1 for i in range(1600)}
    assert {step for step in range(sum(rounds)) if ends_round(step, critic_steps)} == ends


def test_wgan_warms_up_only_when_asked_and_as_if_it_had_never_been_interrupted(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    warm, cold = (tiny_trainer(tiny_spec("wgan", POINTS, config={"warm_up": warm_up})) for warm_up in (True, False))
    start = [p.clone() for p in warm.variant.generator.parameters()]
    for trainer, still in ((warm, 99), (cold, 4)):
        trainer.advance(still)
        assert all(torch.equal(a, b) for a, b in zip(start, trainer.variant.generator.parameters(), strict=True))
    resumed = tiny_trainer(tiny_spec("wgan", POINTS, config={"warm_up": True}))
    resumed.restore(copy.deepcopy(warm.weights()), copy.deepcopy(warm.state()))
    for trainer in (warm, cold, resumed):
        trainer.advance(1)
        assert not all(torch.equal(a, b) for a, b in zip(start, trainer.variant.generator.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(warm.variant.parameters(), resumed.variant.parameters(), strict=True))


@pytest.mark.parametrize(("name", "option", "default", "other"), [
    ("wgan", "warm_up", False, True), ("gman", "generator_loss", "minimax", "non-saturating"),
])  # fmt: skip
def test_options_that_joined_later_leave_the_ids_of_older_runs(name: str, option: str, default: object, other: object) -> None:
    assert option not in variant_spec(name, {}, "here").config and option not in variant_spec(name, {option: default}, "here").config  # type: ignore[dict-item]
    assert variant_spec(name, {option: other}, "here").config[option] == other  # type: ignore[dict-item]


def test_wgan_gp_normalises_nothing_in_its_critic(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    variant = tiny_trainer(tiny_spec("wgan_gp")).variant
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in variant.discriminator.modules())
    images = torch.randn(6, 1, 8, 8)
    together, alone = variant.discriminator(images), torch.cat([variant.discriminator(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)
    assert any(isinstance(m, nn.BatchNorm2d) for m in variant.generator.modules())


def test_wgan_gp_drives_the_critics_slope_to_one(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    trainer = tiny_trainer(tiny_spec("wgan_gp", POINTS, config={"learning_rate": 1e-3}))
    first = trainer.advance(1).logs["penalty/gradient"]
    trainer.advance(150)
    assert trainer.advance(20).logs["penalty/gradient"] < first / 5


@pytest.mark.parametrize(
    ("name", "kind", "rate", "betas"),
    [
        ("gan", Adam, 2e-4, (0.5, 0.999)),
        ("dcgan", Adam, 2e-4, (0.5, 0.999)),
        ("wgan", RMSprop, 5e-5, None),
        ("wgan_gp", Adam, 1e-4, (0.0, 0.9)),
    ],
)
def test_default_optimizers_are_the_papers(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, name: str, kind: type, rate: float, betas: tuple[float, float] | None
) -> None:
    # Radford et al. 2016, section 4; Arjovsky et al. 2017, algorithm 1; Gulrajani et al. 2017, algorithm 1.
    optimizers = tiny_trainer(tiny_spec(name, config={"learning_rate": rate})).optimizers
    from ganbench.registry import VARIANTS

    assert VARIANTS.load(name).Config().learning_rate == rate
    assert set(optimizers) == {"discriminator", "generator"}
    for optimizer in optimizers.values():
        assert type(optimizer) is kind
        assert optimizer.param_groups[0]["lr"] == rate
        assert optimizer.param_groups[0].get("betas") == betas


def test_wasserstein_defaults_are_the_papers() -> None:
    assert (WGAN.Config().clip, WGAN.Config().critic_steps) == (0.01, 5)
    assert (WGANGP.Config().penalty_weight, WGANGP.Config().critic_steps) == (10.0, 5)


def test_minimax_and_non_saturating_are_one_config_apart(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    heuristic, minimax = (tiny_trainer(tiny_spec("gan", POINTS, config={"loss": loss})) for loss in ("non-saturating", "minimax"))
    assert heuristic.advance(1).logs["loss/generator"] > 0 > minimax.advance(1).logs["loss/generator"]


def test_the_original_discriminator_drops_units_in_training_only() -> None:
    variant = GAN(GAN.Config(latent_dim=2, generator_widths=(4,), discriminator_widths=(32, 32)), DataShape(size=(1, 8, 8)))
    images = torch.randn(3, 1, 8, 8)
    assert not torch.equal(variant.discriminator(images), variant.discriminator(images))
    variant.eval()
    assert torch.equal(variant.discriminator(images), variant.discriminator(images))


def test_fakes_of_a_discriminator_step_leave_the_generator_without_gradient(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    for name in ("gan", "dcgan", "wgan", "wgan_gp"):
        trainer = tiny_trainer(tiny_spec(name))
        context = trainer.begin(0)
        trainer.variant.discriminator_step(context.real, context)
        assert all(p.grad is None for p in trainer.variant.generator.parameters())

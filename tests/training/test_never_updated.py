"""Is a network that no update ever reached named?"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from baselines.gan import GAN
from baselines.stylegan import StyleGAN
from baselines.wgan import WGAN
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Logs, StepContext

NewTrainer = Callable[..., Trainer]
POINTS = DatasetSpec(name="ring8")


class OnlyDiscriminator(GAN):
    """Forgets its generator."""

    def generator_step(self, ctx: StepContext) -> Logs:
        return {}


class WrongName(GAN):
    """Updates the discriminator twice, and the generator never."""

    def generator_step(self, ctx: StepContext) -> Logs:
        return self.discriminator_step(ctx.real, ctx)


class LeftOut(GAN):
    """Gives one layer of the generator to no optimizer."""

    def optimizers(self) -> dict[str, Optimizer]:
        found = super().optimizers()
        first = {id(parameter) for parameter in next(self.generator.children()).parameters()}
        for group in found["generator"].param_groups:
            group["params"] = [parameter for parameter in group["params"] if id(parameter) not in first]
        return found


class Frozen(GAN):
    """Has a network that is not meant to be trained, and one of its own that is."""

    def __init__(self, config: Any, shape: Any) -> None:
        super().__init__(config, shape)
        self.features = nn.Linear(2, 2)  # in no optimizer
        self.fixed = nn.Linear(2, 2).requires_grad_(False)
        self.encoder = nn.Linear(2, 2)

    def optimizers(self) -> dict[str, Optimizer]:
        return {**super().optimizers(), "encoder": torch.optim.SGD(self.encoder.parameters(), lr=0.1)}


class NoGradient(GAN):
    """Minimises a loss that does not depend on the generator, as a forgotten detach would give."""

    def generator_step(self, ctx: StepContext) -> Logs:
        fakes = self.generate(ctx.latents(ctx.batch_size)).detach()
        loss = -self.discriminate(fakes).mean()
        ctx.minimize("discriminator", loss)
        return {"loss/generator": loss}


@pytest.mark.parametrize(
    ("cls", "named"),
    [
        (GAN, []),
        (OnlyDiscriminator, ["generator"]),
        (WrongName, ["generator"]),
        (NoGradient, ["generator"]),
        (Frozen, ["encoder"]),
    ],
)
def test_networks_that_were_forgotten_are_named(
    tiny_spec: Callable[..., RunSpec], tiny_trainer: NewTrainer, cls: type[GAN], named: list[str]
) -> None:
    trainer = tiny_trainer(tiny_spec("gan", POINTS), cls)
    trainer.advance(3)
    assert trainer.never_updated() == named


def test_a_part_of_a_generator_that_no_optimizer_has_is_named(tiny_spec: Callable[..., RunSpec], tiny_trainer: NewTrainer) -> None:
    trainer = tiny_trainer(tiny_spec("gan", POINTS), LeftOut)
    trainer.advance(3)
    (name,) = trainer.never_updated()
    assert name.startswith("generator.")


def test_a_mapping_network_that_no_optimizer_has_is_named(tiny_spec: Callable[..., RunSpec], tiny_trainer: NewTrainer) -> None:
    class Unmapped(StyleGAN):
        def optimizers(self) -> dict[str, Optimizer]:
            found = super().optimizers()
            mapping = {id(parameter) for parameter in self.generator.mapping.parameters()}
            for group in found["generator"].param_groups:
                group["params"] = [parameter for parameter in group["params"] if id(parameter) not in mapping]
            return found

    trainer = tiny_trainer(tiny_spec("stylegan"), Unmapped)
    trainer.advance(12)  # until it is fully grown
    assert trainer.never_updated() == ["generator.mapping"]


def test_what_was_updated_before_an_interruption_counts(tiny_spec: Callable[..., RunSpec], tiny_trainer: NewTrainer) -> None:
    """A critic has five steps to a generator's one: of two parts of three steps only the second updates the generator."""
    spec = tiny_spec("wgan", POINTS)
    first = tiny_trainer(spec)
    first.advance(3)
    assert first.never_updated() == ["generator"] and isinstance(first.variant, WGAN)
    first.advance(3)
    second = tiny_trainer(spec)
    second.restore(first.weights(), first.state())
    assert second.never_updated() == []
    old = {key: value for key, value in first.state().items() if key != "updated"}  # of a version that did not note it
    third = tiny_trainer(spec)
    third.restore(first.weights(), old)
    assert third.never_updated() == []

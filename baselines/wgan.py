"""How does a GAN minimise the Wasserstein distance? (Arjovsky et al. 2017, "Wasserstein GAN", ICML)"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch.optim import Optimizer, RMSprop

from baselines.blocks.conv import Discriminator, Generator, initialise_dcgan
from baselines.blocks.losses import wasserstein_critic, wasserstein_generator
from baselines.blocks.mlp import point_discriminator, point_generator
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Counters, Logs, StepContext, Variant

LONG_STEPS, LONG_AT_FIRST, LONG_EVERY = 100, 25, 500
"""Of the warm-up: critic steps in front of the first generator steps, and of each 500th later (martinarjovsky/WassersteinGAN, main.py)."""


class WGAN(Variant):
    """Wasserstein GAN: critic kept Lipschitz by clipping its weights, five critic steps (Arjovsky et al. 2017)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Algorithm 1 of the paper; the networks are DCGAN's (section 4.1).

        The first author's code (martinarjovsky/WassersteinGAN) also trains the critic longer at times, which is ``warm_up`` here.
        """

        joined_later = ("warm_up",)
        latent_dim: Annotated[int, Ge(1)] = 100
        generator_width: Annotated[int, Ge(1)] = 64
        """Channels before the last layer, on images: the default of the first author's code."""
        discriminator_width: Annotated[int, Ge(1)] = 64
        """Channels behind the first layer, on images; same source."""
        learning_rate: Annotated[float, Ge(0)] = 5e-5
        clip: Annotated[float, Gt(0)] = 0.01
        """Every critic weight is kept in [-clip, clip]."""
        critic_steps: Annotated[int, Ge(1)] = 5
        """Critic steps to one generator step."""
        warm_up: bool = False
        """As in the first author's code, 100 critic steps instead in front of each of the first 25 generator steps and each 500th after
        them. Not in the paper."""

    tiny = {"latent_dim": 8, "generator_width": 4, "discriminator_width": 4, "learning_rate": 0.01}
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        if shape.is_image:
            self.generator = Generator(config.latent_dim, shape, config.generator_width)
            self.discriminator = Discriminator(shape, config.discriminator_width, norm="batch")
            self.apply(initialise_dcgan)
        else:
            self.generator = point_generator(config.latent_dim, shape.size[0])
            self.discriminator = point_discriminator(shape.size[0])

    def optimizers(self) -> dict[str, Optimizer]:
        """RMSProp: the paper found momentum unstable with a clipped critic."""
        return {
            "discriminator": RMSprop(self.discriminator.parameters(), lr=self.config.learning_rate),
            "generator": RMSprop(self.generator.parameters(), lr=self.config.learning_rate),
        }

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Algorithm 1, lines 3 to 7."""
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        real_values, fake_values = self.discriminator(ctx.augment(real.examples)), self.discriminator(ctx.augment(fake))
        loss = wasserstein_critic(real_values, fake_values)
        ctx.minimize("discriminator", loss)
        self.clip()
        return {"loss/discriminator": loss, "logit/real": real_values, "logit/fake": fake_values}

    def generator_step(self, ctx: StepContext) -> Logs:
        """Algorithm 1, lines 9 to 11, once in ``critic_steps`` steps, or less often where the critic warms up."""
        if not (ctx.scheduled(self.due) if self.config.warm_up else ctx.every(self.config.critic_steps)):
            return {}
        loss = wasserstein_generator(self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

    def due(self, counters: Counters) -> bool:
        """Whether the generator's step is due with the warm-up."""
        return ends_round(counters.step, self.config.critic_steps)

    @torch.no_grad()
    def clip(self) -> None:
        """Algorithm 1, line 7: puts every critic weight back into its box."""
        for parameter in self.discriminator.parameters():
            parameter.clamp_(-self.config.clip, self.config.clip)


def ends_round(step: int, critic_steps: int) -> bool:
    """Whether a generator step is due with the warm-up: whether a step is the last of a round of critic steps.

    Rounds are numbered from 0. Those below 25 and the multiples of 500 have 100 critic steps.

    Args:
        step: Number of steps before this one.
        critic_steps: In front of each other generator step.
    """
    at_first = LONG_AT_FIRST * LONG_STEPS
    if step < at_first:
        return step % LONG_STEPS == LONG_STEPS - 1
    short = (LONG_EVERY - LONG_AT_FIRST) * critic_steps  # until round 500
    if step < at_first + short:
        return (step - at_first) % critic_steps == critic_steps - 1
    place = (step - at_first - short) % (LONG_STEPS + (LONG_EVERY - 1) * critic_steps)
    return place == LONG_STEPS - 1 or (place >= LONG_STEPS and (place - LONG_STEPS) % critic_steps == critic_steps - 1)

"""Can one number a layer keep a discriminator smooth? (Miyato et al. 2018, "Spectral normalization for GANs", ICLR)"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Interval
from torch.optim import Optimizer

from baselines.blocks.losses import hinge_discriminator, wasserstein_generator
from baselines.blocks.mlp import point_discriminator, point_generator
from baselines.blocks.pairs import adam_pair
from baselines.blocks.resnet import ResNetDiscriminator, ResNetGenerator, initialise_glorot
from baselines.blocks.shapes import image_sides
from baselines.blocks.spectral import normalise_spectrally
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class SNGAN(Variant):
    """Spectrally normalised discriminator, residual networks, hinge loss (Miyato et al. 2018)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Appendix B.4 for 32x32 images.

        A generator update takes one batch as every update does; the paper says nothing about it, its code takes two.
        """

        latent_dim: Annotated[int, Ge(1)] = 128
        generator_width: Annotated[int, Ge(1)] = 256
        """Channels of every block, on images."""
        discriminator_width: Annotated[int, Ge(1)] = 128
        """Channels of every block, on images."""
        learning_rate: Annotated[float, Ge(0)] = 2e-4
        """This and the three below: what the paper takes for its residual networks."""
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.0
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.9
        critic_steps: Annotated[int, Ge(1)] = 5
        """Discriminator steps to one generator step."""

    tiny = {"latent_dim": 8, "generator_width": 4, "discriminator_width": 4, "critic_steps": 2}
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        if shape.is_image:
            sides = image_sides(shape, "sngan")
            channels = shape.size[0]
            halvings = sum(side > 8 for side in sides) or 1  # at 32 pixels the paper's two; two blocks more keep their size
            self.generator = ResNetGenerator(config.latent_dim, channels, sides, [config.generator_width] * len(sides))
            self.discriminator = ResNetDiscriminator(channels, sides[0], [config.discriminator_width] * (halvings + 2), halvings)
            self.apply(initialise_glorot)
        else:
            self.generator = point_generator(config.latent_dim, shape.size[0])
            self.discriminator = point_discriminator(shape.size[0])
        normalise_spectrally(self.discriminator)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam without first moment for both networks."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Hinge loss (eq. 16)."""
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        # in one pass: nothing in the discriminator depends on the neighbours, and every weight is normalised once
        examples = torch.cat([ctx.augment(real.examples), ctx.augment(fake)])
        real_values, fake_values = self.discriminator(examples).chunk(2)
        loss = hinge_discriminator(real_values, fake_values)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_values, "logit/fake": fake_values}

    def generator_step(self, ctx: StepContext) -> Logs:
        """-D(G(z)) (eq. 17), once in ``critic_steps`` steps."""
        if not ctx.every(self.config.critic_steps):
            return {}
        loss = wasserstein_generator(self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

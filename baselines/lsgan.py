"""What if the discriminator fits targets instead of classifying? (Mao et al. 2017, "Least squares GANs", ICCV)"""

from dataclasses import dataclass

import torch
from torch.optim import Optimizer

from baselines.blocks.losses import least_squares_discriminator, least_squares_generator
from baselines.blocks.pairs import adam_pair, dcgan_pair
from baselines.dcgan import DCGAN
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class LSGAN(Variant):
    """Least squares GAN: real values are pulled to 1 and fakes to 0, however sure the discriminator is (Mao et al. 2017)."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """Equation 9 of the paper; networks and latents are DCGAN's, the rate that of Lucic et al. 2018 ("Are GANs created equal?")."""

    tiny = DCGAN.tiny
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        self.generator, self.discriminator = dcgan_pair(
            config.latent_dim, shape, config.generator_width, config.discriminator_width, norm="batch"
        )

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Equation 9, first line: a = 0, b = 1."""
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        real_values = self.discriminator(ctx.augment(real.examples))
        fake_values = self.discriminator(ctx.augment(fake))
        loss = least_squares_discriminator(real_values, fake_values)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_values, "logit/fake": fake_values}

    def generator_step(self, ctx: StepContext) -> Logs:
        """Equation 9, second line: c = 1."""
        loss = least_squares_generator(self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

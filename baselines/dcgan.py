"""How did GANs become convolutional? (Radford et al. 2016, "Unsupervised representation learning with DCGANs", ICLR)"""

from dataclasses import dataclass

import torch
from torch.optim import Adam, Optimizer

from baselines.blocks.conv import Discriminator, Generator, initialise_dcgan
from baselines.blocks.losses import cross_entropy_discriminator, non_saturating_generator
from baselines.blocks.mlp import normed_point_discriminator, normed_point_generator
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class DCGAN(Variant):
    """Deep convolutional GAN: strided convolutions, batch norm, non-saturating loss (Radford et al. 2016)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Section 4 of the paper; latents are normal here, uniform there."""

        latent_dim: int = 100
        generator_width: int = 128
        """Channels before the last layer, on images: 128 gives the paper's 1024 to 128 at 64 pixels."""
        discriminator_width: int = 64
        """Channels behind the first layer, on images. The paper gives no figure; a published version of an author's code
        (soumith/dcgan.torch, main.lua) has 128, the generator's width."""
        learning_rate: float = 2e-4
        beta1: float = 0.5
        beta2: float = 0.999

    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        if shape.is_image:
            self.generator = Generator(config.latent_dim, shape, config.generator_width)
            self.discriminator = Discriminator(shape, config.discriminator_width, norm="batch")
            self.apply(initialise_dcgan)
        else:
            self.generator = normed_point_generator(config.latent_dim, shape.size[0])
            self.discriminator = normed_point_discriminator(shape.size[0])

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks, with the lower first moment that the paper found necessary."""
        betas = (self.config.beta1, self.config.beta2)
        return {
            "discriminator": Adam(self.discriminator.parameters(), lr=self.config.learning_rate, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=self.config.learning_rate, betas=betas),
        }

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Real and generated images in batches of their own, so that batch norm does not mix their statistics."""
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        real_logits = self.discriminator(ctx.augment(real.examples))
        fake_logits = self.discriminator(ctx.augment(fake))
        loss = cross_entropy_discriminator(real_logits, fake_logits)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_logits.mean(), "logit/fake": fake_logits.mean()}

    def generator_step(self, ctx: StepContext) -> Logs:
        """-log D(G(z)) on fresh latents."""
        loss = non_saturating_generator(self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

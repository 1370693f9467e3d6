"""How did GANs become convolutional? (Radford et al. 2016, "Unsupervised representation learning with DCGANs", ICLR)"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Interval
from torch.optim import Optimizer

from baselines.blocks.losses import cross_entropy_discriminator, non_saturating_generator
from baselines.blocks.pairs import adam_pair, dcgan_pair
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class DCGAN(Variant):
    """Deep convolutional GAN: strided convolutions, batch norm, non-saturating loss (Radford et al. 2016)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Section 4 of the paper; latents are normal here, uniform there.

        The first author's code (Newmu/dcgan_code) also has 5x5 kernels, where these are 4x4 as in soumith/dcgan.torch, and adds a weight
        decay to the gradients of all weights, 1e-5 on faces and 2.5e-5 on MNIST. The paper has no decay, nor has soumith/dcgan.torch.
        """

        latent_dim: Annotated[int, Ge(1)] = 100
        generator_width: Annotated[int, Ge(1)] = 128
        """Channels before the last layer, on images: 128 gives the paper's 1024 to 128 at 64 pixels."""
        discriminator_width: Annotated[int, Ge(1)] = 128
        """Channels behind the first layer, on images. Not in the paper; 128 in the first author's code (Newmu/dcgan_code, faces)."""
        learning_rate: Annotated[float, Ge(0)] = 2e-4
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.5
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.999

    tiny = {"latent_dim": 8, "generator_width": 4, "discriminator_width": 4, "learning_rate": 0.01}
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        self.generator, self.discriminator = dcgan_pair(
            config.latent_dim, shape, config.generator_width, config.discriminator_width, norm="batch"
        )

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks, with the lower first moment that the paper found necessary."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Real and generated images in batches of their own, so that batch norm does not mix their statistics."""
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        real_logits = self.discriminator(ctx.augment(real.examples))
        fake_logits = self.discriminator(ctx.augment(fake))
        loss = cross_entropy_discriminator(real_logits, fake_logits)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_logits, "logit/fake": fake_logits}

    def generator_step(self, ctx: StepContext) -> Logs:
        """-log D(G(z)) on fresh latents."""
        loss = non_saturating_generator(self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

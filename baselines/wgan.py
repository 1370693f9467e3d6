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
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class WGAN(Variant):
    """Wasserstein GAN: critic kept Lipschitz by clipping its weights, five critic steps (Arjovsky et al. 2017)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Algorithm 1 of the paper; the networks are DCGAN's (section 4.1)."""

        latent_dim: Annotated[int, Ge(1)] = 100
        generator_width: Annotated[int, Ge(1)] = 64
        """Channels before the last layer, on images: the default of the first author's code (martinarjovsky/WassersteinGAN)."""
        discriminator_width: Annotated[int, Ge(1)] = 64
        """Channels behind the first layer, on images; same source."""
        learning_rate: Annotated[float, Ge(0)] = 5e-5
        clip: Annotated[float, Gt(0)] = 0.01
        """Every critic weight is kept in [-clip, clip]."""
        critic_steps: Annotated[int, Ge(1)] = 5
        """Critic steps to one generator step."""

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
        loss = wasserstein_critic(self.discriminator(ctx.augment(real.examples)), self.discriminator(ctx.augment(fake)))
        ctx.minimize("discriminator", loss)
        self.clip()
        return {"loss/discriminator": loss}

    def generator_step(self, ctx: StepContext) -> Logs:
        """Algorithm 1, lines 9 to 11, once in ``critic_steps`` steps."""
        if not ctx.every(self.config.critic_steps):
            return {}
        loss = wasserstein_generator(self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

    @torch.no_grad()
    def clip(self) -> None:
        """Algorithm 1, line 7: puts every critic weight back into its box."""
        for parameter in self.discriminator.parameters():
            parameter.clamp_(-self.config.clip, self.config.clip)

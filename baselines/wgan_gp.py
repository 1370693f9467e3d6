"""How does a penalty replace WGAN's clipping? (Gulrajani et al. 2017, "Improved training of Wasserstein GANs", NeurIPS)"""

from dataclasses import dataclass

import torch
from torch.optim import Adam, Optimizer

from baselines.blocks.conv import Discriminator, Generator, initialise_dcgan
from baselines.blocks.losses import wasserstein_critic, wasserstein_generator
from baselines.blocks.mlp import point_discriminator, point_generator
from baselines.blocks.penalties import gradient_penalty
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class WGANGP(Variant):
    """Wasserstein GAN with gradient penalty: no batch norm in the critic, five critic steps (Gulrajani et al. 2017)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Algorithm 1 of the paper; the networks are DCGAN's with the critic's batch norm removed."""

        latent_dim: int = 128
        generator_width: int = 128
        """Channels before the last layer, on images."""
        discriminator_width: int = 64
        """Channels behind the first layer, on images."""
        learning_rate: float = 1e-4
        beta1: float = 0.0
        beta2: float = 0.9
        penalty_weight: float = 10.0
        """Lambda: factor of the mean penalty."""
        critic_steps: int = 5
        """Critic steps to one generator step."""

    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        if shape.is_image:
            self.generator = Generator(config.latent_dim, shape, config.generator_width)
            self.discriminator = Discriminator(shape, config.discriminator_width, norm="none")
            self.generator.apply(initialise_dcgan)  # the critic keeps PyTorch's: N(0, 0.02) leaves it flat without batch norm
        else:
            self.generator = point_generator(config.latent_dim, shape.size[0])
            self.discriminator = point_discriminator(shape.size[0])

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam without first moment for both networks."""
        betas = (self.config.beta1, self.config.beta2)
        return {
            "discriminator": Adam(self.discriminator.parameters(), lr=self.config.learning_rate, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=self.config.learning_rate, betas=betas),
        }

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Algorithm 1, lines 3 to 9."""
        with torch.no_grad():
            fake = ctx.augment(self.generate(ctx.latents(ctx.batch_size)))
        examples = ctx.augment(real.examples)
        critic_loss = wasserstein_critic(self.discriminator(examples), self.discriminator(fake))
        mix = torch.rand(ctx.batch_size, device=examples.device)
        penalty = gradient_penalty(self.discriminator, examples, fake, mix)
        ctx.minimize("discriminator", critic_loss + self.config.penalty_weight * penalty)
        return {"loss/discriminator": critic_loss, "penalty/gradient": penalty}

    def generator_step(self, ctx: StepContext) -> Logs:
        """Algorithm 1, lines 11 and 12, once in ``critic_steps`` steps."""
        if not ctx.every(self.config.critic_steps):
            return {}
        loss = wasserstein_generator(self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

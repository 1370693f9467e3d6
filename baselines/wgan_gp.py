"""How does a penalty replace WGAN's clipping? (Gulrajani et al. 2017, "Improved training of Wasserstein GANs", NeurIPS)"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Interval
from torch.optim import Optimizer

from baselines.blocks.losses import wasserstein_critic, wasserstein_generator
from baselines.blocks.pairs import adam_pair, dcgan_pair
from baselines.blocks.penalties import gradient_penalty
from baselines.blocks.starts import initialise_he_uniform
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class WGANGP(Variant):
    """Wasserstein GAN with gradient penalty: no batch norm in the critic, five critic steps (Gulrajani et al. 2017)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Algorithm 1 of the paper; the networks are DCGAN's with the critic's batch norm removed, and start as in the authors' code.

        That is igul222/improved_wgan_training, gan_cifar.py, which has 5x5 kernels, and a beta1 of 0.5 where the paper has 0. On points the
        networks are those of every method, and start as PyTorch constructs them.
        """

        version = 2
        """2: both networks start as the authors'; 1 had N(0, 0.02) in the generator and PyTorch's own start in the critic."""
        latent_dim: Annotated[int, Ge(1)] = 128
        generator_width: Annotated[int, Ge(1)] = 128
        """Channels before the last layer, on images: the CIFAR-10 model of the authors' code, whose comment finds that 64 overfits less."""
        discriminator_width: Annotated[int, Ge(1)] = 128
        """Channels behind the first layer, on images; same source."""
        learning_rate: Annotated[float, Ge(0)] = 1e-4
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.0
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.9
        penalty_weight: Annotated[float, Ge(0)] = 10.0
        """Lambda: factor of the mean penalty."""
        critic_steps: Annotated[int, Ge(1)] = 5
        """Critic steps to one generator step."""

    tiny = {"latent_dim": 8, "generator_width": 4, "discriminator_width": 4, "learning_rate": 0.01}
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        self.generator, self.discriminator = dcgan_pair(
            config.latent_dim, shape, config.generator_width, config.discriminator_width, norm="none", start=initialise_he_uniform
        )

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam without first moment for both networks."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Algorithm 1, lines 3 to 9."""
        with torch.no_grad():
            fake = ctx.augment(self.generate(ctx.latents(ctx.batch_size)))
        examples = ctx.augment(real.examples)
        real_values, fake_values = self.discriminator(examples), self.discriminator(fake)
        critic_loss = wasserstein_critic(real_values, fake_values)
        mix = torch.rand(ctx.batch_size, device=examples.device)
        penalty = gradient_penalty(self.discriminator, examples, fake, mix)
        ctx.minimize("discriminator", critic_loss + self.config.penalty_weight * penalty)
        return {"loss/discriminator": critic_loss, "penalty/gradient": penalty, "logit/real": real_values, "logit/fake": fake_values}

    def generator_step(self, ctx: StepContext) -> Logs:
        """Algorithm 1, lines 11 and 12, once in ``critic_steps`` steps."""
        if not ctx.every(self.config.critic_steps):
            return {}
        loss = wasserstein_generator(self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

"""Where should a discriminator be smooth? (Kodali et al. 2017, "On convergence and stability of GANs")"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Interval
from torch.optim import Optimizer

from baselines.blocks.losses import cross_entropy_discriminator, non_saturating_generator
from baselines.blocks.pairs import adam_pair, dcgan_pair
from baselines.blocks.penalties import dragan_penalty
from baselines.blocks.starts import initialise_he_normal
from baselines.dcgan import DCGAN
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class DRAGAN(Variant):
    """Gradient penalty around real data alone, on the original loss, one discriminator step (Kodali et al. 2017)."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """Rates and lambda of the authors' notebook (kodalinaveen3/DRAGAN); networks are DCGAN's on images.

        The discriminator has no batch norm, which a penalty of every example on its own forbids, and starts as that of the notebook, whose
        networks are fully connected with no batch norm at all, with uniform latents. The generator has batch norm and DCGAN's start. On
        points the networks are those of every method, and start as PyTorch constructs them.
        """

        version = 2
        """2: the discriminator starts as the authors'; 1 had PyTorch's own start, which is nearly flat."""
        learning_rate: Annotated[float, Ge(0)] = 1e-4
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.9
        penalty_weight: Annotated[float, Ge(0)] = 10.0
        """Lambda."""

    tiny = DCGAN.tiny
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        self.generator, self.discriminator = dcgan_pair(
            config.latent_dim, shape, config.generator_width, config.discriminator_width, norm="none", critic_start=initialise_he_normal
        )

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """The penalty sees noisy real examples and no generated ones."""
        with torch.no_grad():
            fake = ctx.augment(self.generate(ctx.latents(ctx.batch_size)))
        examples = ctx.augment(real.examples)
        real_logits, fake_logits = self.discriminator(examples), self.discriminator(fake)
        loss = cross_entropy_discriminator(real_logits, fake_logits)
        noise, mix = torch.rand(examples.shape, device=examples.device), examples.new_empty(len(examples)).uniform_()
        penalty = dragan_penalty(self.discriminator, examples, noise, mix)
        ctx.minimize("discriminator", loss + self.config.penalty_weight * penalty)
        return {
            "loss/discriminator": loss,
            "penalty/gradient": penalty,
            "logit/real": real_logits,
            "logit/fake": fake_logits,
        }

    def generator_step(self, ctx: StepContext) -> Logs:
        """-log D(G(z))."""
        loss = non_saturating_generator(self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

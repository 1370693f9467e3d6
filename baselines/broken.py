"""Which mistakes must a benchmark notice? (positive controls: recipes that are wrong on purpose, each next to its sound parent)"""

from dataclasses import dataclass

import torch
from torch import nn

from baselines.blocks.losses import cross_entropy_discriminator, non_saturating_generator, wasserstein_critic
from baselines.blocks.penalties import gradient_penalty
from baselines.dcgan import DCGAN
from baselines.pacgan import PacGAN
from baselines.wgan_gp import WGANGP
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext


class LabelFlip(DCGAN):
    """Broken on purpose: DCGAN whose generator is paid for being recognised as a fake."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """DCGAN's."""

    def generator_step(self, ctx: StepContext) -> Logs:
        """The sign of the logit is wrong."""
        loss = non_saturating_generator(-self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}


class NoBatchNorm(DCGAN):
    """Broken on purpose: DCGAN's N(0, 0.02) weights without the batch norm that they are made for."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """DCGAN's."""

    def __init__(self, config: DCGAN.Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        for network in (self.generator, self.discriminator):
            for parent in list(network.modules()):
                for name, child in list(parent.named_children()):
                    if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                        setattr(parent, name, nn.Identity())


class DetachedPenalty(WGANGP):
    """Broken on purpose: WGAN-GP whose penalty is cut off from the critic's weights."""

    @dataclass(frozen=True, kw_only=True)
    class Config(WGANGP.Config):
        """WGAN-GP's."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """The penalty is logged, and has no gradient."""
        with torch.no_grad():
            fake = ctx.augment(self.generate(ctx.latents(ctx.batch_size)))
        examples = ctx.augment(real.examples)
        real_values, fake_values = self.discriminator(examples), self.discriminator(fake)
        critic_loss = wasserstein_critic(real_values, fake_values)
        mix = torch.rand(ctx.batch_size, device=examples.device)
        penalty = gradient_penalty(self.discriminator, examples, fake, mix).detach()
        ctx.minimize("discriminator", critic_loss + self.config.penalty_weight * penalty)
        return {"loss/discriminator": critic_loss, "penalty/gradient": penalty, "logit/real": real_values, "logit/fake": fake_values}


class SharedLatents(PacGAN):
    """Broken on purpose: PacGAN whose packs of generated samples all come from one latent."""

    @dataclass(frozen=True, kw_only=True)
    class Config(PacGAN.Config):
        """PacGAN's."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Every generated pack holds the same sample twice."""
        with torch.no_grad():
            fake = self._packs(ctx)
        real_logits = self.discriminate(ctx.augment(real.examples))
        fake_logits = self.discriminate(ctx.augment(fake))
        loss = cross_entropy_discriminator(real_logits, fake_logits)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_logits, "logit/fake": fake_logits}

    def generator_step(self, ctx: StepContext) -> Logs:
        """As in the discriminator's step."""
        loss = non_saturating_generator(self.discriminate(ctx.augment(self._packs(ctx))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

    def _packs(self, ctx: StepContext) -> torch.Tensor:
        latents = ctx.latents(ctx.batch_size // self.config.pack)
        return self.generate(latents.repeat_interleave(self.config.pack, 0))

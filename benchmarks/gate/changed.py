"""Which changes must the gate judge rightly, that settings alone cannot make? (small changes of the code of a sound method)"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import softplus

from baselines.dcgan import DCGAN
from baselines.wgan_gp import WGANGP
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant

NUDGE = 1e-6
"""Relative change of one weight: about 8 units in the last place of a float32."""


class RefactoredDCGAN(DCGAN):
    """DCGAN with its losses written out where they are used: the same operations in the same order, so the same bits."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """DCGAN's."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """As DCGAN's."""
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        real_logits, fake_logits = (self.discriminator(ctx.augment(images)) for images in (real.examples, fake))
        loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss}

    def generator_step(self, ctx: StepContext) -> Logs:
        """As DCGAN's."""
        loss = softplus(-self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size))))).mean()
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}


def _nudged(method: Variant) -> None:
    """Multiplies the first weight of the generator by 1 + NUDGE."""
    with torch.no_grad():
        next(method.generator.parameters()).flatten()[0] *= 1 + NUDGE


class NudgedDCGAN(DCGAN):
    """DCGAN one of whose weights starts a millionth larger: as far from it as another kernel or library version is."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """DCGAN's."""

    def __init__(self, config: DCGAN.Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        _nudged(self)


class NudgedWGANGP(WGANGP):
    """WGAN-GP one of whose weights starts a millionth larger."""

    @dataclass(frozen=True, kw_only=True)
    class Config(WGANGP.Config):
        """WGAN-GP's."""

        version = 2

    def __init__(self, config: WGANGP.Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        _nudged(self)


class FrozenStatistics(DCGAN):
    """DCGAN whose batch norm stops in the middle of the training: from there on it normalises by the averages of that time."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """DCGAN's, and when the statistics are frozen."""

        frozen_after_images: int = 24_000
        """Half of the budget ``short`` on digits."""

    config: Config

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """As DCGAN's."""
        self._freeze(ctx)
        return super().discriminator_step(real, ctx)

    def generator_step(self, ctx: StepContext) -> Logs:
        """As DCGAN's."""
        self._freeze(ctx)
        return super().generator_step(ctx)

    def _freeze(self, ctx: StepContext) -> None:
        if ctx.images_seen >= self.config.frozen_after_images:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

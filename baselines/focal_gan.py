"""What if a discriminator cares most about what it gets wrong? (Lin et al. 2017, "Focal loss for dense object detection", ICCV)"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch.optim import Optimizer

from baselines.blocks.losses import focal_discriminator, non_saturating_generator
from baselines.blocks.pairs import adam_pair, dcgan_pair
from baselines.dcgan import DCGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class FocalGAN(Variant):
    """DCGAN whose discriminator weighs every example by how wrong it is, so that rare ones count (loss of Lin et al. 2017)."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """The loss is the detection paper's; networks and rates are DCGAN's."""

        gamma: Annotated[float, Ge(0)] = 2.0
        """Focusing parameter: the detection paper's best (section 5.1); 0 is cross-entropy; between 0 and 1 its slope is unbounded."""

    tiny = DCGAN.tiny
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        if 0 < config.gamma < 1:
            raise RequestError(f"focal_gan: gamma = {config.gamma:g} has an infinite slope at surely right answers; use 0, or 1 and more")
        self.generator, self.discriminator = dcgan_pair(
            config.latent_dim, shape, config.generator_width, config.discriminator_width, norm="batch"
        )

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """-(1 - p)^gamma log p, p the probability of the truth."""
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        real_logits = self.discriminator(ctx.augment(real.examples))
        fake_logits = self.discriminator(ctx.augment(fake))
        loss = focal_discriminator(real_logits, fake_logits, self.config.gamma)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_logits, "logit/fake": fake_logits}

    def generator_step(self, ctx: StepContext) -> Logs:
        """-log D(G(z))."""
        loss = non_saturating_generator(self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

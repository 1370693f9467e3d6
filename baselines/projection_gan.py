"""How should a discriminator use the label? (Miyato & Koyama 2018, "cGANs with projection discriminator", ICLR)"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.optim import Optimizer

from baselines.blocks.conditional import class_batch_norm
from baselines.blocks.losses import hinge_discriminator, wasserstein_generator
from baselines.blocks.pairs import adam_pair
from baselines.blocks.resnet import ResNetDiscriminator, ResNetGenerator, initialise_glorot
from baselines.blocks.shapes import image_sides, label_count
from baselines.blocks.spectral import normalise_spectrally
from baselines.sngan import SNGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class ProjectionGAN(Variant):
    """SNGAN with labels: their vector times the features in D, conditional batch norm in G (Miyato & Koyama 2018)."""

    @dataclass(frozen=True, kw_only=True)
    class Config(SNGAN.Config):
        """The paper's networks are for 128 pixels and more; these are SNGAN's for 32x32 (Miyato et al. 2018, appendix B.4)."""

        learning_rate: Annotated[float, Ge(0)] = 2e-4
        """This, the betas and critic_steps: section 5 of the paper."""

    tiny = SNGAN.tiny
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        sides = image_sides(shape, "projection_gan")
        classes = label_count(shape, "projection_gan")
        channels = shape.size[0]
        halvings = sum(side > 8 for side in sides) or 1  # as in sngan: two at 32 pixels, then two blocks that keep their size
        self.generator = ResNetGenerator(
            config.latent_dim, channels, sides, [config.generator_width] * len(sides), norm=class_batch_norm(classes)
        )
        self.discriminator = ResNetDiscriminator(channels, sides[0], [config.discriminator_width] * (halvings + 2), halvings, classes)
        self.apply(initialise_glorot)
        normalise_spectrally(self.discriminator, (nn.Conv2d, nn.Linear, nn.Embedding))

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam without first moment for both networks."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Hinge loss: real examples with their labels, generated ones with labels drawn as often as in the data."""
        assert real.labels is not None
        labels = ctx.labels(ctx.batch_size)
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size), labels)
        assert labels is not None
        # in one pass: nothing in the discriminator depends on the neighbours, and every weight is normalised once
        examples = torch.cat([ctx.augment(real.examples), ctx.augment(fake)])
        real_values, fake_values = self.discriminator(examples, torch.cat([real.labels, labels])).chunk(2)
        loss = hinge_discriminator(real_values, fake_values)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_values, "logit/fake": fake_values}

    def generator_step(self, ctx: StepContext) -> Logs:
        """-D(G(z, y), y), once in ``critic_steps`` steps."""
        if not ctx.every(self.config.critic_steps):
            return {}
        labels = ctx.labels(ctx.batch_size)
        fake = self.generate(ctx.latents(ctx.batch_size), labels)
        loss = wasserstein_generator(self.discriminator(ctx.augment(fake), labels))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images of classes.

        Args:
            latents: (n, latent_dim).
            labels: (n,).

        Raises:
            RequestError: Without labels.
        """
        if labels is None:
            raise RequestError("projection_gan generates images of classes; give one label for each latent")
        images: Tensor = self.generator(latents, labels)
        return images

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Values of examples as members of their classes, (n,).

        Raises:
            RequestError: Without labels.
        """
        if labels is None:
            raise RequestError("projection_gan judges images as members of classes; give one label for each")
        values: Tensor = self.discriminator(examples, labels)
        return values

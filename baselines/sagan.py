"""Can a generator make distant parts agree? (Zhang et al. 2019, "Self-attention generative adversarial networks", ICML)"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Interval
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from baselines.blocks.attention import attention_side
from baselines.blocks.conditional import UnconditionalBatchNorm, class_batch_norm
from baselines.blocks.losses import hinge_discriminator, wasserstein_generator
from baselines.blocks.resnet import ResNetDiscriminator, ResNetGenerator, initialise_glorot
from baselines.blocks.shapes import image_sides, label_count
from baselines.blocks.spectral import normalise_spectrally
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class SAGAN(Variant):
    """Self-attention in both networks, spectral norm also in the generator, two learning rates (Zhang et al. 2019)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Section 4 of the paper, for 128x128 images. It has no table of layers; widths and attention are those of the authors' code.

        That code (brain-research/self-attention-gan) made the paper's main results, as its README says.
        """

        version = 2
        """2: self-attention in the form of the authors' code; 1 had that of the text."""
        latent_dim: Annotated[int, Ge(1)] = 128
        generator_width: Annotated[int, Ge(1)] = 64
        """Channels before the last layer; doubled at each smaller size, up to 16 times."""
        discriminator_width: Annotated[int, Ge(1)] = 64
        """Channels behind the first block; doubled at each smaller size, up to 16 times."""
        attention_side: Annotated[int, Ge(1)] = 32
        """Feature map with attention, best of those in table 1; where it is not smaller than the image, the map of half its side."""
        pooled_attention: bool = True
        """Self-attention as in the authors' code: values of half the channels, keys and values max-pooled 2x2. False is the paper's text:
        an eighth of the channels, and no pooling."""
        conditional: bool = True
        """Class-conditional batch norm and projection; without, the method needs no labels."""
        generator_learning_rate: Annotated[float, Ge(0)] = 1e-4
        discriminator_learning_rate: Annotated[float, Ge(0)] = 4e-4
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.0
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.9

    tiny = {"latent_dim": 8, "generator_width": 8, "discriminator_width": 8, "attention_side": 8, "conditional": False}
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        sides = image_sides(shape, "sagan")
        classes = label_count(shape, "sagan with conditional = true", "set conditional = false") if config.conditional else 0
        channels, halvings = shape.size[0], len(sides) - 1
        growth = [min(2**level, 16) for level in range(halvings + 1)]
        attention = attention_side(sides, config.attention_side)
        self.generator = ResNetGenerator(
            config.latent_dim,
            channels,
            sides,
            [config.generator_width * factor for factor in reversed(growth)],
            class_batch_norm(classes) if classes else UnconditionalBatchNorm,
            attention,
            config.pooled_attention,
        )
        widths = [config.discriminator_width * factor for factor in [*growth[:-1], growth[-2]]]
        self.discriminator = ResNetDiscriminator(channels, sides[0], widths, halvings, classes, attention, config.pooled_attention)
        self.apply(initialise_glorot)
        normalise_spectrally(self.generator)
        normalise_spectrally(self.discriminator, (nn.Conv2d, nn.Linear, nn.Embedding))

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam with a faster discriminator in the place of more discriminator steps (section 3.3)."""
        betas = (self.config.beta1, self.config.beta2)
        return {
            "discriminator": Adam(self.discriminator.parameters(), lr=self.config.discriminator_learning_rate, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=self.config.generator_learning_rate, betas=betas),
        }

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Hinge loss (eq. 4)."""
        labels = self._labels(ctx)
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size), labels)
        # in one pass: nothing in the discriminator depends on the neighbours, and every weight is normalised once
        examples = torch.cat([ctx.augment(real.examples), ctx.augment(fake)])
        both = None if labels is None or real.labels is None else torch.cat([real.labels, labels])
        real_values, fake_values = self.discriminator(examples, both).chunk(2)
        loss = hinge_discriminator(real_values, fake_values)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_values, "logit/fake": fake_values}

    def generator_step(self, ctx: StepContext) -> Logs:
        """-D(G(z), y) (eq. 4)."""
        labels = self._labels(ctx)
        fake = self.generate(ctx.latents(ctx.batch_size), labels)
        loss = wasserstein_generator(self.discriminator(ctx.augment(fake), labels))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

    def _labels(self, ctx: StepContext) -> Tensor | None:
        return ctx.labels(ctx.batch_size) if self.config.conditional else None

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images, of classes where the method is conditional.

        Args:
            latents: (n, latent_dim).
            labels: (n,), or None where it is not.

        Raises:
            RequestError: It is conditional and there are no labels.
        """
        images: Tensor = self.generator(latents, self._needed(labels))
        return images

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Values of examples, (n,), as members of their classes where the method is conditional.

        Raises:
            RequestError: It is conditional and there are no labels.
        """
        values: Tensor = self.discriminator(examples, self._needed(labels))
        return values

    def _needed(self, labels: Tensor | None) -> Tensor | None:
        if not self.config.conditional:
            return None
        if labels is None:
            raise RequestError("sagan with conditional = true works on images of classes; give one label for each example")
        return labels

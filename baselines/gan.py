"""How did the original GAN work? (Goodfellow et al. 2014, "Generative adversarial nets", NeurIPS)"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Interval
from torch import nn
from torch.optim import Adam, Optimizer

from baselines.blocks.losses import cross_entropy_discriminator, minimax_generator, non_saturating_generator
from baselines.blocks.mlp import Maxout, point_discriminator, point_generator, relu_layers
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class GAN(Variant):
    """Original GAN: fully connected networks, non-saturating or minimax (Goodfellow et al. 2014)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Layers and hidden dropout are those of the authors' MNIST recipe (goodfeli/adversarial, mnist.yaml).

        Its input dropout of 0.2 and its small uniform initialisation are left out, and Adam replaces momentum SGD.
        """

        latent_dim: Annotated[int, Ge(1)] = 100
        generator_widths: tuple[Annotated[int, Ge(1)], ...] = (1200, 1200)
        """Hidden ReLU layers of the generator, on images."""
        discriminator_widths: tuple[Annotated[int, Ge(1)], ...] = (240, 240)
        """Hidden maxout layers of the discriminator, on images."""
        maxout_pieces: Annotated[int, Ge(1)] = 5
        """Linear maps per maxout unit."""
        dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.5
        """Dropped share of the discriminator's hidden units, on images."""
        loss: Literal["non-saturating", "minimax"] = "non-saturating"
        """The generator's loss: section 3's heuristic, or equation 1 as it stands."""
        learning_rate: Annotated[float, Ge(0)] = 2e-4
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.5
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.999

    tiny = {"latent_dim": 8, "generator_widths": (16, 16), "discriminator_widths": (8, 8), "maxout_pieces": 2, "learning_rate": 0.01}
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        if shape.is_image:
            self.generator, self.discriminator = image_networks(config, shape)
        else:
            self.generator = point_generator(config.latent_dim, shape.size[0])
            self.discriminator = point_discriminator(shape.size[0])
        self.generator_loss = {"non-saturating": non_saturating_generator, "minimax": minimax_generator}[config.loss]

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks."""
        betas = (self.config.beta1, self.config.beta2)
        return {
            name: Adam(network.parameters(), lr=self.config.learning_rate, betas=betas)
            for name, network in (("discriminator", self.discriminator), ("generator", self.generator))
        }

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Algorithm 1, inner loop with k = 1."""
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        real_logits = self.discriminator(ctx.augment(real.examples))
        fake_logits = self.discriminator(ctx.augment(fake))
        loss = cross_entropy_discriminator(real_logits, fake_logits)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_logits, "logit/fake": fake_logits}

    def generator_step(self, ctx: StepContext) -> Logs:
        """Algorithm 1, outer loop."""
        loss = self.generator_loss(self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}


def image_networks(config: GAN.Config, shape: DataShape) -> tuple[nn.Module, nn.Module]:
    """The paper's pair for images: ReLU generator with a squashed output, maxout discriminator with dropout."""
    pixels = shape.size[0] * shape.size[1] * shape.size[2]
    hidden = (config.latent_dim, *config.generator_widths)
    generator = nn.Sequential(*relu_layers(hidden), nn.Linear(hidden[-1], pixels), nn.Tanh(), nn.Unflatten(1, shape.size))
    layers: list[nn.Module] = [nn.Flatten()]
    inputs = pixels
    for units in config.discriminator_widths:
        layers += [Maxout(inputs, units, config.maxout_pieces), nn.Dropout(config.dropout)]
        inputs = units
    return generator, nn.Sequential(*layers, nn.Linear(inputs, 1), nn.Flatten(0))

"""What does scale bring to a class-conditional GAN? (Brock et al. 2019, "Large scale GAN training for high fidelity", ICLR)"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Interval
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from baselines.blocks.attention import attention_side
from baselines.blocks.conditional import linear_batch_norm
from baselines.blocks.losses import hinge_discriminator, wasserstein_generator
from baselines.blocks.penalties import orthogonal_penalty
from baselines.blocks.resnet import ResNetDiscriminator, ResNetGenerator, initialise_orthogonal
from baselines.blocks.shapes import image_sides, label_count
from baselines.blocks.spectral import normalise_spectrally
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.training.variant import Batch, Logs, StepContext, Variant

WIDTHS: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    4: ((16, 16, 8, 4, 2), (1, 2, 4, 8, 16)),
    5: ((16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16)),
    6: ((16, 16, 8, 8, 4, 2, 1), (1, 2, 4, 8, 8, 16, 16)),
}
"""By halvings: factors of the width in the generator, from the smallest map, and in the discriminator, from the largest. 128 and 256 pixels
are in appendix B of the paper, 64 in a published version of the author's code (ajbrock/BigGAN-PyTorch)."""
SMALL_FACTOR = 4
"""Factor of the width in all blocks for images of less than 64 pixels, as for 32 pixels in that code."""


class BigGAN(Variant):
    """SAGAN made larger: latents in chunks for every block, shared class vectors, orthogonal regularisation (Brock et al. 2019)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Section 3 and appendices B and C of the paper, for 128x128 images; the preset ``cifar`` has published settings for 32x32."""

        version = 2
        """2: self-attention in the form of SAGAN's code, which every published BigGAN has; 1 had that of SAGAN's text."""
        latent_dim: Annotated[int, Ge(1)] = 120
        """Split evenly over the linear layer and the blocks; what is left over goes to the linear layer. 120 gives the paper's 20."""
        generator_width: Annotated[int, Ge(1)] = 96
        """Channels before the last layer, at 64 pixels and above."""
        discriminator_width: Annotated[int, Ge(1)] = 96
        """Channels behind the first block, at 64 pixels and above."""
        embedding_dim: Annotated[int, Ge(1)] = 128
        """Width of the class vector that all blocks share."""
        attention_side: Annotated[int, Ge(1)] = 64
        """Feature map with attention (appendix B); where it is not smaller than the image, the map of half its side."""
        pooled_attention: bool = True
        """Self-attention as in SAGAN's code and in ajbrock/BigGAN-PyTorch: values of half the channels, keys and values max-pooled 2x2.
        False is the text of SAGAN's paper: an eighth of the channels, and no pooling."""
        orthogonal_weight: Annotated[float, Ge(0)] = 1e-4
        """Beta of orthogonal regularisation (eq. 3). A strength in ajbrock/BigGAN-PyTorch is half as large here."""
        generator_learning_rate: Annotated[float, Ge(0)] = 5e-5
        discriminator_learning_rate: Annotated[float, Ge(0)] = 2e-4
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.0
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.999
        critic_steps: Annotated[int, Ge(1)] = 2
        """Discriminator steps to one generator step."""

    tiny = {"latent_dim": 12, "generator_width": 8, "discriminator_width": 8, "embedding_dim": 4, "attention_side": 8}
    """Settings of a few thousand weights, for tests."""
    config: Config
    method = "biggan"

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        sides = image_sides(shape, self.method)
        classes = label_count(shape, self.method)
        halvings = len(sides) - 1
        if config.latent_dim < len(sides):
            everyone = f"{self.method} at {sides[0]} pixels gives every block its own part of the latent"
            raise RequestError(f"{everyone}; use a latent_dim of at least {len(sides)}")
        factors = WIDTHS.get(halvings)
        if factors is None:
            halvings = sum(side > 8 for side in sides) or 1  # then two blocks that keep their size
            factors = ((SMALL_FACTOR,) * len(sides), (SMALL_FACTOR,) * (halvings + 2))
        attention = attention_side(sides, config.attention_side)
        self.generator = HierarchicalGenerator(
            config.latent_dim,
            classes,
            config.embedding_dim,
            shape.size[0],
            sides,
            [config.generator_width * f for f in factors[0]],
            attention,
            config.pooled_attention,
        )
        smallest = sides[0] >> halvings  # of the discriminator, which attends there where it has no map as small as the generator's
        self.discriminator = self.judge([config.discriminator_width * f for f in factors[1]], halvings, max(attention, smallest))
        self.apply(initialise_orthogonal)
        normalise_spectrally(self.generator)
        normalise_spectrally(self.discriminator, (nn.Conv2d, nn.Linear, nn.Embedding))

    def judge(self, widths: Sequence[int], halvings: int, attention: int) -> nn.Module:
        """The discriminator; see :class:`~baselines.blocks.resnet.ResNetDiscriminator` for its numbers."""
        channels, side, _ = self.shape.size
        return ResNetDiscriminator(channels, side, widths, halvings, self.shape.classes, attention, self.config.pooled_attention)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam with a slower generator (appendix C)."""
        betas = (self.config.beta1, self.config.beta2)
        return {
            "discriminator": Adam(self.discriminator.parameters(), lr=self.config.discriminator_learning_rate, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=self.config.generator_learning_rate, betas=betas),
        }

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Hinge loss on images of classes."""
        labels = ctx.labels(ctx.batch_size)
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size), labels)
        assert real.labels is not None and labels is not None
        # in one pass: nothing in the discriminator depends on the neighbours, and every weight is normalised once
        examples = torch.cat([ctx.augment(real.examples), ctx.augment(fake)])
        real_values, fake_values = self.discriminator(examples, torch.cat([real.labels, labels])).chunk(2)
        loss = hinge_discriminator(real_values, fake_values)
        penalties = self.penalties(real_values, fake_values, ctx)
        ctx.minimize("discriminator", loss + sum(weight * penalty for weight, penalty in penalties.values()))
        logs = {"loss/discriminator": loss, "logit/real": real_values, "logit/fake": fake_values}
        return logs | {f"penalty/{name}": penalty for name, (_, penalty) in penalties.items()}

    def penalties(self, real_values: Tensor, fake_values: Tensor, ctx: StepContext) -> dict[str, tuple[float, Tensor]]:
        """What the discriminator minimises beside the hinge loss, by name, with weights: nothing here."""
        return {}

    def generator_step(self, ctx: StepContext) -> Logs:
        """-D(G(z), y) and orthogonal regularisation of all weights but the class vectors, once in ``critic_steps`` steps."""
        if not ctx.every(self.config.critic_steps):
            return {}
        labels = ctx.labels(ctx.batch_size)
        fake = self.generate(ctx.latents(ctx.batch_size), labels)
        loss = wasserstein_generator(self.discriminator(ctx.augment(fake), labels))
        penalty = self.orthogonality()
        ctx.minimize("generator", loss + self.config.orthogonal_weight * penalty)
        return {"loss/generator": loss, "penalty/orthogonal": penalty}

    def orthogonality(self) -> Tensor:
        """Orthogonal regularisation of all of the generator's weights but the class vectors (eq. 3)."""
        network = self.generator.get_submodule("network")
        return orthogonal_penalty(weight for weight in network.parameters() if weight.dim() > 1)

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images of classes.

        Args:
            latents: (n, latent_dim).
            labels: (n,).

        Raises:
            RequestError: Without labels.
        """
        if labels is None:
            raise RequestError(f"{self.method} generates images of classes; give one label for each latent")
        images: Tensor = self.generator(latents, labels)
        return images

    def generate_truncated(self, latents: Tensor, truncation: float, labels: Tensor | None = None) -> Tensor:
        """:meth:`generate` from normal latents cut off at a bound (section 3.1).

        Args:
            latents: (n, latent_dim), standard normal.
            truncation: The bound, above 0; the paper's figures have 0.04 to 2.
            labels: (n,).
        """
        return self.generate(truncated(latents, truncation), labels)

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Values of examples as members of their classes, (n,).

        Raises:
            RequestError: Without labels.
        """
        if labels is None:
            raise RequestError(f"{self.method} judges images as members of classes; give one label for each")
        values: Tensor = self.discriminator(examples, labels)
        return values


class HierarchicalGenerator(nn.Module):
    """The residual generator with a part of the latent for the linear layer and one, beside the class vector, for each block's batch norms.

    Args:
        latent_dim: Width of a latent.
        classes: Number of classes.
        embedding_dim: Width of the class vector.
        channels: Of the images.
        sides: Of the feature maps, from the image's downwards.
        widths: Channels of the smallest map and behind each block.
        attention: Side of the map with self-attention.
        pooled: Form of the self-attention.
    """

    def __init__(
        self,
        latent_dim: int,
        classes: int,
        embedding_dim: int,
        channels: int,
        sides: list[int],
        widths: list[int],
        attention: int,
        pooled: bool,
    ) -> None:
        super().__init__()
        part = latent_dim // len(sides)
        self.parts = [latent_dim - part * (len(sides) - 1), *[part] * (len(sides) - 1)]
        self.embedding = nn.Embedding(classes, embedding_dim)
        # the paper's 158.3 million parameters (table 1) leave the linear layer without the class vector
        self.network = ResNetGenerator(self.parts[0], channels, sides, widths, linear_batch_norm(part + embedding_dim), attention, pooled)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """(n, latent_dim) and (n,) to images in [-1, 1]."""
        first, *parts = torch.split(latents, self.parts, 1)
        vectors = self.embedding(labels)
        images: Tensor = self.network(first, [torch.cat([vectors, part], 1) for part in parts])
        return images


def truncated(latents: Tensor, bound: float) -> Tensor:
    """Standard normal numbers, moved to where a normal law that is cut off at ``bound`` has the same quantiles.

    The law is that of drawing again what falls outside, which is how the paper says it; here every latent is one draw.

    Args:
        latents: Standard normal numbers.
        bound: Largest absolute value, above 0.

    Raises:
        RequestError: The bound is not above 0.
    """
    if bound <= 0:
        raise RequestError(f"truncation = {bound:g}: biggan cuts normal latents off there; use a number above 0, such as 0.5")
    below = torch.special.ndtr(torch.tensor(-bound, dtype=torch.float64, device=latents.device))
    quantiles = below + (1 - 2 * below) * torch.special.ndtr(latents.double())
    inside: Tensor = torch.special.ndtri(quantiles).clamp(-bound, bound)
    return inside.to(latents)

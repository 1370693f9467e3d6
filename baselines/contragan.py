"""What if examples of one class attract each other, and all others repel? (Kang & Park 2020, "ContraGAN: contrastive learning", NeurIPS)"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.nn import functional

from baselines.biggan import BigGAN
from baselines.blocks.contrastive import conditional_contrastive
from baselines.blocks.losses import hinge_discriminator, wasserstein_generator
from baselines.blocks.resnet import ResNetDiscriminator
from ganbench.training.variant import Batch, Logs, StepContext


class ContraGAN(BigGAN):
    """BigGAN whose discriminator judges without the label and learns classes by a contrastive loss of embeddings (Kang & Park 2020)."""

    @dataclass(frozen=True, kw_only=True)
    class Config(BigGAN.Config):
        """PyTorch-StudioGAN's settings for ImageNet at 128 pixels (ContraGAN-256.yaml); the preset ``cifar`` has those for 32x32."""

        embeddings: Annotated[int, Ge(1)] = 1536
        """Width of the embeddings and of the classes' proxies, as many as the discriminator's features."""
        class_weight: Annotated[float, Ge(0)] = 1.0
        """Lambda of the class loss, in both networks."""
        temperature: Annotated[float, Gt(0)] = 1.0
        """Cosines are divided by it (t)."""
        orthogonal_weight: Annotated[float, Ge(0)] = 0.0
        """The authors' code has no orthogonal regularisation."""

    tiny = {**BigGAN.tiny, "embeddings": 6}
    """Settings of a few thousand weights, for tests."""
    config: Config
    method = "contragan"

    def judge(self, widths: Sequence[int], halvings: int, attention: int) -> nn.Module:
        """The discriminator; see :class:`EmbeddingDiscriminator`."""
        channels, side, _ = self.shape.size
        pooled, embeddings = self.config.pooled_attention, self.config.embeddings
        return EmbeddingDiscriminator(channels, side, widths, halvings, self.shape.classes, attention, pooled, embeddings)

    def class_loss(self, embeddings: Tensor, proxies: Tensor, labels: Tensor) -> Tensor:
        """The 2C loss."""
        return conditional_contrastive(embeddings, proxies, labels, self.config.temperature)

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Hinge loss, and the class loss of real examples."""
        labels = ctx.labels(ctx.batch_size)
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size), labels)
        assert real.labels is not None and labels is not None
        # in one pass: nothing in the discriminator depends on the neighbours, and every weight is normalised once
        examples = torch.cat([ctx.augment(real.examples), ctx.augment(fake)])
        values, embeddings, proxies = self.discriminator(examples, torch.cat([real.labels, labels]))
        real_values, fake_values = values.chunk(2)
        loss = hinge_discriminator(real_values, fake_values)
        named = self.class_loss(embeddings.chunk(2)[0], proxies.chunk(2)[0], real.labels)
        ctx.minimize("discriminator", loss + self.config.class_weight * named)
        return {
            "loss/discriminator": loss,
            "loss/class_real": named,
            "logit/real": real_values,
            "logit/fake": fake_values,
        }

    def generator_step(self, ctx: StepContext) -> Logs:
        """-D(G(z, y)), and the class loss of generated examples, once in ``critic_steps`` steps."""
        if not ctx.every(self.config.critic_steps):
            return {}
        labels = ctx.labels(ctx.batch_size)
        assert labels is not None
        fake = self.generate(ctx.latents(ctx.batch_size), labels)
        values, embeddings, proxies = self.discriminator(ctx.augment(fake), labels)
        loss, named = wasserstein_generator(values), self.class_loss(embeddings, proxies, labels)
        penalty = self.orthogonality()
        ctx.minimize("generator", loss + self.config.class_weight * named + self.config.orthogonal_weight * penalty)
        return {"loss/generator": loss, "loss/class_fake": named, "penalty/orthogonal": penalty}

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Values of examples, (n,), which do not depend on the label."""
        values: Tensor = self.discriminator(examples)[0]
        return values


class EmbeddingDiscriminator(ResNetDiscriminator):
    """The residual discriminator with a second linear layer, to embeddings, and a learned proxy for each class.

    Args:
        channels: Of the images.
        side: Of the images.
        widths: Channels behind each block.
        halvings: So many blocks, the first ones, halve the size.
        classes: Number of classes.
        attention: Side of the map with self-attention.
        pooled: Form of the self-attention.
        embeddings: Width of an embedding.
    """

    def __init__(
        self,
        channels: int,
        side: int,
        widths: Sequence[int],
        halvings: int,
        classes: int,
        attention: int,
        pooled: bool,
        embeddings: int,
    ) -> None:
        super().__init__(channels, side, widths, halvings, 0, attention, pooled)
        self.embed = nn.Linear(widths[-1], embeddings)
        self.proxies = nn.Embedding(classes, embeddings)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor | None]:  # type: ignore[override]
        """Images to values (n,) and unit embeddings (n, embeddings), and labels (n,) to the unit proxies of their classes."""
        features = self.features(images)
        proxies = None if labels is None else functional.normalize(self.proxies(labels), dim=1)
        return self.output(features).squeeze(1), functional.normalize(self.embed(features), dim=1), proxies

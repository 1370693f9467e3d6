"""What do all StyleGANs from the second on share? (cross-entropy with lazy R1, truncation, labels where they are wanted)"""

from abc import abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from baselines.blocks.losses import cross_entropy_discriminator
from baselines.blocks.penalties import zero_centred_penalty
from baselines.blocks.style import Mapping
from ganbench.errors import RequestError
from ganbench.spans import span
from ganbench.training.variant import Batch, Logs, StepContext, Variant

SynthesisT = TypeVar("SynthesisT", bound=nn.Module)


class StyledGenerator(nn.Module, Generic[SynthesisT]):
    """Mapping, then synthesis.

    Args:
        mapping: Latents to styles.
        synthesis: Styles to images.
    """

    mapping: Mapping
    synthesis: SynthesisT

    def __init__(self, mapping: Mapping, synthesis: SynthesisT) -> None:
        super().__init__()
        self.mapping = mapping
        self.synthesis = synthesis

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(n, latent_dim) and (n,) to images (n, channels, height, width)."""
        images: Tensor = self.synthesis(self.mapping(latents, labels))
        return images


class StyledGAN(Variant):
    """A styled generator and a discriminator under lazy R1; configurations have ``conditional``, ``r1_gamma`` and ``r1_interval``."""

    config: Any
    method: ClassVar[str]
    """As users call it, in messages."""
    generator: StyledGenerator[Any]

    @abstractmethod
    def fakes(self, labels: Tensor | None, ctx: StepContext) -> Tensor:
        """Generated images of fresh latents for the discriminator's step, a batch of them."""

    def judged(self, images: Tensor, labels: Tensor | None, ctx: StepContext) -> Tensor:
        """Logits (n,) of images as the discriminator sees them in training, real and generated ones alike."""
        logits: Tensor = self.discriminator(ctx.augment(images), labels)
        return logits

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Cross-entropy; in one step of ``r1_interval`` also an update by R1 alone."""
        labels = ctx.labels(ctx.batch_size)
        with torch.no_grad():
            fake = self.fakes(labels, ctx)
        real_logits = self.judged(real.examples, real.labels, ctx)
        fake_logits = self.judged(fake, labels, ctx)
        loss = cross_entropy_discriminator(real_logits, fake_logits)
        ctx.minimize("discriminator", loss)
        logs = {"loss/discriminator": loss, "logit/real": real_logits, "logit/fake": fake_logits}
        logs["logit/real_sign"] = real_logits.sign().mean()
        if self.config.r1_gamma and ctx.every(self.config.r1_interval):
            with span("regularisers"):
                logs["penalty/r1"] = zero_centred_penalty(lambda images: self.judged(images, real.labels, ctx), real.examples)
                ctx.minimize("discriminator", self.config.r1_gamma * self.config.r1_interval * logs["penalty/r1"])
        return logs

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images in [-1, 1]; in evaluation mode they depend on nothing else.

        Args:
            latents: (n, latent_dim).
            labels: (n,), needed where the method is conditional and ignored elsewhere.

        Raises:
            RequestError: Labels are needed and not given.
        """
        images: Tensor = self.generator(latents, self._given(labels)).clamp(-1, 1)
        return images

    def generate_truncated(self, latents: Tensor, truncation: float, labels: Tensor | None = None) -> Tensor:
        """Images of styles that are drawn towards the average one; ``truncation`` is psi, 1 leaves them as they are."""
        styles = self.generator.mapping.truncated(self.generator.mapping(latents, self._given(labels)), truncation)
        images: Tensor = self.generator.synthesis(styles).clamp(-1, 1)
        return images

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """See :class:`~ganbench.training.variant.Variant`."""
        logits: Tensor = self.discriminator(examples, self._given(labels))
        return logits

    def _given(self, labels: Tensor | None) -> Tensor | None:
        if self.config.conditional and labels is None:
            raise RequestError(f"{self.method} with conditional = true makes and judges images of classes; give one label for each")
        return labels

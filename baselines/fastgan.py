"""What lets a GAN learn from few images in little time? (Liu et al. 2021, "Towards faster and stabilized GAN training", ICLR)"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Interval
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer

from baselines.blocks.diffaugment import AUGMENTATIONS, augmented, parts
from baselines.blocks.fastgan_networks import ExcitedGenerator, SelfSupervisedDiscriminator, quarter, thinned
from baselines.blocks.losses import wasserstein_generator
from baselines.blocks.pairs import adam_pair
from baselines.blocks.shapes import image_sides
from ganbench.data.dataset import DataShape
from ganbench.errors import UnknownName
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class FastGAN(Variant):
    """A light generator with skip-layer excitation, and a discriminator that must be able to draw what it sees (Liu et al. 2021).

    The discriminator's features of real images are decoded to these images, whole and in part, so that it cannot look at a few details
    alone. The paper compares decoded images by LPIPS, whose weights would have to be downloaded; here the distance is the mean absolute
    difference of pixels, the plain norm of its loss (section 3.2). Two more things differ from the code: every image has a random quarter
    of its own decoded, where there one is drawn for the batch, and the generator's step draws images of its own, where there it takes those
    of the discriminator's.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """The authors' code (odegeasslbc/FastGAN-pytorch) at 256 pixels. It trains with batches of 8 for 50,000 steps."""

        latent_dim: Annotated[int, Ge(1)] = 256
        generator_width: Annotated[int, Ge(1)] = 64
        """Sixteen times as many channels at the smallest map, and half as many at 256 pixels."""
        discriminator_width: Annotated[int, Ge(1)] = 64
        """Eight times as many channels at the smallest map, and a quarter as many at 256 pixels."""
        reconstruction_weight: Annotated[float, Ge(0)] = 8.0
        """Of each mean distance of decoded images: the code sums over its batch of 8."""
        smoothing: Annotated[float, Interval(ge=0, le=1)] = 0.2
        """The hinge's margin is drawn anew for every logit, between 1 less this and 1."""
        policy: str = "color,translation"
        """Parts of DiffAugment in their order: color, translation, cutout."""
        learning_rate: Annotated[float, Ge(0)] = 2e-4
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.5
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.999

    tiny = {"latent_dim": 8, "generator_width": 2, "discriminator_width": 4}
    """Settings of a few thousand weights, for tests."""
    config: Config
    generator: ExcitedGenerator
    discriminator: SelfSupervisedDiscriminator

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        sides = image_sides(shape, "fastgan")
        for part in parts(config.policy):
            if part not in AUGMENTATIONS:
                raise UnknownName("part of fastgan's policy", part, AUGMENTATIONS)
        self.generator = ExcitedGenerator(config.latent_dim, shape.size[0], sides, config.generator_width)
        self.discriminator = SelfSupervisedDiscriminator(shape.size[0], sides[0], config.discriminator_width)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Hinge loss at every place with a random margin, and the decoders' distances on real images (section 3.2)."""
        with torch.no_grad():
            fake, small = self.generator(ctx.latents(ctx.batch_size))
        images = self.augmented(real.examples, ctx)
        seen = self.discriminator.see(images, thinned(images))
        real_logits = seen.logits
        fake_logits = self.discriminator.see(self.augmented(fake, ctx), self.augmented(small, ctx)).logits
        loss = self.smoothed_hinge(real_logits) + self.smoothed_hinge(-fake_logits)
        which = torch.randint(4, (len(images),), device=images.device)
        whole, little, part = self.discriminator.decode(seen, which)
        distances = {"whole": (whole, thinned(images)), "small": (little, thinned(images)), "part": (part, quarter(images, which))}
        reconstruction = {name: functional.l1_loss(*pair) for name, pair in distances.items()}
        ctx.minimize("discriminator", loss + self.config.reconstruction_weight * sum(reconstruction.values()))
        logs = {"loss/discriminator": loss, "logit/real": real_logits, "logit/fake": fake_logits}
        return logs | {f"reconstruction/{name}": distance for name, distance in reconstruction.items()}

    def generator_step(self, ctx: StepContext) -> Logs:
        """-D(G(z)), averaged over places."""
        fake, small = self.generator(ctx.latents(ctx.batch_size))
        logits = self.discriminator.see(self.augmented(fake, ctx), self.augmented(small, ctx)).logits
        loss = wasserstein_generator(logits)
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

    def augmented(self, images: Tensor, ctx: StepContext) -> Tensor:
        """Images as the discriminator sees them; those of half the side are augmented by numbers of their own, as in the code."""
        return augmented(ctx.augment(images), self.config.policy)

    def smoothed_hinge(self, logits: Tensor) -> Tensor:
        """max(0, m - D), where D should be above the margin m, which is uniform between 1 - ``smoothing`` and 1 for every logit."""
        margins = 1 - self.config.smoothing * torch.rand_like(logits)
        return (margins - logits).relu().mean()

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images from latents (n, latent_dim)."""
        images: Tensor = self.generator(latents)[0]
        return images

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Mean logits over the places of examples, (n,)."""
        logits: Tensor = self.discriminator(examples)
        return logits

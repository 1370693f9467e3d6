"""What if the discriminator judges several samples at once? (Lin et al. 2018, "PacGAN: the power of two samples", NeurIPS)"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.optim import Optimizer

from baselines.blocks.losses import cross_entropy_discriminator, non_saturating_generator
from baselines.blocks.mlp import Maxout
from baselines.blocks.pairs import adam_pair, dcgan_pair
from baselines.dcgan import DCGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class PacGAN(Variant):
    """DCGAN whose discriminator sees samples packed along the channels, so that a lack of variety shows (Lin et al. 2018)."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """Section 3 of the paper; networks and rates are DCGAN's, as in its stacked-MNIST experiment. ``pack`` 1 is DCGAN itself.

        On points the networks have no batch norm, as the paper's discriminator there: judging a whole batch at once is packing of
        another kind, and with it no mode of a grid is lost anyway. ``pack`` 1 is the original GAN there. In the authors' code a step
        has a fixed number of packs: multiply a run's batch size and its budget by ``pack`` to compare as they do.
        """

        pack: Annotated[int, Ge(1)] = 2
        """Samples that are judged at once; the batch must be a multiple."""
        point_network: Literal["small", "pacgan"] = "small"
        """On points: the networks that all variants share, or the paper's own (fjxmlzn/PacGAN, synthetic_data_experiments)."""

    tiny = DCGAN.tiny
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        if config.pack < 1:
            raise RequestError(f"pacgan: pack = {config.pack} judges nothing; use 1 or more")
        self.batch_multiple = config.pack
        widths = (config.generator_width, config.discriminator_width)
        if config.point_network == "pacgan" and not shape.is_image:
            self.generator, self.discriminator = published_point_pair(config.latent_dim, shape.size[0], config.pack)
        else:
            norm: Literal["batch", "none"] = "batch" if shape.is_image else "none"
            self.generator, self.discriminator = dcgan_pair(config.latent_dim, shape, *widths, norm=norm, pack=config.pack)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Figure 1 of the paper: packs of real and packs of generated samples, each drawn on its own."""
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        real_logits = self.discriminate(ctx.augment(real.examples))
        fake_logits = self.discriminate(ctx.augment(fake))
        loss = cross_entropy_discriminator(real_logits, fake_logits)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_logits, "logit/fake": fake_logits}

    def generator_step(self, ctx: StepContext) -> Logs:
        """-log D of packs: all samples of a pack share the gradient."""
        loss = non_saturating_generator(self.discriminate(ctx.augment(self.generate(ctx.latents(ctx.batch_size)))))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """One logit a pack, (n / pack,)."""
        values: Tensor = self.discriminator(self.packed(examples))
        return values

    def packed(self, examples: Tensor) -> Tensor:
        """(n, channels, ...) to (n / pack, pack x channels, ...): neighbours in the batch, which are independent draws."""
        return examples.reshape(-1, self.config.pack * examples.shape[1], *examples.shape[2:])


def published_point_pair(latent_dim: int, dimensions: int, pack: int) -> tuple[nn.Module, nn.Module]:
    """The pair of the paper's mixture experiments: four batch-normed ReLU layers of 400; three maxout layers of 200 units with 5 pieces."""
    layers: list[nn.Module] = []
    inputs = latent_dim
    for _ in range(4):
        layers += [nn.Linear(inputs, 400, bias=False), nn.BatchNorm1d(400), nn.ReLU()]
        inputs = 400
    generator = nn.Sequential(*layers, nn.Linear(inputs, dimensions))
    maxouts = [Maxout(pack * dimensions, 200, 5), Maxout(200, 200, 5), Maxout(200, 200, 5)]
    discriminator = nn.Sequential(*maxouts, nn.Linear(200, 1), nn.Flatten(0))
    for module in (*generator.modules(), *discriminator.modules()):
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return generator, discriminator

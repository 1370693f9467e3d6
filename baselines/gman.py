"""What if several discriminators judge? (Durugkar et al. 2017, "Generative multi-adversarial networks", ICLR)"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.optim import Optimizer

from baselines.blocks.losses import cross_entropy_discriminator, non_saturating_generator
from baselines.blocks.pairs import adam_pair, dcgan_pair
from baselines.dcgan import DCGAN
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class GMAN(Variant):
    """Several discriminators and the original minimax game, in a mean that favours the hardest to fool (Durugkar et al. 2017)."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """Section 3.3.1 of the paper with a fixed lambda; networks and rates are DCGAN's.

        The paper tells its discriminators apart by dropout and depth; here they differ in their initial weights alone. It also keeps
        probabilities away from 0 and 1 (section 4.2), where logits need no such care.
        """

        joined_later = ("generator_loss",)
        discriminators: Annotated[int, Ge(1)] = 5
        """The largest number in the paper's experiments."""
        softmax_lambda: Annotated[float, Ge(0)] = 1.0
        """0 is the mean over discriminators, infinity the hardest one alone."""
        generator_loss: Literal["minimax", "non-saturating"] = "minimax"
        """What the generator minimises, softened: the values of the games (eq. 3), or -log D(G(z)) of each discriminator, the "modified"
        objective of the authors' code (iDurugkar/GMAN). The minimax game saturates where all discriminators are strong."""

    tiny = {**DCGAN.tiny, "discriminators": 2}
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        widths = (config.generator_width, config.discriminator_width)
        pairs = [dcgan_pair(config.latent_dim, shape, *widths, norm="batch") for _ in range(config.discriminators)]
        self.generator = pairs[0][0]
        self.discriminator = nn.ModuleList(pair[1] for pair in pairs)  # alike but for their initial weights

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam; one for all discriminators, whose losses share no parameter."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Every discriminator on its own."""
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        examples, fake = ctx.augment(real.examples), ctx.augment(fake)
        logits = [(one(examples), one(fake)) for one in self.judges()]
        losses = torch.stack([cross_entropy_discriminator(of_real, of_fake) for of_real, of_fake in logits])
        ctx.minimize("discriminator", losses.sum())
        real_logits, fake_logits = (torch.stack(side).mean(0) for side in zip(*logits, strict=True))
        return {"loss/discriminator": losses.mean(), "logit/real": real_logits, "logit/fake": fake_logits}

    def generator_step(self, ctx: StepContext) -> Logs:
        """Down the softened value of the original games, log(1 - D(G(z))) included, or down the softened -log D(G(z))."""
        if self.config.generator_loss == "minimax":
            examples = ctx.augment(ctx.real.examples)
            fake = ctx.augment(self.generate(ctx.latents(ctx.batch_size)))
            values = [-cross_entropy_discriminator(one(examples), one(fake)) for one in self.judges()]
        else:
            fake = ctx.augment(self.generate(ctx.latents(ctx.batch_size)))
            values = [non_saturating_generator(one(fake)) for one in self.judges()]
        loss = self.soften(torch.stack(values))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

    def soften(self, values: Tensor) -> Tensor:
        """Mean of values (discriminators,) with softmax(lambda values) as weights (eq. 3, AM_soft): the hardest to fool counts most."""
        return (torch.softmax(self.config.softmax_lambda * values, 0) * values).sum()

    def judges(self) -> list[nn.Module]:
        """The discriminators."""
        return list(self.discriminator.children())

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Mean logits over the discriminators (n,)."""
        return torch.stack([one(examples) for one in self.judges()]).mean(0)

"""What if the generator foresees the discriminator's answer? (Metz et al. 2017, "Unrolled generative adversarial networks", ICLR)"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Interval
from torch import Tensor
from torch.func import functional_call
from torch.optim import Adam, Optimizer

from baselines.blocks.losses import cross_entropy_discriminator, non_saturating_generator
from baselines.blocks.pairs import dcgan_pair
from baselines.blocks.starts import initialise_scaled_orthogonal
from ganbench.data.dataset import DataShape
from ganbench.training.arithmetic import float32
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class UnrolledGAN(Variant):
    """The generator's gradient goes through a few future steps of the discriminator (Metz et al. 2017)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Equations 6 to 11; rates, K and latents of the authors' demo (poolio/unrolled_gan). Networks are DCGAN's on images.

        The discriminator has no batch norm there and starts as the demo's, whose networks have none; the generator has batch norm and
        DCGAN's start. On points the networks are those of every method, with ReLU where the demo has tanh, and start as PyTorch constructs
        them.
        """

        version = 2
        """2: on images the discriminator starts as the authors'; 1 had PyTorch's own start, which is nearly flat."""
        latent_dim: Annotated[int, Ge(1)] = 256
        generator_width: Annotated[int, Ge(1)] = 128
        """Channels before the last layer, on images."""
        discriminator_width: Annotated[int, Ge(1)] = 128
        """Channels behind the first layer, on images."""
        unrolling_steps: Annotated[int, Ge(0)] = 5
        """K; 0 is the original minimax game."""
        unrolled_learning_rate: Annotated[float, Ge(0)] = 0.02
        """Eta of equation 7, on plain gradient steps. The authors unroll Adam themselves and give no figure for plain steps; measured
        here on ring8 with seed 0, 0.02 reaches all modes and 0.3 and 1 reach none."""
        generator_loss: Literal["minimax", "non-saturating"] = "minimax"
        """What the generator minimises after the unrolling: equation 10, or -log D(G(z)), which does not vanish where the discriminator is
        sure, as it soon is of images of many pixels."""
        discriminator_learning_rate: Annotated[float, Ge(0)] = 1e-4
        generator_learning_rate: Annotated[float, Ge(0)] = 1e-3
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.5
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.999

    tiny = {"latent_dim": 8, "generator_width": 4, "discriminator_width": 4, "unrolling_steps": 2}
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        self.generator, self.discriminator = dcgan_pair(
            config.latent_dim,
            shape,
            config.generator_width,
            config.discriminator_width,
            norm="none",
            critic_start=initialise_scaled_orthogonal,
        )

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam, the generator's ten times faster."""
        betas = (self.config.beta1, self.config.beta2)
        return {
            "discriminator": Adam(self.discriminator.parameters(), lr=self.config.discriminator_learning_rate, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=self.config.generator_learning_rate, betas=betas),
        }

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """One ordinary step: what is unrolled is not kept."""
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        real_logits = self.discriminator(ctx.augment(real.examples))
        fake_logits = self.discriminator(ctx.augment(fake))
        loss = cross_entropy_discriminator(real_logits, fake_logits)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_logits, "logit/fake": fake_logits}

    def generator_step(self, ctx: StepContext) -> Logs:
        """Equation 10: up the discriminator's loss, where it will be after K steps; or down -log D(G(z)) there."""
        examples = ctx.augment(ctx.real.examples)
        fake = ctx.augment(self.generate(ctx.latents(ctx.batch_size)))
        with float32():  # its slopes pass the discriminator once more than any penalty's
            real_logits, fake_logits = self.unrolled_logits(examples, fake)
        minimax = self.config.generator_loss == "minimax"
        loss = -cross_entropy_discriminator(real_logits, fake_logits) if minimax else non_saturating_generator(fake_logits)
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

    def unrolled_logits(self, examples: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both kinds after K gradient steps on them, as functions of the fakes; the discriminator stays as it was."""
        parameters = {name: value.detach().requires_grad_() for name, value in self.discriminator.named_parameters()}
        logits = self._judged(parameters, examples, fake)
        for _ in range(self.config.unrolling_steps):
            slopes = torch.autograd.grad(cross_entropy_discriminator(*logits), list(parameters.values()), create_graph=True)
            parameters = {
                name: value - self.config.unrolled_learning_rate * slope
                for (name, value), slope in zip(parameters.items(), slopes, strict=True)
            }
            logits = self._judged(parameters, examples, fake)
        return logits

    def _judged(self, parameters: dict[str, Tensor], examples: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        values = functional_call(self.discriminator, parameters, (torch.cat([examples, fake]),))
        return values[: len(examples)], values[len(examples) :]

"""What do loss and regulariser each contribute? (the grid of Kurach et al. 2019, "A large-scale study on regularization", ICML)"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor
from torch.optim import Optimizer

from baselines.blocks.diffaugment import shifted
from baselines.blocks.losses import LOSSES, relativistic
from baselines.blocks.pairs import adam_pair, dcgan_pair
from baselines.blocks.penalties import consistency, dragan_penalty, gradient_penalty, lecam, zero_centred_penalty
from baselines.blocks.spectral import normalise_spectrally
from baselines.blocks.starts import as_constructed
from baselines.dcgan import DCGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.training.augmentation import eighths
from ganbench.training.variant import Batch, Counters, Logs, StepContext, Variant

WEIGHTS = {"r1": 10.0, "r2": 10.0, "r1+r2": 10.0, "wgan-gp": 10.0, "dragan": 10.0, "lecam": 0.3, "cr": 10.0, "bcr": 10.0}
"""Weight of each regulariser in its paper."""
LECAM_DECAY = 0.99
"""Of the averages that LeCam anchors on, which are freed of their start at 0: both as in its TensorFlow code (google/lecam-gan)."""


class Ablation(Variant):
    """Any loss with any regulariser on one pair of networks, everything else equal (after Kurach et al. 2019)."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """Networks are DCGAN's without batch norm in the discriminator, which penalties per example forbid; rates are DCGAN's.

        The discriminator starts as PyTorch constructs it, nearly flat, in all cells alike; the methods that the regularisers come from
        have starts of their own.
        Consistency regularisation shifts images by up to an eighth, rounded up, and never mirrors them, which digits would not bear.
        """

        loss: Literal["non-saturating", "minimax", "least-squares", "hinge", "wasserstein", "relativistic"] = "non-saturating"
        regulariser: Literal["none", "spectral-norm", "r1", "r2", "r1+r2", "wgan-gp", "dragan", "lecam", "cr", "bcr"] = "none"
        weight: Annotated[float, Ge(0)] | None = None
        """Of the regulariser (gamma, lambda); None is its paper's. Spectral norm has none."""

    tiny = DCGAN.tiny
    """Settings of a few thousand weights, for tests."""
    config: Config
    averages: Tensor
    """LeCam's moving averages of real and of generated values, (2,), still biased towards their start at 0."""

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        if config.regulariser in ("cr", "bcr") and not shape.is_image:
            raise RequestError(f"ablation: regulariser = {config.regulariser!r} shifts images, and these are {shape}; take another")
        self.generator, self.discriminator = dcgan_pair(
            config.latent_dim, shape, config.generator_width, config.discriminator_width, norm="none", critic_start=as_constructed
        )
        if config.regulariser == "spectral-norm":
            normalise_spectrally(self.discriminator)
        self.weight = WEIGHTS.get(config.regulariser, 0.0) if config.weight is None else config.weight
        self.register_buffer("averages", torch.zeros(2))

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Loss and weighted regulariser in one update."""
        with torch.no_grad():
            fake = ctx.augment(self.generate(ctx.latents(ctx.batch_size)))
        examples = ctx.augment(real.examples)
        real_values, fake_values = self.discriminator(examples), self.discriminator(fake)
        if self.config.loss == "relativistic":
            loss = relativistic(real_values, fake_values)
        else:
            loss = LOSSES[self.config.loss][0](real_values, fake_values)
        with torch.no_grad():
            self.averages.lerp_(ctx.mean(torch.stack([real_values.mean(), fake_values.mean()])), 1 - LECAM_DECAY)
        anchors = self.averages / (ctx.scheduled(weight_of_steps) if self.config.regulariser == "lecam" else 1.0)
        penalty = self.penalty(examples, fake, real_values, fake_values, anchors)
        ctx.minimize("discriminator", loss + self.weight * penalty)
        return {
            "loss/discriminator": loss,
            "penalty/regulariser": penalty,
            "logit/real": real_values,
            "logit/fake": fake_values,
        }

    def generator_step(self, ctx: StepContext) -> Logs:
        """The loss alone."""
        fake_values = self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size))))
        if self.config.loss == "relativistic":
            loss = relativistic(fake_values, self.discriminator(ctx.augment(ctx.real.examples)).detach())
        else:
            loss = LOSSES[self.config.loss][1](fake_values)
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

    def penalty(self, real: Tensor, fake: Tensor, real_values: Tensor, fake_values: Tensor, anchors: Tensor) -> Tensor:
        """The regulariser without its weight; ``anchors`` are LeCam's averages of real and of generated values, (2,)."""
        critic, uniform = self.discriminator, partial(torch.rand, device=real.device)
        penalties: dict[str, Callable[[], Tensor]] = {
            "r1": lambda: zero_centred_penalty(critic, real),
            "r2": lambda: zero_centred_penalty(critic, fake),
            "r1+r2": lambda: zero_centred_penalty(critic, real) + zero_centred_penalty(critic, fake),
            "wgan-gp": lambda: gradient_penalty(critic, real, fake, uniform(len(real))),
            "dragan": lambda: dragan_penalty(critic, real, uniform(real.shape), uniform(len(real))),
            "lecam": lambda: lecam(real_values, fake_values, anchors[0], anchors[1]),
            "cr": lambda: consistency(real_values, critic(translation(real))),
            "bcr": lambda: consistency(real_values, critic(translation(real))) + consistency(fake_values, critic(translation(fake))),
        }
        return penalties.get(self.config.regulariser, lambda: real_values.new_zeros(()))()


def weight_of_steps(counters: Counters) -> float:
    """How much of an average that started at 0 is made of the steps up to this one."""
    return 1 - LECAM_DECAY ** (counters.step + 1)


def translation(images: Tensor) -> Tensor:
    """Shifts images by up to an eighth of the side, rounded up, filling with mid grey."""
    return shifted(images, eighths(images.shape[2:]))

"""How do GANs grow to high resolutions? (Karras et al. 2018, "Progressive growing of GANs for improved quality, ...", ICLR)"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer

from baselines.blocks.equalised import RELU_GAIN, EqualisedConv, EqualisedLinear, pixel_norm
from baselines.blocks.growth import SLOPE, Growing, GrowingDiscriminator, check_growth, grown, level_channels, reduced
from baselines.blocks.losses import wasserstein_critic, wasserstein_generator
from baselines.blocks.penalties import gradient_penalty
from baselines.blocks.resampling import box_down, box_up
from baselines.blocks.shapes import image_sides
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant

LARGEST = 1024
"""Side of the paper's images."""


class ProgressiveGAN(Variant):
    """Networks that grow from the smallest resolution on, each level faded in; equalised learning rates, WGAN-GP (Karras et al. 2018)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Appendix A.1 of the paper, for 1024x1024; its minibatch is 16 up to 128x128 and smaller above."""

        version = 2
        """2: optimizers start anew wherever the networks grow."""

        latent_dim: Annotated[int, Ge(1)] = 512
        channel_base: Annotated[int, Ge(1)] = 8192
        """Feature maps are base / 2^stage, the smallest resolution's stage being 1 ..."""
        channel_max: Annotated[int, Ge(1)] = 512
        """... but no more than this (table 2)."""
        stage_images: Annotated[int, Ge(1)] = 800_000
        """Real images of a level at full weight."""
        fade_images: Annotated[int, Ge(0)] = 800_000
        """Real images during which a level is faded in."""
        learning_rate: Annotated[float, Ge(0)] = 1e-3
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.0
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.99
        penalty_weight: Annotated[float, Ge(0)] = 10.0
        """Lambda of the gradient penalty (Gulrajani et al. 2017)."""
        gradient_target: Annotated[float, Gt(0)] = 1.0
        """Gamma: the gradient norm that is not penalised; the squared difference is over its square (750 in the appendix on CIFAR-10)."""
        drift_weight: Annotated[float, Ge(0)] = 1e-3
        """Factor of E[D(x)^2], which keeps the critic's values from drifting."""
        stddev_group: Annotated[int, Ge(1)] | None = None
        """Images in a group of the minibatch standard deviation; None is the whole batch, as in section 3."""

    tiny = {"latent_dim": 8, "channel_max": 4, "stage_images": 32, "fade_images": 32}
    """Settings of a few thousand weights, for tests."""
    config: Config
    generator: "Generator"
    discriminator: GrowingDiscriminator

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        sides = image_sides(shape, "progressive_gan", LARGEST)
        channels = level_channels(len(sides), config.channel_base, config.channel_max)
        schedule = (config.stage_images, config.fade_images)
        group = config.stddev_group or 1 << 30
        self.generator = Generator(config.latent_dim, channels, shape.size[0], sides[-1], *schedule)
        self.discriminator = GrowingDiscriminator(channels, shape.size[0], sides[-1], group, DiscriminatorBlock, *schedule)
        self.batch_multiple = config.stddev_group or 1

    def check_budget(self, images: int) -> None:
        """Refuses a budget that ends before the last level is at full weight."""
        check_growth("progressive_gan", images, self.generator.levels, self.config.stage_images, self.config.fade_images)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam without first moment for both networks."""
        betas = (self.config.beta1, self.config.beta2)
        return {
            "discriminator": Adam(self.discriminator.parameters(), lr=self.config.learning_rate, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=self.config.learning_rate, betas=betas),
        }

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """WGAN-GP with a drift term, at the resolution that is reached.

        The gradient of an image's value goes through the minibatch standard deviation too, that is through the other images'
        values, as in the paper.
        """
        level, alpha = grown(self.generator, self.discriminator, ctx)
        with torch.no_grad():
            fake = ctx.augment(self.generator(ctx.latents(ctx.batch_size), level, alpha))
        examples = ctx.augment(reduced(real.examples, self.generator.levels, level, alpha))

        def critic(images: Tensor) -> Tensor:
            values: Tensor = self.discriminator(images, level, alpha)
            return values

        real_values, fake_values = critic(examples), critic(fake)
        critic_loss = wasserstein_critic(real_values, fake_values)
        target = self.config.gradient_target
        penalty = gradient_penalty(critic, examples, fake, torch.rand(ctx.batch_size, device=examples.device), target) / target**2
        drift = real_values.square().mean()
        ctx.minimize("discriminator", critic_loss + self.config.penalty_weight * penalty + self.config.drift_weight * drift)
        logs = {"loss/discriminator": critic_loss, "penalty/gradient": penalty, "penalty/drift": drift}
        return {**logs, "logit/real": real_values, "logit/fake": fake_values}

    def generator_step(self, ctx: StepContext) -> Logs:
        """-E[D(G(z))], one update to one of the discriminator."""
        level, alpha = ctx.scheduled(self.generator.stage)
        fake = self.generator(ctx.latents(ctx.batch_size), level, alpha)
        loss = wasserstein_generator(self.discriminator(ctx.augment(fake), level, alpha))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}


class Generator(Growing):
    """Two convolutions a level with pixel norm behind each, and a 1x1 convolution to an image at every level (table 2, left half).

    Args:
        latent_dim: Width of a latent.
        channels: Feature maps of every level, the smallest resolution first.
        image_channels: Of the images.
        root: Smallest side.
        stage_images: See :func:`~baselines.blocks.growth.progress`.
        fade_images: See :func:`~baselines.blocks.growth.progress`.
    """

    def __init__(self, latent_dim: int, channels: list[int], image_channels: int, root: int, stage_images: int, fade_images: int) -> None:
        super().__init__(len(channels), stage_images, fade_images)
        self.root = root
        # a 4x4 convolution in table 2, whose constant is a quarter of this: the pixel norm behind it takes any scale out again
        self.project = EqualisedLinear(latent_dim, channels[0] * root * root, gain=RELU_GAIN)
        self.convs = nn.ModuleList([EqualisedConv(channels[0], channels[0], 3, gain=RELU_GAIN)])
        for inputs, outputs in zip(channels, channels[1:], strict=False):
            self.convs.append(EqualisedConv(inputs, outputs, 3, gain=RELU_GAIN))
            self.convs.append(EqualisedConv(outputs, outputs, 3, gain=RELU_GAIN))
        self.to_rgb = nn.ModuleList(EqualisedConv(width, image_channels, 1) for width in channels)

    def forward(self, latents: Tensor, level: int | None = None, alpha: float = 1.0) -> Tensor:
        """Latents (n, latent_dim) to images of a level's resolution; without a level, of full size and within [-1, 1]."""
        if level is None:
            reached, alpha = self.reached()
            return self.shown(self(latents, reached, alpha), reached)
        x = self.project(pixel_norm(latents)).unflatten(1, (-1, self.root, self.root))
        x = pixel_norm(functional.leaky_relu(x, SLOPE))
        x = below = pixel_norm(functional.leaky_relu(self.convs[0](x), SLOPE))
        for index in range(1, level + 1):
            below, x = x, pixel_norm(functional.leaky_relu(self.convs[2 * index - 1](box_up(x)), SLOPE))
            x = pixel_norm(functional.leaky_relu(self.convs[2 * index](x), SLOPE))
        images: Tensor = self.to_rgb[level](x)
        return torch.lerp(box_up(self.to_rgb[level - 1](below)), images, alpha) if alpha < 1 else images


class DiscriminatorBlock(nn.Module):
    """Two convolutions, then half the resolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = EqualisedConv(inputs, inputs, 3, gain=RELU_GAIN)
        self.second = EqualisedConv(inputs, outputs, 3, gain=RELU_GAIN)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, 2h, 2w) to (n, outputs, h, w)."""
        x = functional.leaky_relu(self.first(x), SLOPE)
        return box_down(functional.leaky_relu(self.second(x), SLOPE))

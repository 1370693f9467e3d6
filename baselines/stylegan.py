"""What does a generator gain from styles? (Karras et al. 2019, "A style-based generator architecture for GANs", CVPR)"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer

from baselines.blocks.equalised import RELU_GAIN, EqualisedConv
from baselines.blocks.growth import SLOPE, Growing, GrowingDiscriminator, check_growth, grown, level_channels, reduced
from baselines.blocks.losses import cross_entropy_discriminator, non_saturating_generator
from baselines.blocks.penalties import zero_centred_penalty
from baselines.blocks.resampling import blurred, box_conv_down, box_up
from baselines.blocks.shapes import image_sides
from baselines.blocks.style import Mapping, NormedLayer, Output, by_layer, mixed, shown
from baselines.blocks.styled import StyledGenerator
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Logs, StepContext, Variant

LARGEST = 1024
"""Side of the paper's images."""


class StyleGAN(Variant):
    """A mapping network whose styles scale every layer of a growing generator; noise inputs, style mixing, R1 (Karras et al. 2019)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Appendix C of the paper, its configuration F on FFHQ; what it does not name is progressive_gan's.

        Two things are left out: the paper starts at 8x8, here the smallest resolution comes first, and its learning rates are
        higher at high resolutions.
        """

        version = 2
        """2: optimizers start anew wherever the networks grow; filters at borders as in the authors' code."""

        latent_dim: Annotated[int, Ge(1)] = 512
        style_dim: Annotated[int, Ge(1)] = 512
        mapping_layers: Annotated[int, Ge(1)] = 8
        mapping_rate: Annotated[float, Gt(0)] = 0.01
        """Learning rate of the mapping network as a share of the others'."""
        channel_base: Annotated[int, Ge(1)] = 8192
        """Feature maps are base / 2^stage, the smallest resolution's stage being 1 ..."""
        channel_max: Annotated[int, Ge(1)] = 512
        """... but no more than this."""
        stage_images: Annotated[int, Ge(1)] = 600_000
        """Real images of a level at full weight, in the authors' code (NVlabs/stylegan); not stated in the paper."""
        fade_images: Annotated[int, Ge(0)] = 600_000
        """Real images during which a level is faded in, from the same place."""
        learning_rate: Annotated[float, Ge(0)] = 1e-3
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.0
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.99
        r1_gamma: Annotated[float, Ge(0)] = 10.0
        """Weight of R1 (Mescheder et al. 2018), half a mean squared gradient."""
        mixing_probability: Annotated[float, Interval(ge=0, le=1)] = 0.9
        """Share of images with two styles (section 3.1)."""
        style_average_decay: Annotated[float, Interval(ge=0, le=1)] = 0.995
        """Of the average style, for truncation; in the authors' code, not stated in the paper."""
        stddev_group: Annotated[int, Ge(1)] = 4
        """Images in a group of the minibatch standard deviation; in the authors' code, not stated in the paper."""
        output: Literal["linear", "tanh"] = "linear"
        """What follows the generator's last layer: see stylegan2."""

    tiny = {"latent_dim": 8, "style_dim": 8, "mapping_layers": 2, "channel_max": 4, "stage_images": 32, "fade_images": 32}
    """Settings of a few thousand weights, for tests."""
    config: Config
    generator: "StyledGenerator[Synthesis]"
    discriminator: GrowingDiscriminator

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        sides = image_sides(shape, "stylegan", LARGEST)
        channels = level_channels(len(sides), config.channel_base, config.channel_max)
        schedule = (config.stage_images, config.fade_images)
        self.generator = StyledGenerator(
            Mapping(config.latent_dim, config.style_dim, config.mapping_layers, config.mapping_rate),
            Synthesis(config.style_dim, channels, shape.size[0], sides[::-1], *schedule, config.output),
        )
        self.discriminator = GrowingDiscriminator(channels, shape.size[0], sides[-1], config.stddev_group, DiscriminatorBlock, *schedule)
        self.batch_multiple = config.stddev_group

    def check_budget(self, images: int) -> None:
        """Refuses a budget that ends before the last level is at full weight."""
        check_growth("stylegan", images, self.generator.synthesis.levels, self.config.stage_images, self.config.fade_images)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam without first moment for both networks; the mapping network's rate is in its layers."""
        betas = (self.config.beta1, self.config.beta2)
        return {
            "discriminator": Adam(self.discriminator.parameters(), lr=self.config.learning_rate, betas=betas),
            "generator": Adam(self.generator.parameters(), lr=self.config.learning_rate, betas=betas),
        }

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Cross-entropy and R1 on real images, at the resolution that is reached."""
        level, alpha = grown(self.generator.synthesis, self.discriminator, ctx)
        with torch.no_grad():
            fake = ctx.augment(self.generator.synthesis(self._styles(ctx, level), level, alpha))
        examples = ctx.augment(reduced(real.examples, self.generator.synthesis.levels, level, alpha))

        def judge(images: Tensor) -> Tensor:
            logits: Tensor = self.discriminator(images, level, alpha)
            return logits

        real_logits, fake_logits = judge(examples), judge(fake)
        loss = cross_entropy_discriminator(real_logits, fake_logits)
        penalty = zero_centred_penalty(judge, examples)
        ctx.minimize("discriminator", loss + self.config.r1_gamma * penalty)
        return {"loss/discriminator": loss, "penalty/r1": penalty, "logit/real": real_logits, "logit/fake": fake_logits}

    def generator_step(self, ctx: StepContext) -> Logs:
        """-log D(G(z)) with mixed styles; their average follows."""
        level, alpha = ctx.scheduled(self.generator.synthesis.stage)
        styles = self._styles(ctx, level)
        self.generator.mapping.follow(ctx.mean(styles[:, 0].detach().mean(0)), self.config.style_average_decay)
        fake = self.generator.synthesis(styles, level, alpha)
        loss = non_saturating_generator(self.discriminator(ctx.augment(fake), level, alpha))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """See :class:`~ganbench.training.variant.Variant`: at full size, whatever level is reached."""
        images: Tensor = self.generator(latents)
        return images

    def generate_truncated(self, latents: Tensor, truncation: float, labels: Tensor | None = None) -> Tensor:
        """Images of styles that are drawn towards the average one; ``truncation`` is psi, 1 leaves them (appendix B)."""
        images: Tensor = self.generator.synthesis(self.generator.mapping.truncated(self.generator.mapping(latents), truncation))
        return images

    def _styles(self, ctx: StepContext, level: int) -> Tensor:
        """Mixed styles of fresh latents for the layers up to a level."""
        first, second = self.generator.mapping(ctx.latents(2 * ctx.batch_size)).chunk(2)
        return mixed(first, second, 2 * (level + 1), self.config.mixing_probability)


class Synthesis(Growing):
    """Two layers a level on top of a learned constant, and a 1x1 convolution to an image at every level (section 2).

    Args:
        style_dim: Width of a style.
        channels: Feature maps of every level, the smallest resolution first.
        image_channels: Of the images.
        sides: Of every level, in the same order.
        stage_images: See :func:`~baselines.blocks.growth.progress`.
        fade_images: See :func:`~baselines.blocks.growth.progress`.
        output: See :func:`~baselines.blocks.style.shown`.
    """

    def __init__(
        self,
        style_dim: int,
        channels: list[int],
        image_channels: int,
        sides: list[int],
        stage_images: int,
        fade_images: int,
        output: Output,
    ) -> None:
        super().__init__(len(channels), stage_images, fade_images)
        self.output = output
        self.styles = 2 * len(channels)
        self.constant = nn.Parameter(torch.ones(channels[0], sides[0], sides[0]))
        self.layers = nn.ModuleList()
        for level, (width, side) in enumerate(zip(channels, sides, strict=True)):
            self.layers.append(NormedLayer(channels[level - 1] if level else 0, width, style_dim, side, up=level > 0))
            self.layers.append(NormedLayer(width, width, style_dim, side, up=False))
        self.to_rgb = nn.ModuleList(EqualisedConv(width, image_channels, 1) for width in channels)

    def forward(self, styles: Tensor, level: int | None = None, alpha: float = 1.0) -> Tensor:
        """Styles to images of a level's resolution; without a level, of full size and within [-1, 1].

        Args:
            styles: (n, style_dim) for all layers, or (n, layers, style_dim) with two layers a level.
            level: Where to stop.
            alpha: Weight of that level against the one below.
        """
        if level is None:
            reached, alpha = self.reached()
            return self.shown(self(styles, reached, alpha), reached)
        styles = by_layer(styles, self.styles)
        x = below = self.constant.expand(styles.shape[0], -1, -1, -1)
        for index in range(level + 1):
            below = x
            x = self.layers[2 * index](x, styles[:, 2 * index])
            x = self.layers[2 * index + 1](x, styles[:, 2 * index + 1])
        images: Tensor = self.to_rgb[level](x)
        return shown(torch.lerp(box_up(self.to_rgb[level - 1](below)), images, alpha) if alpha < 1 else images, self.output)


class DiscriminatorBlock(nn.Module):
    """Two convolutions, the second behind a binomial filter and ahead of half the resolution (table 1, configuration B)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = EqualisedConv(inputs, inputs, 3, gain=RELU_GAIN)
        self.second = EqualisedConv(inputs, outputs, 3, gain=RELU_GAIN, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, 2h, 2w) to (n, outputs, h, w)."""
        x = functional.leaky_relu(self.first(x), SLOPE)
        x = box_conv_down(blurred(x), self.second.weight * self.second.scale)
        return functional.leaky_relu(x + self.bias[:, None, None], SLOPE)

"""How do details move with the surfaces that they belong to? (Karras et al. 2021, "Alias-free generative adversarial networks", NeurIPS)"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor
from torch.optim import Adam, Optimizer

from baselines.blocks.bandlimits import band_channels, layer_bands
from baselines.blocks.equalised import RELU_GAIN
from baselines.blocks.losses import non_saturating_generator
from baselines.blocks.lowpass import gaussian_blurred
from baselines.blocks.shapes import image_sides, label_count
from baselines.blocks.style import Mapping
from baselines.blocks.styled import StyledGAN, StyledGenerator
from baselines.blocks.stylegan2_networks import Discriminator
from baselines.blocks.stylegan3_networks import Synthesis
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Counters, Logs, StepContext

LARGEST = 1024
"""Side of the paper's images."""


class StyleGAN3(StyledGAN):
    """StyleGAN2 whose generator treats maps as samples of continuous signals, and keeps them free of aliases (Karras et al. 2021)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Configuration T on FFHQ at 1024x1024, minibatch 32: figure 16 of the paper."""

        latent_dim: Annotated[int, Ge(1)] = 512
        style_dim: Annotated[int, Ge(1)] = 512
        mapping_layers: Annotated[int, Ge(1)] = 2
        mapping_rate: Annotated[float, Gt(0)] = 0.01
        """Learning rate of the mapping network as a share of the generator's: StyleGAN2's."""
        equivariance: Literal["translation", "rotation"] = "translation"
        """What the image follows: translations of the Fourier features (configuration T), or rotations too (R), with 1x1 convolutions,
        twice as many feature maps and radially symmetric filters (section 3.2)."""
        layers: Annotated[int, Ge(3)] = 14
        """Of the generator, whatever the size of images; behind them is one that makes colours (section 3.2)."""
        margin: Annotated[int, Ge(0)] = 10
        """Pixels around the canvas in every layer but the last; fewer let the border be felt (section 3.2)."""
        channel_base: Annotated[int, Ge(1)] = 32768
        """Feature maps are base / side in the discriminator and base / (2 cutoff) in the generator, twice that for rotation; 16384 for
        256x256 (figure 16) ..."""
        channel_max: Annotated[int, Ge(1)] = 512
        """... but no more than this, again twice that for rotation."""
        generator_learning_rate: Annotated[float, Ge(0)] = 2.5e-3
        discriminator_learning_rate: Annotated[float, Ge(0)] = 2e-3
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.0
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.99
        r1_gamma: Annotated[float, Ge(0)] = 32.8
        """Weight of R1, half a mean squared gradient: 0.001 x pixels / minibatch; the paper tries 0.0002 to 0.005 (appendix F.2)."""
        r1_interval: Annotated[int, Ge(1)] = 16
        """R1 in one step of so many, with its weight multiplied by it: StyleGAN2's."""
        magnitude_halflife_images: Annotated[int, Ge(1)] = 20_000
        """Images after which the moving averages that inputs are normalised by have forgotten half (appendix F.1)."""
        blur_sigma: Annotated[float, Ge(0)] = 10.0
        """Standard deviation, in pixels, of the Gaussian that blurs all that the discriminator sees at the start, for rotation only: early
        on the discriminator would tell images by high frequencies alone (section 3.2) ..."""
        blur_images: Annotated[int, Ge(1)] = 200_000
        """... and the images in which it falls to 0 along a line (section 3.2)."""
        style_average_decay: Annotated[float, Interval(ge=0, le=1)] = 0.995
        """Of the average style, for truncation: StyleGAN2's."""
        stddev_group: Annotated[int, Ge(1)] = 4
        """Images in a group of the minibatch standard deviation."""
        output: Literal["linear", "tanh"] = "linear"
        """What follows the generator's colours. The paper has nothing there; see stylegan2."""
        conditional: bool = False
        """With labels: embedded beside the latent, and a projection in the discriminator, as in StyleGAN2."""

    tiny = {
        "latent_dim": 8,
        "style_dim": 8,
        "layers": 4,
        "margin": 4,
        "channel_max": 4,
        "r1_interval": 2,
    }
    """Settings of a few thousand weights, for tests."""
    config: Config
    method = "stylegan3"
    generator: StyledGenerator[Synthesis]
    discriminator: Discriminator

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        sides = image_sides(shape, self.method, LARGEST)
        classes = label_count(shape, f"{self.method} with conditional = true", "set conditional = false") if config.conditional else 0
        mapping = (config.style_dim, config.mapping_layers, config.mapping_rate, classes)
        self.generator = StyledGenerator(Mapping(config.latent_dim, *mapping, bias_gain=RELU_GAIN), self._synthesis(sides[0]))
        channels = [max(1, min(config.channel_base // side, config.channel_max)) for side in sides[::-1]]
        labels = Mapping(0, *mapping, bias_gain=RELU_GAIN) if classes else None
        self.discriminator = Discriminator(channels, shape.size[0], sides[-1], config.stddev_group, "residual", labels)
        self.batch_multiple = config.stddev_group

    def _synthesis(self, side: int) -> Synthesis:
        config = self.config
        rotation = config.equivariance == "rotation"
        share = 2 if rotation else 1  # makes up for the smaller kernels
        bands = layer_bands(config.layers, side, config.margin)
        channels = [band_channels(band.cutoff, share * config.channel_base, share * config.channel_max) for band in bands]
        kernel = 1 if rotation else 3
        return Synthesis(config.style_dim, bands, channels, self.shape.size[0], kernel, radial=rotation, output=config.output)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam without first moment; with one more update every k steps, its rate is times c = k / (k + 1), its betas to the power of c."""
        config = self.config
        c = config.r1_interval / (config.r1_interval + 1) if config.r1_gamma else 1.0
        betas = (config.beta1, config.beta2)
        return {
            "discriminator": Adam(
                self.discriminator.parameters(), c * config.discriminator_learning_rate, (config.beta1**c, config.beta2**c)
            ),
            "generator": Adam(self.generator.parameters(), config.generator_learning_rate, betas),
        }

    def fakes(self, labels: Tensor | None, ctx: StepContext) -> Tensor:
        """Of one style each."""
        images: Tensor = self.generator(ctx.latents(ctx.batch_size), labels)
        return images

    def generator_step(self, ctx: StepContext) -> Logs:
        """-log D(G(z)); then the average style and the magnitudes follow what this batch had."""
        labels = ctx.labels(ctx.batch_size)
        styles = self.generator.mapping(ctx.latents(ctx.batch_size), labels)
        mean_squares: list[Tensor] = []
        images = self.generator.synthesis(styles, lambda x: mean_squares.append(x.detach().square().mean()))
        loss = non_saturating_generator(self.judged(images, labels, ctx))
        ctx.minimize("generator", loss)
        self.generator.mapping.follow(ctx.mean(styles.detach().mean(0)), self.config.style_average_decay)
        decay = 0.5 ** (ctx.step_images / self.config.magnitude_halflife_images)
        self.generator.synthesis.follow(ctx.mean(torch.stack(mean_squares)), decay)
        return {"loss/generator": loss}

    def judged(self, images: Tensor, labels: Tensor | None, ctx: StepContext) -> Tensor:
        """Logits (n,) of images as the discriminator sees them in training, real and generated ones alike."""
        logits: Tensor = self.discriminator(ctx.augment(gaussian_blurred(images, ctx.scheduled(self.blur))), labels)
        return logits

    def blur(self, counters: Counters) -> float:
        """Standard deviation, in pixels, of the Gaussian that blurs a step's images."""
        if self.config.equivariance != "rotation":
            return 0.0
        return self.config.blur_sigma * max(0.0, 1 - counters.images_seen / self.config.blur_images)

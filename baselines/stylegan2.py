"""Which artefacts go with StyleGAN's normalisation and growing? (Karras et al. 2020, "Analyzing and improving ... StyleGAN", CVPR)"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor
from torch.optim import Adam, Optimizer

from baselines.blocks.equalised import RELU_GAIN
from baselines.blocks.growth import level_channels
from baselines.blocks.losses import non_saturating_generator
from baselines.blocks.penalties import path_lengths
from baselines.blocks.shapes import image_sides, label_count
from baselines.blocks.style import Mapping, mixed
from baselines.blocks.styled import StyledGAN, StyledGenerator
from baselines.blocks.stylegan2_networks import Discriminator, Synthesis
from ganbench.data.dataset import DataShape
from ganbench.spans import span
from ganbench.training.arithmetic import float32
from ganbench.training.variant import Counters, Logs, StepContext

LARGEST = 1024
"""Side of the paper's images."""


class StyleGAN2(StyledGAN):
    """Weight demodulation instead of AdaIN, skip and residual networks instead of growing, path lengths (Karras et al. 2020)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Configuration F on FFHQ at 1024x1024, minibatch 32: appendix B of the paper."""

        version = 2
        """2: the gain behind activations scales biases too, in the mapping and in the discriminator."""

        latent_dim: Annotated[int, Ge(1)] = 512
        style_dim: Annotated[int, Ge(1)] = 512
        mapping_layers: Annotated[int, Ge(1)] = 8
        mapping_rate: Annotated[float, Gt(0)] = 0.01
        """Learning rate of the mapping network as a share of the others'."""
        channel_base: Annotated[int, Ge(1)] = 16384
        """Feature maps are base / 2^stage, the smallest resolution's stage being 1: twice StyleGAN's from 64x64 on (configuration F) ..."""
        channel_max: Annotated[int, Ge(1)] = 512
        """... but no more than this."""
        discriminator: Literal["residual", "orig"] = "residual"
        learning_rate: Annotated[float, Ge(0)] = 2e-3
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.0
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.99
        r1_gamma: Annotated[float, Ge(0)] = 10.0
        """Weight of R1, half a mean squared gradient. Other data sets want others; a rule of thumb is 0.0002 x pixels / minibatch
        (Karras et al. 2020, "Training GANs with limited data", appendix C)."""
        r1_interval: Annotated[int, Ge(1)] = 16
        """R1 in one step of so many, with its weight multiplied by it."""
        path_length_weight: Annotated[float, Ge(0)] = 2.0
        """Of the penalty on path lengths; 0 leaves it out."""
        path_length_interval: Annotated[int, Ge(1)] = 4
        """Path lengths in one step of so many, with the weight multiplied by it."""
        path_length_decay: Annotated[float, Interval(ge=0, le=1)] = 0.01
        """Share of the newest lengths in their moving average."""
        path_length_start: Literal["zero", "first"] = "zero"
        """Where that average starts: at 0, as in the authors' code, so that lengths are drawn towards 0 for some hundreds of updates; or at
        the mean of the first lengths, which short trainings need."""
        mixing_probability: Annotated[float, Interval(ge=0, le=1)] = 0.9
        """Share of images with two styles."""
        style_average_decay: Annotated[float, Interval(ge=0, le=1)] = 0.995
        """Of the average style, for truncation; in the authors' code, not stated in the paper."""
        stddev_group: Annotated[int, Ge(1)] = 4
        """Images in a group of the minibatch standard deviation."""
        output: Literal["linear", "tanh"] = "linear"
        """What follows the generator's last layer. The paper has nothing there; data that reach -1 and +1 exactly, as the background of
        digits does, are recognised by that, and a tanh reaches them."""
        conditional: bool = False
        """With labels: embedded beside the latent, and a projection in the discriminator (Karras et al. 2020, limited data)."""

    tiny = {
        "latent_dim": 8,
        "style_dim": 8,
        "mapping_layers": 2,
        "channel_max": 4,
        "r1_interval": 2,
        "path_length_interval": 2,
        "path_length_weight": 2.0,
    }
    """Settings of a few thousand weights, for tests."""
    config: Config
    method = "stylegan2"
    generator: StyledGenerator[Synthesis]
    discriminator: Discriminator
    path_mean: Tensor
    """Moving average of path lengths, ()."""

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        sides = image_sides(shape, self.method, LARGEST)
        classes = label_count(shape, f"{self.method} with conditional = true", "set conditional = false") if config.conditional else 0
        channels = level_channels(len(sides), config.channel_base, config.channel_max)
        mapping = (config.style_dim, config.mapping_layers, config.mapping_rate, classes)
        synthesis = Synthesis(config.style_dim, channels, shape.size[0], sides[::-1], config.output)
        self.generator = StyledGenerator(Mapping(config.latent_dim, *mapping, bias_gain=RELU_GAIN), synthesis)
        labels = Mapping(0, *mapping, bias_gain=RELU_GAIN) if classes else None
        self.discriminator = Discriminator(channels, shape.size[0], sides[-1], config.stddev_group, config.discriminator, labels)
        self.register_buffer("path_mean", torch.zeros(()))
        self.batch_multiple = config.stddev_group

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam without first moment; with one more update every k steps, its rate is times c = k / (k + 1), its betas to the power of c."""
        config = self.config
        generator = config.path_length_interval / (config.path_length_interval + 1) if config.path_length_weight else 1.0
        discriminator = config.r1_interval / (config.r1_interval + 1) if config.r1_gamma else 1.0
        return {
            name: Adam(network.parameters(), lr=c * config.learning_rate, betas=(config.beta1**c, config.beta2**c))
            for name, network, c in (("discriminator", self.discriminator, discriminator), ("generator", self.generator, generator))
        }

    def fakes(self, labels: Tensor | None, ctx: StepContext) -> Tensor:
        """Of mixed styles."""
        images: Tensor = self.generator.synthesis(self._styles(ctx.latents(2 * ctx.batch_size), labels))
        return images

    def generator_step(self, ctx: StepContext) -> Logs:
        """-log D(G(z)) with mixed styles; in one step of ``path_length_interval`` also an update by path lengths alone."""
        labels = ctx.labels(ctx.batch_size)
        styles = self._styles(ctx.latents(2 * ctx.batch_size), labels)
        self.generator.mapping.follow(ctx.mean(styles[:, 0].detach().mean(0)), self.config.style_average_decay)
        loss = non_saturating_generator(self.judged(self.generator.synthesis(styles), labels, ctx))
        ctx.minimize("generator", loss)
        logs = {"loss/generator": loss}
        if self.config.path_length_weight and ctx.every(self.config.path_length_interval):
            with span("regularisers"):
                logs |= self._path_length_update(ctx)
        return logs

    def _path_length_update(self, ctx: StepContext) -> dict[str, Tensor]:
        """Updates the generator towards paths of equal length (section 3.2)."""
        n = -(-ctx.batch_size // 2)  # half the batch, to save time (appendix B)
        styles = self._styles(ctx.latents(2 * n), ctx.labels(n))
        with float32():
            images = self.generator.synthesis(styles)
            lengths = path_lengths(images, styles, torch.randn(images.shape, device=images.device))
        first = self.config.path_length_start == "first" and ctx.scheduled(self.first_path)
        self.path_mean.lerp_(ctx.mean(lengths.detach().mean()), 1.0 if first else self.config.path_length_decay)
        penalty = (lengths - self.path_mean).square().mean()
        ctx.minimize("generator", self.config.path_length_weight * self.config.path_length_interval * penalty)
        return {"penalty/path_length": penalty, "path_length": lengths.mean()}

    def first_path(self, counters: Counters) -> bool:
        """Whether a step's path lengths are the first."""
        return counters.step < self.config.path_length_interval

    def _styles(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Mixed styles (n, layers, style_dim) of twice as many latents (2n, latent_dim)."""
        twice = None if labels is None else labels.repeat(2)
        first, second = self.generator.mapping(latents, twice).chunk(2)
        return mixed(first, second, self.generator.synthesis.styles, self.config.mixing_probability)

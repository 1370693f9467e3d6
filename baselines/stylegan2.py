"""Which artefacts go with StyleGAN's normalisation and growing? (Karras et al. 2020, "Analyzing and improving ... StyleGAN", CVPR)"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor
from torch.optim import Adam, Optimizer

from baselines.blocks.equalised import RELU_GAIN
from baselines.blocks.growth import level_channels
from baselines.blocks.losses import cross_entropy_discriminator, non_saturating_generator
from baselines.blocks.penalties import path_lengths, zero_centred_penalty
from baselines.blocks.shapes import image_sides, label_count
from baselines.blocks.style import Mapping, mixed
from baselines.blocks.stylegan2_networks import Discriminator, Generator, Synthesis
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.training.variant import Batch, Logs, StepContext, Variant

LARGEST = 1024
"""Side of the paper's images."""


class StyleGAN2(Variant):
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
    method: ClassVar[str] = "stylegan2"
    """As users call it, in messages."""
    generator: Generator
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
        self.generator = Generator(Mapping(config.latent_dim, *mapping, bias_gain=RELU_GAIN), synthesis)
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

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Cross-entropy; in one step of ``r1_interval`` also an update by R1 alone."""
        labels = ctx.labels(ctx.batch_size)
        with torch.no_grad():
            fake = self.generator.synthesis(self._styles(ctx.latents(2 * ctx.batch_size), labels))
        real_logits = self.judged(real.examples, real.labels, ctx)
        fake_logits = self.judged(fake, labels, ctx)
        loss = cross_entropy_discriminator(real_logits, fake_logits)
        ctx.minimize("discriminator", loss)
        logs = {"loss/discriminator": loss, "logit/real": real_logits.mean(), "logit/fake": fake_logits.mean()}
        logs["logit/real_sign"] = real_logits.sign().mean()
        if self.config.r1_gamma and ctx.every(self.config.r1_interval):
            logs["penalty/r1"] = zero_centred_penalty(lambda images: self.judged(images, real.labels, ctx), real.examples)
            ctx.minimize("discriminator", self.config.r1_gamma * self.config.r1_interval * logs["penalty/r1"])
        return logs

    def generator_step(self, ctx: StepContext) -> Logs:
        """-log D(G(z)) with mixed styles; in one step of ``path_length_interval`` also an update by path lengths alone."""
        labels = ctx.labels(ctx.batch_size)
        styles = self._styles(ctx.latents(2 * ctx.batch_size), labels)
        self.generator.mapping.follow(ctx.mean(styles[:, 0].detach().mean(0)), self.config.style_average_decay)
        loss = non_saturating_generator(self.judged(self.generator.synthesis(styles), labels, ctx))
        ctx.minimize("generator", loss)
        logs = {"loss/generator": loss}
        if self.config.path_length_weight and ctx.every(self.config.path_length_interval):
            n = -(-ctx.batch_size // 2)  # half the batch, to save time (appendix B)
            styles = self._styles(ctx.latents(2 * n), ctx.labels(n))
            images = self.generator.synthesis(styles)
            lengths = path_lengths(images, styles, torch.randn_like(images))
            first = self.config.path_length_start == "first" and ctx.step < self.config.path_length_interval
            self.path_mean.lerp_(ctx.mean(lengths.detach().mean()), 1.0 if first else self.config.path_length_decay)
            logs["penalty/path_length"] = (lengths - self.path_mean).square().mean()
            logs["path_length"] = lengths.mean()
            ctx.minimize("generator", self.config.path_length_weight * self.config.path_length_interval * logs["penalty/path_length"])
        return logs

    def judged(self, images: Tensor, labels: Tensor | None, ctx: StepContext) -> Tensor:
        """Logits (n,) of images as the discriminator sees them in training, real and generated ones alike."""
        logits: Tensor = self.discriminator(ctx.augment(images), labels)
        return logits

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images in [-1, 1], with constant noise in evaluation mode.

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

    def _styles(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Mixed styles (n, layers, style_dim) of twice as many latents (2n, latent_dim)."""
        twice = None if labels is None else labels.repeat(2)
        first, second = self.generator.mapping(latents, twice).chunk(2)
        return mixed(first, second, self.generator.synthesis.styles, self.config.mixing_probability)

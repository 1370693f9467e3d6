"""How little does a modern GAN need? (Huang et al. 2024, "The GAN is dead; long live the GAN! A modern baseline GAN", NeurIPS)"""

import math
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Ge, Interval
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer

from baselines.blocks.ada import coloured, cut_out, moved
from baselines.blocks.losses import relativistic
from baselines.blocks.mlp import point_discriminator, point_generator
from baselines.blocks.resampling import filtered_down, filtered_up
from baselines.blocks.shapes import image_sides, label_count
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.spans import span
from ganbench.training.arithmetic import float32
from ganbench.training.variant import Batch, Counters, Logs, StepContext, Variant

SLOPE = 0.2
"""Of the leaky ReLUs."""


class R3GAN(Variant):
    """Relativistic pairs with R1 and R2, grouped residual networks without any normalisation (Huang et al. 2024)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """The paper's setting for CIFAR-10 without its half precision; there with minibatches of 512 for about 250 million images.

        Values that change do so along half a cosine, over the first ``burn_in_images``. Two things of the paper belong to the run and its
        data here: mirrored copies of the training images, and a half-life of the average weights that grows over the same images to 5
        million (``training.ema_rampup = 0.25`` ends at the same, on a straight line).
        """

        version = 2
        """2: augmentation on images, and penalties on images ahead of it, also of the run's own."""
        latent_dim: Annotated[int, Ge(1)] = 64
        width: Annotated[int, Ge(1)] = 768
        """Channels of feature maps up to 32 pixels; halved with each doubling beyond, as for 256 pixels in the paper."""
        blocks: Annotated[int, Ge(1)] = 2
        """Residual blocks on each size."""
        expansion: Annotated[int, Ge(1)] = 2
        """Channels inside a block over those outside."""
        group_channels: Annotated[int, Ge(1)] = 16
        """Channels of a group in the 3x3 convolutions: the paper's 96 groups at a width of 768."""
        conditional: bool = False
        """A class vector beside the latent, and one that the discriminator's features are multiplied with; the paper's CIFAR-10 has it."""
        learning_rate: Annotated[float, Ge(0)] = 2e-4
        final_learning_rate: Annotated[float, Ge(0)] = 5e-5
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.0
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.9
        final_beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.99
        penalty_weight: Annotated[float, Ge(0)] = 0.05
        """Gamma: the loss has gamma / 2 times the mean squared gradient norm, on real and on generated examples."""
        final_penalty_weight: Annotated[float, Ge(0)] = 0.005
        augment_probability: Annotated[float, Interval(ge=0, le=1)] = 0.0
        """Of each of ADA's blitting and geometric changes and of cutout, of colours half as much (the authors' configuration); points
        are left alone."""
        final_augment_probability: Annotated[float, Interval(ge=0, le=1)] = 0.55
        """0.3 on FFHQ in the authors' configuration; where both are 0 there is no augmentation."""
        burn_in_images: Annotated[int, Ge(1)] = 20_000_000

    tiny = {"latent_dim": 8, "width": 8, "blocks": 1, "group_channels": 2}
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        self.augments = shape.is_image and max(config.augment_probability, config.final_augment_probability) > 0
        if self.augments and shape.size[0] not in (1, 3):
            raise RequestError(
                f"r3gan changes colours, and images of {shape.size[0]} channels have none; set final_augment_probability = 0"
            )
        if shape.is_image:
            sides = image_sides(shape, "r3gan")
            classes = label_count(shape, "r3gan with conditional = true", "set conditional = false") if config.conditional else 0
            self.generator = R3Generator(config, shape.size[0], sides, classes)
            self.discriminator = R3Discriminator(config, shape.size[0], sides, classes)
        elif config.conditional:
            raise RequestError("r3gan: conditional = true works on images; on points set conditional = false")
        else:
            self.generator = point_generator(config.latent_dim, shape.size[0])
            self.discriminator = point_discriminator(shape.size[0])

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks; every update sets its own rate and betas."""
        return {
            "discriminator": Adam(self.discriminator.parameters(), lr=self.config.learning_rate),
            "generator": Adam(self.generator.parameters(), lr=self.config.learning_rate),
        }

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Pairs of one real and one generated example (eq. 2), R1 on the one side and R2 on the other (section 2.2).

        As in the authors' code, R1 and R2 are of the examples ahead of the augmentation, through which their gradients go.
        """
        labels = self._labels(real)
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size), labels)
        # in one pass: nothing in the discriminator depends on the neighbours, and values and slopes share it
        examples = torch.cat([real.examples, fake]).requires_grad_()
        both = None if labels is None else torch.cat([labels, labels])
        seen = torch.cat([self._augmented(half, ctx) for half in examples.chunk(2)])
        with float32():
            values = self._judged(seen, both)
            with span("regularisers"):
                (slopes,) = torch.autograd.grad(values.sum(), examples, create_graph=True)
        r1, r2 = (half.mean() for half in slopes.flatten(1).square().sum(1).chunk(2))
        real_values, fake_values = values.chunk(2)
        loss = relativistic(real_values, fake_values)
        gamma = self._scheduled(self.config.penalty_weight, self.config.final_penalty_weight, ctx)
        ctx.minimize("discriminator", loss + gamma / 2 * (r1 + r2), **self._options(ctx))
        return {
            "loss/discriminator": loss,
            "logit/real": real_values,
            "logit/fake": fake_values,
            "penalty/r1": r1,
            "penalty/r2": r2,
        }

    def generator_step(self, ctx: StepContext) -> Logs:
        """The same pairs the other way round, with this step's real examples augmented anew; the authors' code has others here."""
        labels = self._labels(ctx.real)
        fake_values = self._judged(self._augmented(self.generate(ctx.latents(ctx.batch_size), labels), ctx), labels)
        with torch.no_grad():
            real_values = self._judged(self._augmented(ctx.real.examples, ctx), labels)
        loss = relativistic(fake_values, real_values)
        ctx.minimize("generator", loss, **self._options(ctx))
        return {"loss/generator": loss}

    def _augmented(self, examples: Tensor, ctx: StepContext) -> Tensor:
        """Examples as the discriminator sees them: after the run's augmentation, then the method's."""
        examples = ctx.augment(examples)
        if not self.augments:
            return examples
        now = self._scheduled(self.config.augment_probability, self.config.final_augment_probability, ctx)
        p = torch.full((), now, device=examples.device)
        return cut_out(coloured(moved(examples, p), p / 2), p)

    def _labels(self, real: Batch) -> Tensor | None:
        """Both examples of a pair are of the real one's class, so that what the discriminator thinks of a class cancels."""
        return real.labels if self.config.conditional else None

    def _options(self, ctx: StepContext) -> dict[str, Any]:
        return {
            "lr": self._scheduled(self.config.learning_rate, self.config.final_learning_rate, ctx),
            "betas": (self.config.beta1, self._scheduled(self.config.beta2, self.config.final_beta2, ctx)),
        }

    def burnt_in(self, counters: Counters) -> float:
        """Share of the burn-in that is over."""
        return min(counters.images_seen / max(self.config.burn_in_images, 1), 1.0)

    def _scheduled(self, first: float, last: float, ctx: StepContext) -> float:
        """The value of a step on its way from ``first`` to ``last``."""
        progress = ctx.scheduled(self.burnt_in)
        return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Examples, of classes where the method is conditional; images are clamped outside of training, as the last layer is linear.

        Args:
            latents: (n, latent_dim).
            labels: (n,), or None where it is not.

        Raises:
            RequestError: It is conditional and there are no labels.
        """
        examples: Tensor = self.generator(latents, self._needed(labels)) if self.config.conditional else self.generator(latents)
        return examples if self.training or not self.shape.is_image else examples.clamp(-1, 1)

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Values of examples, (n,), as members of their classes where the method is conditional; only differences mean anything.

        Raises:
            RequestError: It is conditional and there are no labels.
        """
        return self._judged(examples, labels)

    def _judged(self, examples: Tensor, labels: Tensor | None) -> Tensor:
        values: Tensor = self.discriminator(examples, self._needed(labels)) if self.config.conditional else self.discriminator(examples)
        return values

    @staticmethod
    def _needed(labels: Tensor | None) -> Tensor:
        if labels is None:
            raise RequestError("r3gan with conditional = true works on images of classes; give one label for each example")
        return labels


class ResidualBlock(nn.Module):
    """1x1 to more channels, 3x3 in groups, 1x1 back, leaky ReLU between (section 3): linear where the branch is 0, as it is at first.

    Args:
        width: Channels outside.
        expanded: Channels inside.
        group_channels: Channels of a group.
        depth: Residual blocks in the network.
    """

    def __init__(self, width: int, expanded: int, group_channels: int, depth: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(width, expanded, 1)
        self.mix = nn.Conv2d(expanded, expanded, 3, padding=1, groups=expanded // group_channels)
        self.contract = nn.Conv2d(expanded, width, 1, bias=False)
        # fix-up: the branches of all blocks together change the function as much as one block would (Zhang et al. 2019, "Fixup")
        for layer in (self.expand, self.mix):
            initialise(layer, nn.init.calculate_gain("leaky_relu", SLOPE) * depth**-0.25)
        initialise(self.contract, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, h, w) to the same."""
        h = functional.leaky_relu(self.expand(x), SLOPE)
        h = functional.leaky_relu(self.mix(h), SLOPE)
        out: Tensor = x + self.contract(h)
        return out


class R3Generator(nn.Module):
    """A learned smallest map, scaled channel by channel by the latent; on each size residual blocks; no activation at the end.

    Args:
        config: The method's.
        channels: Of the images.
        sides: Of the feature maps, from the image's downwards.
        classes: Number of classes, or 0 without condition.
    """

    def __init__(self, config: R3GAN.Config, channels: int, sides: list[int], classes: int) -> None:
        super().__init__()
        widths = stage_widths(config, sides)[::-1]
        self.embedding = class_vectors(classes, config.latent_dim, classes**-0.5) if classes else None
        self.basis = nn.Parameter(torch.randn(widths[0], sides[-1], sides[-1]))
        self.scale = initialise(nn.Linear((2 if classes else 1) * config.latent_dim, widths[0], bias=False))
        self.stages = nn.ModuleList(stage(config, width, len(sides)) for width in widths)
        self.transitions = nn.ModuleList(transition(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.colours = initialise(nn.Conv2d(widths[-1], channels, 1, bias=False))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(n, latent_dim) to (n, channels, side, side), unbounded."""
        given = latents if self.embedding is None else torch.cat([latents, self.embedding(labels)], 1)
        x = self.stages[0](self.basis * self.scale(given)[:, :, None, None])
        for change, blocks in zip(self.transitions, self.stages[1:], strict=True):
            x = blocks(filtered_up(change(x)))
        images: Tensor = self.colours(x)
        return images


class R3Discriminator(nn.Module):
    """The generator's mirror image; at the end one weight for each position and channel, and a linear layer.

    Args:
        config: The method's.
        channels: Of the images.
        sides: Of the feature maps, from the image's downwards.
        classes: Number of classes, or 0 without condition.
    """

    def __init__(self, config: R3GAN.Config, channels: int, sides: list[int], classes: int) -> None:
        super().__init__()
        widths = stage_widths(config, sides)
        self.colours = initialise(nn.Conv2d(channels, widths[0], 1, bias=False))
        self.stages = nn.ModuleList(stage(config, width, len(sides)) for width in widths)
        self.transitions = nn.ModuleList(transition(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.basis = initialise(nn.Conv2d(widths[-1], widths[-1], sides[-1], groups=widths[-1], bias=False))
        self.output = initialise(nn.Linear(widths[-1], widths[-1] if classes else 1, bias=False))
        self.embedding = class_vectors(classes, widths[-1], (classes * widths[-1]) ** -0.5) if classes else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """(n, channels, side, side) to (n,)."""
        x = self.stages[0](self.colours(images))
        for change, blocks in zip(self.transitions, self.stages[1:], strict=True):
            x = blocks(change(filtered_down(x)))
        features: Tensor = self.output(self.basis(x).flatten(1))
        if self.embedding is None:
            return features.squeeze(1)
        values: Tensor = (features * self.embedding(labels)).sum(1)
        return values


def stage_widths(config: R3GAN.Config, sides: list[int]) -> list[int]:
    """Channels on each size.

    Raises:
        RequestError: Groups do not fit in.
    """
    halvings = [max(0, math.ceil(math.log2(side / 32))) for side in sides]
    unit = config.group_channels // math.gcd(config.group_channels, config.expansion) * 2 ** max(halvings)
    if config.width < 1 or config.width % unit:
        raise RequestError(
            f"r3gan at {sides[0]} pixels: a width of {config.width} does not fill {config.group_channels}-channel groups on every size; "
            f"use {max(unit, config.width // unit * unit)}, another multiple of {unit}, or smaller group_channels"
        )
    return [config.width // 2**halving for halving in halvings]


def stage(config: R3GAN.Config, width: int, stages: int) -> nn.Sequential:
    """The residual blocks on one size, of a network with so many sizes."""
    depth = config.blocks * stages
    return nn.Sequential(*(ResidualBlock(width, config.expansion * width, config.group_channels, depth) for _ in range(config.blocks)))


def transition(inputs: int, outputs: int) -> nn.Module:
    """1x1 where the number of channels changes with the size."""
    return nn.Identity() if inputs == outputs else initialise(nn.Conv2d(inputs, outputs, 1, bias=False))


def class_vectors(classes: int, width: int, deviation: float) -> nn.Embedding:
    """A vector for each class, from N(0, deviation^2): 1 / sqrt(classes) for a linear layer on one-hot labels, as in the paper's code."""
    vectors = nn.Embedding(classes, width)
    nn.init.normal_(vectors.weight, 0.0, deviation)
    return vectors


def initialise(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    """Weights from N(0, gain^2 / inputs), biases 0.

    Returns:
        The layer.
    """
    nn.init.normal_(layer.weight, 0.0, gain / layer.weight[0].numel() ** 0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer

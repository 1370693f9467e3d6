"""What does a discriminator gain that also names the class? (Odena et al. 2017, "Image synthesis with auxiliary classifier GANs", ICML)"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Interval
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from baselines.blocks.conv import initialise_dcgan
from baselines.blocks.losses import cross_entropy_discriminator, non_saturating_generator
from baselines.blocks.pairs import adam_pair
from baselines.blocks.shapes import image_sides, label_count
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError
from ganbench.training.variant import Batch, Logs, StepContext, Variant


class ACGAN(Variant):
    """Convolutional GAN with labels: the discriminator also names the class, both networks want it right (Odena et al. 2017)."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Appendix A, the table for CIFAR-10. Of the noise levels that it searched for the discriminator's activations, this is 0."""

        latent_dim: Annotated[int, Ge(1)] = 100
        """Without the class, which is appended as one number per class."""
        generator_width: Annotated[int, Ge(1)] = 96
        """Channels before the last layer, doubled at each smaller size up to 8 times: the paper's 384, 192, 96 at 32 pixels."""
        discriminator_width: Annotated[int, Ge(1)] = 16
        """Channels behind the first layer, doubled by each other one up to 32 times: the paper's 16 to 512 at 32 pixels."""
        dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.5
        """Behind every hidden layer of the discriminator."""
        learning_rate: Annotated[float, Ge(0)] = 2e-4
        beta1: Annotated[float, Interval(ge=0, lt=1)] = 0.5
        beta2: Annotated[float, Interval(ge=0, lt=1)] = 0.999

    tiny = {"latent_dim": 8, "generator_width": 4, "discriminator_width": 4, "learning_rate": 0.01}
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        sides = image_sides(shape, "acgan")
        classes = label_count(shape, "acgan")
        self.generator = ClassGenerator(config.latent_dim, classes, shape.size[0], sides, config.generator_width)
        self.discriminator = ClassifyingDiscriminator(classes, shape.size[0], sides, config.discriminator_width, config.dropout)
        self.apply(initialise_dcgan)
        for module in self.modules():  # appendix A: N(0, 0.02) and biases of 0 in every layer
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.02)
                nn.init.zeros_(module.bias)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """-(L_S + L_C): the source of every image (eq. 2) and its class (eq. 3), of real and generated ones alike."""
        labels = ctx.labels(ctx.batch_size)
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size), labels)
        real_logits, real_classes = self.discriminator(ctx.augment(real.examples))
        fake_logits, fake_classes = self.discriminator(ctx.augment(fake))
        assert real.labels is not None and labels is not None
        source = cross_entropy_discriminator(real_logits, fake_logits)
        real_class, fake_class = functional.cross_entropy(real_classes, real.labels), functional.cross_entropy(fake_classes, labels)
        ctx.minimize("discriminator", source + real_class + fake_class)
        return {
            "loss/discriminator": source,
            "loss/class_real": real_class,
            "loss/class_fake": fake_class,
            "logit/real": real_logits,
            "logit/fake": fake_logits,
        }

    def generator_step(self, ctx: StepContext) -> Logs:
        """-(L_C - L_S), with -log D(G(z)) for the source, as usual, in the place of log(1 - D(G(z)))."""
        labels = ctx.labels(ctx.batch_size)
        logits, classes = self.discriminator(ctx.augment(self.generate(ctx.latents(ctx.batch_size), labels)))
        assert labels is not None
        source = non_saturating_generator(logits)
        ctx.minimize("generator", source + functional.cross_entropy(classes, labels))
        return {"loss/generator": source}

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images of classes.

        Args:
            latents: (n, latent_dim).
            labels: (n,).

        Raises:
            RequestError: Without labels.
        """
        if labels is None:
            raise RequestError("acgan generates images of classes; give one label for each latent")
        images: Tensor = self.generator(latents, labels)
        return images

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits of being real, (n,), which do not depend on the label."""
        logits: Tensor = self.discriminator(examples)[0]
        return logits


class ClassGenerator(nn.Module):
    """A linear layer and 5x5 transposed convolutions with batch norm and ReLU, tanh at the end.

    Args:
        latent_dim: Width of a latent.
        classes: Number of classes.
        channels: Of the images.
        sides: Of the feature maps, from the image's downwards.
        width: Channels before the last layer.
    """

    def __init__(self, latent_dim: int, classes: int, channels: int, sides: list[int], width: int) -> None:
        super().__init__()
        widths = [width * min(2**level, 8) for level in reversed(range(len(sides) - 1))]
        self.classes = classes
        self.start = (widths[0], sides[-1], sides[-1])
        self.project = nn.Linear(latent_dim + classes, widths[0] * sides[-1] ** 2)
        layers: list[nn.Module] = [nn.ReLU()]
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            layers += [nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, 5, 2, 2, 1), nn.Tanh())

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """(n, latent_dim) and (n,) to images in [-1, 1]."""
        one_hot = (labels[:, None] == torch.arange(self.classes, device=labels.device)).to(latents)
        images: Tensor = self.layers(self.project(torch.cat([latents, one_hot], 1)).unflatten(1, self.start))
        return images


class Dropout(nn.Dropout):
    """Dropout that leaves out the same values however the maps lie in memory, along which random numbers are drawn."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, channels, height, width) of which a share is 0."""
        return super().forward(x.contiguous())


class ClassifyingDiscriminator(nn.Module):
    """3x3 convolutions, every other one of stride 2, with batch norm behind all but the first, leaky ReLU and dropout; two heads.

    Args:
        classes: Number of classes.
        channels: Of the images.
        sides: Of the feature maps, from the image's downwards.
        width: Channels behind the first layer.
        dropout: Behind every layer.
    """

    def __init__(self, classes: int, channels: int, sides: list[int], width: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels
        for i in range(2 * (len(sides) - 1)):
            outputs = width * min(2**i, 32)
            layers.append(nn.Conv2d(inputs, outputs, 3, stride=1 if i % 2 else 2, padding=1, bias=i == 0))
            layers += [nn.BatchNorm2d(outputs)] if i else []
            layers += [nn.LeakyReLU(0.2), Dropout(dropout)]
            inputs = outputs
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.source = nn.Linear(inputs * sides[-1] ** 2, 1)
        self.classifier = nn.Linear(inputs * sides[-1] ** 2, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images to the logit of being real (n,) and the logits of the classes (n, classes)."""
        features = self.features(images)
        return self.source(features).squeeze(1), self.classifier(features)

"""Which tricks made GANs train? (Salimans et al. 2016, "Improved techniques for training GANs", NeurIPS)"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor, nn
from torch.optim import Optimizer

from baselines.blocks.conv import Discriminator
from baselines.blocks.losses import feature_matching, non_saturating_generator, smoothed_cross_entropy_discriminator
from baselines.blocks.pairs import adam_pair, dcgan_pair
from baselines.dcgan import DCGAN
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch, Counters, Logs, StepContext, Variant


class ImprovedGAN(Variant):
    """Feature matching, minibatch discrimination and one-sided label smoothing on DCGAN's networks (Salimans et al. 2016)."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DCGAN.Config):
        """Sections 3.1, 3.2 and 3.4, unsupervised; rates are those of the authors' CIFAR-10 code (openai/improved-gan).

        All three at once are this project's default. The authors train one or the other, with labels: ``kernels = 0`` is close to their
        feature matching (which takes absolute differences), ``generator_loss = "non-saturating"`` to their minibatch discrimination (which
        minimises log(1 - D)). Feature matching sees the features in front of the minibatch layer. The minibatch layer is the authors', with
        its start from data; their discriminator also has weight norm, dropout and noise in the place of batch norm, and no smoothing.
        """

        joined_later = ("nearest_distance",)
        version = 2
        """2: the minibatch layer is normalised and starts from the first batch, as the authors'; 1 had plain kernels of N(0, 0.05)."""
        discriminator_width: Annotated[int, Ge(1)] = 96
        """Channels behind the first layer, on images."""
        generator_loss: Literal["feature matching", "non-saturating"] = "feature matching"
        """What the generator minimises: section 3.1, or the original loss."""
        kernels: Annotated[int, Ge(0)] = 100
        """Rows B of the minibatch layer's matrices; 0 leaves the layer out."""
        kernel_dim: Annotated[int, Ge(1)] = 5
        """Columns C of those matrices."""
        nearest_distance: Annotated[float, Gt(0)] = 2.0
        """Mean distance of a first batch's nearest neighbours, to which every kernel is scaled: 2 in openai/improved-gan."""
        real_target: Annotated[float, Interval(gt=0, le=1)] = 0.9
        """Probability that real examples should get; 1 is no smoothing."""
        learning_rate: Annotated[float, Ge(0)] = 3e-4

    tiny = {**DCGAN.tiny, "kernels": 4}
    """Settings of a few thousand weights, for tests."""
    config: Config

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__(config, shape)
        widths = (config.generator_width, config.discriminator_width)
        self.generator, body = dcgan_pair(config.latent_dim, shape, *widths, norm="batch")
        self.discriminator = MinibatchDiscriminator(body, shape, config.kernels, config.kernel_dim, config.nearest_distance)

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for both networks."""
        return adam_pair(self.generator, self.discriminator, self.config.learning_rate, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Cross-entropy with a real target below 1; batches of one kind each, which the minibatch layer compares.

        That layer starts from the real examples of the very first step.
        """
        with torch.no_grad():
            fake = self.generate(ctx.latents(ctx.batch_size))
        real_logits = self.discriminator(ctx.augment(real.examples), starting=ctx.mean if ctx.scheduled(is_first) else None)
        fake_logits = self.discriminator(ctx.augment(fake))
        loss = smoothed_cross_entropy_discriminator(real_logits, fake_logits, self.config.real_target)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss, "logit/real": real_logits, "logit/fake": fake_logits}

    def generator_step(self, ctx: StepContext) -> Logs:
        """Mean features of the discriminator's last hidden layer, real against generated; or -log D(G(z))."""
        fake = ctx.augment(self.generate(ctx.latents(ctx.batch_size)))
        if self.config.generator_loss == "feature matching":
            features: nn.Module = self.discriminator.features  # type: ignore[assignment]
            with torch.no_grad():
                wanted = features(ctx.augment(ctx.real.examples))
            loss = feature_matching(wanted, features(fake))
        else:
            loss = non_saturating_generator(self.discriminator(fake))
        ctx.minimize("generator", loss)
        return {"loss/generator": loss}


def is_first(counters: Counters) -> bool:
    """Whether a step is the first of a training."""
    return counters.step == 0


class MinibatchLayer(nn.Module):
    """Appends to every example how close it is to the others of its batch (section 3.2), normalised as in the authors' code.

    A matrix's columns are directions in the space of features, of length exp(s) with s learnt, and a learnt bias is added to what the
    paper appends. Both start from a first batch (:meth:`start`): then the layer tells examples apart at any width and scale of the
    features, neither without a neighbour nor with everything alike. Source: ``MinibatchLayer`` in openai/improved-gan, nn.py.

    Args:
        width: Features of an example, A.
        kernels: Similarities that are appended, B.
        kernel_dim: Dimensions C in which each is measured.
        nearest_distance: Mean distance of the nearest neighbours that :meth:`start` brings about.
    """

    def __init__(self, width: int, kernels: int, kernel_dim: int, nearest_distance: float = 2.0) -> None:
        super().__init__()
        self.nearest_distance = nearest_distance
        self.tensor = nn.Parameter(0.05 * torch.randn(width, kernels, kernel_dim))
        self.log_scale = nn.Parameter(torch.zeros(kernels, kernel_dim))
        self.bias = nn.Parameter(torch.full((kernels,), -1.0))

    def forward(self, features: Tensor) -> Tensor:
        """(n, A) to (n, A + B): o_b = sum over the others of exp(-|M_ib - M_jb|_1), plus a bias."""
        return torch.cat([features, self.closeness(features) + self.bias], 1)

    def closeness(self, features: Tensor) -> Tensor:
        """(n, A) to (n, B): the sums without the bias."""
        return torch.exp(-self.distances(features)).sum(1) - 1  # without itself, whose distance is 0

    def distances(self, features: Tensor) -> Tensor:
        """(n, A) to (n, n, B), L1. By differences, 8 MB of them in a batch of 64: torch.cdist has no second derivative up to torch 2.11."""
        directions = self.tensor * (self.log_scale.exp() / self.tensor.square().sum(0).sqrt())
        dimensions = torch.einsum("na,abc->cnb", features, directions)
        # one dimension at a time: three times as fast on a CPU as a sum over the last of four axes
        return sum(((rows[:, None] - rows[None]).abs() for rows in dimensions), start=features.new_zeros(()))

    @torch.no_grad()
    def start(self, features: Tensor, mean: Callable[[Tensor], Tensor]) -> None:
        """Scales every kernel so that the nearest other example is at a mean distance of ``nearest_distance``.

        The bias then takes the mean closeness away. A single example has no others, and a batch of equal ones no scale: then what
        there is stays.

        Args:
            features: Of a first batch, (n, A).
            mean: Averages a tensor over the ranks.
        """
        if len(features) < 2:
            return
        itself = torch.eye(len(features), dtype=torch.bool, device=features.device)[:, :, None]
        nearest = mean(self.distances(features).masked_fill(itself, torch.inf).amin(1).mean(0))
        self.log_scale.sub_(torch.where(nearest > 0, nearest / self.nearest_distance, 1.0).log()[:, None])
        self.bias.copy_(-mean(self.closeness(features).mean(0)))


class MinibatchDiscriminator(nn.Module):
    """A discriminator's layers up to its last, the minibatch layer, and a last layer of its own.

    Args:
        body: Any discriminator of :func:`baselines.blocks.pairs.dcgan_pair`.
        shape: Form of the data.
        kernels: Of the minibatch layer; 0 leaves it out.
        kernel_dim: Of the minibatch layer.
        nearest_distance: Of the minibatch layer.
    """

    def __init__(self, body: nn.Module, shape: DataShape, kernels: int, kernel_dim: int, nearest_distance: float = 2.0) -> None:
        super().__init__()
        layers = list(body.layers.children()) if isinstance(body, Discriminator) else list(body.children())
        self.features = nn.Sequential(*layers[:-2], nn.Flatten())
        with torch.no_grad():
            width = self.features.eval()(torch.zeros(1, *shape.size)).shape[1]
        self.features.train()
        self.closeness = MinibatchLayer(width, kernels, kernel_dim, nearest_distance) if kernels else nn.Identity()
        self.head = nn.Linear(width + kernels, 1)

    def forward(self, examples: Tensor, starting: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """(n, ...) to logits (n,).

        Args:
            examples: A batch.
            starting: In the first step, averages a tensor over the ranks: the minibatch layer then starts from these examples.
        """
        features = self.features(examples)
        if starting is not None and isinstance(self.closeness, MinibatchLayer):
            self.closeness.start(features, starting)
        logits: Tensor = self.head(self.closeness(features))
        return logits.flatten()

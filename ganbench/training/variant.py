"""What must a training method provide, and what does it get?

A method is one class in one file. It says which networks there are, what they minimise and in which
order they are updated. Everything else (seeds, data, devices, averaging, logs, checkpoints, scores)
is the harness's.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer

from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError

Logs = Mapping[str, Tensor]
"""Scalars to record, still on the device: the harness reads them once a tick."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Real examples as a method sees them."""

    examples: Tensor
    """Images in [-1, 1], shape (n, channels, height, width), or points (n, dimensions); float32."""
    labels: Tensor | None = None
    """Class numbers (n,), int64."""


class StepContext(Protocol):
    """What the harness offers inside a step. A step is one discriminator batch.

    Inside a step torch's global generators are a stream of that step, so that dropout, noise layers and
    plain ``torch.rand`` are as reproducible as the draws below.
    """

    step: int
    """Steps finished before this one."""
    images_seen: int
    """Real images that the discriminator saw before this step."""
    step_images: int
    """Real images that it sees in this step; where several processes train together, on all of them."""
    batch_size: int
    """Real examples of this step that this process has: all of them, if it trains alone."""
    real: Batch
    """Those examples: for generators that are judged against real ones."""

    def latents(self, n: int) -> Tensor:
        """Standard normal latents (n, latent_dim); every call draws fresh ones."""

    def labels(self, n: int) -> Tensor | None:
        """Labels (n,) drawn with the training set's class shares; None where the data have none."""

    def augment(self, examples: Tensor) -> Tensor:
        """The run's augmentation, differentiable, for real and generated examples alike."""

    def every(self, n: int) -> bool:
        """True in one step out of n, the last of each group: ``every(5)`` is a WGAN's generator step."""

    def mean(self, tensor: Tensor) -> Tensor:
        """Mean over the processes that train together; the tensor itself where there is one. No gradient goes through it.

        For what a method averages over a batch by itself and keeps, such as a running mean: gradients and logs are averaged anyway.
        """

    def minimize(self, name: str, loss: Tensor, **options: Any) -> None:
        """Updates what the optimizer ``name`` holds by one step down ``loss``; the one door for an update.

        ``options`` are those of the optimizer's groups for this update on (``betas=(0.0, 0.95)``); a method with schedules of its own
        gives them in every step. ``lr`` is multiplied by the run's schedule.
        """


class Variant(nn.Module, ABC):
    """A GAN training method: networks, losses and update rules.

    The constructor builds ``self.generator`` and ``self.discriminator`` and refuses a shape that it
    cannot do with a :class:`~ganbench.errors.RequestError` that says which would work. ``Config`` holds
    every hyper-parameter, uses the standard library only (a plan reads it without importing torch), and
    its defaults are the paper's.

    Args:
        config: The method's own ``Config``.
        shape: Form of the data.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Every hyper-parameter, with its source."""

        latent_dim: int

    generator: nn.Module
    discriminator: nn.Module
    batch_multiple: int = 1
    """Batches must hold a multiple of so many examples: the harness refuses others before training."""

    def __init__(self, config: Any, shape: DataShape) -> None:
        super().__init__()
        self.config = config
        self.shape = shape

    def check_budget(self, images: int) -> None:
        """Refuses a training that ends before the method is what it is, such as one that grows and would not be grown.

        Args:
            images: Real images that the discriminator is going to see.

        Raises:
            RequestError: They are too few; the message says what would do.
        """

    @abstractmethod
    def optimizers(self) -> dict[str, Optimizer]:
        """One optimizer for each name that :meth:`StepContext.minimize` is called with."""

    @abstractmethod
    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """One update of the discriminator."""

    @abstractmethod
    def generator_step(self, ctx: StepContext) -> Logs:
        """One update of the generator, or none in this step: then an empty mapping."""

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Examples for latents.

        Args:
            latents: (n, latent_dim).
            labels: (n,) or None.

        Returns:
            Images in [-1, 1], shape (n, channels, height, width), or points (n, dimensions).
        """
        examples: Tensor = self.generator(latents)
        return examples

    def generate_truncated(self, latents: Tensor, truncation: float, labels: Tensor | None = None) -> Tensor:
        """:meth:`generate` with less variety for more fidelity, where the method defines how.

        Args:
            latents: (n, latent_dim).
            truncation: The method's own measure, above 0.
            labels: (n,) or None.

        Raises:
            RequestError: The method defines no truncation.
        """
        raise RequestError(f"{type(self).__name__} defines no truncation; leave it out, or take biggan or a StyleGAN")

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits or critic values of examples: (n,), or (n / m,) of a method that judges m examples at a time."""
        values: Tensor = self.discriminator(examples)
        return values

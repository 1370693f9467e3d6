"""What must a GAN training method define, and what does the harness provide?

A method is one class in one file, which defines networks, losses and the order of updates. The harness does
everything else: seeds, data, devices, EMA weights, logs, checkpoints and scores.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from torch import Tensor, nn
from torch.optim import Optimizer

from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError

T = TypeVar("T")
Logs = Mapping[str, Tensor]
"""Scalars to record, on the device; the harness reads their means once per tick.

``logit/real`` and ``logit/fake`` hold the discriminator's values of all examples of a step, (n,): of these the harness also records the
spread, from which it tells a discriminator that is dead or saturated."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A batch of real examples."""

    examples: Tensor
    """Images in [-1, 1], shape (n, channels, height, width), or points (n, dimensions); float32."""
    labels: Tensor | None = None
    """Class labels (n,), int64."""


class Counters(Protocol):
    """How far a training has come."""

    @property
    def step(self) -> int:
        """Number of steps finished before this one."""

    @property
    def images_seen(self) -> int:
        """Real images seen by the discriminator before this step."""

    @property
    def step_images(self) -> int:
        """Real images in this step's batch, over all ranks."""


class StepContext(Counters, Protocol):
    """What the harness provides within a step. A step is one discriminator batch.

    Within a step, torch's global generators are seeded from a stream of that step, so dropout, noise layers and
    ``torch.rand`` are as reproducible as the methods below.
    """

    batch_size: int
    """Real images in this rank's part of the batch, which is all of it without distributed training."""
    real: Batch
    """The real batch, for generator losses that use real examples."""

    def latents(self, n: int) -> Tensor:
        """Standard normal latents (n, latent_dim); every call draws fresh ones."""

    def labels(self, n: int) -> Tensor | None:
        """Labels (n,) drawn with the class frequencies of the training set; None without labels."""

    def augment(self, examples: Tensor) -> Tensor:
        """Applies the run's differentiable augmentation, for real and generated examples."""

    def every(self, n: int) -> bool:
        """True in one step out of n, the last of each group of n: a WGAN updates its generator if ``every(5)``."""

    def scheduled(self, number: Callable[[Counters], T]) -> T:
        """What a method computes from the counters: ``number(counters)``, such as a stage, a fade or the end of a burn-in.

        Must be the same function in every step (a method of the variant, say, not a lambda), and its values hashable: by them an engine
        that records steps tells which steps repeat an earlier one. A step that reads ``step`` or ``images_seen`` itself is never repeated.
        """

    def counter(self) -> Tensor:
        """``images_seen`` as an int64 tensor () on the device, for a buffer that keeps it."""

    def mean(self, tensor: Tensor) -> Tensor:
        """Mean of a tensor over the ranks, without gradient; the tensor itself if there is only one.

        Needed for batch statistics that a method keeps, such as a running mean; gradients and logs are averaged automatically.
        """

    def minimize(self, name: str, loss: Tensor, **options: Any) -> None:
        """Updates the parameters of the optimizer ``name`` once to reduce ``loss``; every update must use this method.

        ``options`` replace those of the optimizer's parameter groups from this update on (``betas=(0.0, 0.95)``); a method with its own
        schedules passes them in every step. ``lr`` is multiplied by the run's schedule.
        """

    def restart(self, name: str) -> None:
        """Makes the optimizer ``name`` forget its moments, as if it were new; a growing network does so when it grows.

        When to restart must follow from the counters (:meth:`scheduled`).
        """


class Variant(nn.Module, ABC):
    """A GAN training method: networks, losses and update rules.

    The constructor builds ``self.generator`` and ``self.discriminator``. For unsupported shapes it raises a
    :class:`~ganbench.errors.RequestError` that says which are supported. ``Config`` contains every
    hyper-parameter with the paper's value as default; it may use only the standard library, because planning reads
    it without importing torch.

    >>> import torch
    >>> class Scaled(Variant):
    ...     @dataclass(frozen=True, kw_only=True)
    ...     class Config:
    ...         latent_dim: int = 2
    ...         learning_rate: float = 0.01
    ...     def __init__(self, config, shape):
    ...         super().__init__(config, shape)
    ...         self.generator, self.discriminator = nn.Linear(config.latent_dim, shape.size[0]), nn.Linear(shape.size[0], 1)
    ...     def optimizers(self):
    ...         rate = self.config.learning_rate
    ...         return {name: torch.optim.SGD(getattr(self, name).parameters(), rate) for name in ("generator", "discriminator")}
    ...     def discriminator_step(self, real, ctx):
    ...         fakes = self.generate(ctx.latents(ctx.batch_size)).detach()
    ...         loss = self.discriminator(fakes).mean() - self.discriminator(real.examples).mean()
    ...         ctx.minimize("discriminator", loss)
    ...         return {"loss/discriminator": loss}
    ...     def generator_step(self, ctx):
    ...         loss = -self.discriminator(self.generate(ctx.latents(ctx.batch_size))).mean()
    ...         ctx.minimize("generator", loss)
    ...         return {"loss/generator": loss}
    >>> Scaled(Scaled.Config(), DataShape(size=(3,))).generate(torch.zeros(4, 2)).shape
    torch.Size([4, 3])

    Args:
        config: The method's own ``Config``.
        shape: Shape of the data.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """All hyper-parameters, each documented with its source."""

        latent_dim: int

    generator: nn.Module
    discriminator: nn.Module
    tiny: ClassVar[Mapping[str, Any]] = {}
    """Settings of a few thousand weights, for tests."""
    batch_multiple: int = 1
    """The batch size must be a multiple of this number; the harness checks it before training."""

    def __init__(self, config: Any, shape: DataShape) -> None:
        super().__init__()
        self.config = config
        self.shape = shape

    def check_budget(self, images: int) -> None:
        """Raises if the budget ends before the method's final stage, for example before a growing network is fully grown.

        Args:
            images: Real images that the discriminator will see.

        Raises:
            RequestError: The budget is too small; the message says what would suffice.
        """

    @abstractmethod
    def optimizers(self) -> dict[str, Optimizer]:
        """Constructs one optimizer for each name with which :meth:`StepContext.minimize` is called."""

    @abstractmethod
    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        """Updates the discriminator."""

    @abstractmethod
    def generator_step(self, ctx: StepContext) -> Logs:
        """Updates the generator, or returns an empty mapping if it is not due in this step."""

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Generates examples from latents.

        Args:
            latents: (n, latent_dim).
            labels: (n,) or None.

        Returns:
            Images in [-1, 1], shape (n, channels, height, width), or points (n, dimensions).
        """
        examples: Tensor = self.generator(latents)
        return examples

    def generate_truncated(self, latents: Tensor, truncation: float, labels: Tensor | None = None) -> Tensor:
        """Generates examples with truncation, which trades diversity for fidelity, if the method defines one.

        Args:
            latents: (n, latent_dim).
            truncation: The method's own truncation parameter, above 0.
            labels: (n,) or None.

        Raises:
            RequestError: The method defines no truncation.
        """
        raise RequestError(f"{type(self).__name__} defines no truncation; leave it out, or take biggan or a StyleGAN")

    def discriminate(self, examples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits or critic values of examples: (n,), or (n / m,) if the discriminator takes m examples jointly."""
        values: Tensor = self.discriminator(examples)
        return values

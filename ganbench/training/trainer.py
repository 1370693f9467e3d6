"""How does one run move from one step to the next?"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganbench import seeding
from ganbench.data.dataset import Dataset
from ganbench.data.order import DataOrder
from ganbench.errors import RequestError
from ganbench.plan.spec import RunSpec
from ganbench.training.augmentation import AUGMENTATIONS
from ganbench.training.context import HarnessContext, Watch
from ganbench.training.ema import MovingAverage
from ganbench.training.schedules import SCHEDULES, ema_decay
from ganbench.training.variant import Batch, Variant


@dataclass(frozen=True, kw_only=True)
class Tick:
    """What happened since the last tick."""

    step: int
    images_seen: int
    images: int
    seconds: float
    """Training alone: evaluation and checkpoints are outside."""
    logs: dict[str, float]
    """Means over the tick's steps: the method's own scalars and gradient norms."""
    first_nonfinite_step: int
    """First step of the run whose loss or gradient was not finite, or -1."""
    nonfinite_updates: int


class Trainer:
    """A method in training: its networks, optimizers, moving average and counters.

    Args:
        variant: The method, on its device, freshly built.
        dataset: Real data; the training split is copied to the device.
        spec: The run.
        device: Where to train.
    """

    def __init__(self, variant: Variant, dataset: Dataset, spec: RunSpec, device: torch.device) -> None:
        self.variant = variant
        self.spec = spec
        self.device = device
        self.step = 0
        self.ema = MovingAverage(variant.generator)
        self.optimizers = variant.optimizers()
        self._examples = torch.from_numpy(dataset.train.examples).to(device)
        self._labels = None if dataset.train.labels is None else torch.from_numpy(dataset.train.labels).to(device)
        self._order = DataOrder(len(dataset.train), spec.seed)
        self._watch = Watch(device)
        self._context = HarnessContext(
            seed=spec.seed,
            device=device,
            batch_size=spec.training.batch_size,
            latent_dim=variant.config.latent_dim,
            class_shares=None if dataset.class_shares is None else torch.from_numpy(dataset.class_shares).float().to(device),
            optimizers=self.optimizers,
            augmentation=AUGMENTATIONS[spec.training.augmentation],
            watch=self._watch,
        )

    @staticmethod
    def check(spec: RunSpec, dataset: Dataset) -> None:
        """Refuses settings that do not fit the data.

        Raises:
            RequestError: One line that says what would fit.
        """
        training = spec.training
        if training.augmentation != "none" and not dataset.shape.is_image:
            raise RequestError(
                f"training.augmentation = {training.augmentation!r} works on images, and {dataset.name} holds points; use 'none'"
            )
        if training.batch_size > len(dataset.train):
            raise RequestError(
                f"training.batch_size = {training.batch_size:,} is more than the {len(dataset.train):,} training examples "
                f"of {dataset.name}; use at most that"
            )

    @property
    def images_seen(self) -> int:
        """Real images that the discriminator has seen."""
        return self.step * self.spec.training.batch_size

    def advance(self, steps: int) -> Tick:
        """Trains for some steps, then reads what they logged.

        Args:
            steps: Number of steps, at least 1.
        """
        start = time.perf_counter()
        for _ in range(steps):
            self._one_step()
        logs = self._watch.read()
        first, count = torch.stack([self._watch.first_nonfinite_step, self._watch.nonfinite_updates]).tolist()
        return Tick(
            step=self.step,
            images_seen=self.images_seen,
            images=steps * self.spec.training.batch_size,
            seconds=time.perf_counter() - start,
            logs=logs,
            first_nonfinite_step=first,
            nonfinite_updates=count,
        )

    def _one_step(self) -> None:
        training = self.spec.training
        factor = SCHEDULES[training.learning_rate_schedule](self.images_seen, self.spec.steps * training.batch_size)
        real = self._batch()
        self._context.begin(self.step, self.images_seen, factor, real)
        self.variant.train()  # every step, so that a method that changes a mode does not depend on the length of a tick
        with seeding.global_stream(self.spec.seed, "step", self.step, device=self.device):
            self._watch.add(self.variant.discriminator_step(real, self._context))
            self._watch.add(self.variant.generator_step(self._context))
        self.step += 1
        decay = ema_decay(self.images_seen, training.batch_size, training.ema_halflife_images, training.ema_rampup)
        self.ema.update(self.variant.generator, decay)

    def _batch(self) -> Batch:
        """The real examples of this step: a function of the seed and the step alone."""
        indices = self._order.indices(self.images_seen, self.spec.training.batch_size)
        if self.device.type == "cuda":
            indices = indices.pin_memory().to(self.device, non_blocking=True)  # a plain copy would wait for the device
        examples = self._examples[indices]
        if examples.dtype == torch.uint8:
            examples = examples.float() / 127.5 - 1
        return Batch(examples=examples, labels=None if self._labels is None else self._labels[indices])

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """Parameters and buffers: ``raw`` of the whole method, ``ema`` of the averaged generator."""
        return {"raw": dict(self.variant.state_dict()), "ema": dict(self.ema.module.state_dict())}

    def state(self) -> dict[str, Any]:
        """Everything else that the next step depends on: counters and optimizers. The streams need no state."""
        return {
            "step": self.step,
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "nonfinite_updates": self._watch.nonfinite_updates,
            "first_nonfinite_step": self._watch.first_nonfinite_step,
        }

    def restore(self, weights: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> None:
        """Puts a freshly built trainer where :meth:`weights` and :meth:`state` were taken."""
        self.variant.load_state_dict(weights["raw"])
        self.ema.module.load_state_dict(weights["ema"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.step = state["step"]
        self._watch.nonfinite_updates.copy_(state["nonfinite_updates"])
        self._watch.first_nonfinite_step.copy_(state["first_nonfinite_step"])

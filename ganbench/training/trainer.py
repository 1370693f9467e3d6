"""How does one run move from one step to the next?"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganbench.data.dataset import Dataset
from ganbench.data.order import DataOrder
from ganbench.distributed import ALONE, Ranks
from ganbench.errors import RequestError
from ganbench.plan.spec import RunSpec
from ganbench.precision import PRECISIONS
from ganbench.training.augmentation import AUGMENTATIONS
from ganbench.training.context import HarnessContext
from ganbench.training.draws import Draws
from ganbench.training.ema import MovingAverage
from ganbench.training.engines import ENGINES
from ganbench.training.plan import StepPlan, planned
from ganbench.training.update import Updates
from ganbench.training.variant import Batch, Variant
from ganbench.training.watch import Watch


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
        ranks: This process among those that train one run together, each on its part of every batch.

    Raises:
        RequestError: A batch cannot be shared evenly.
    """

    def __init__(self, variant: Variant, dataset: Dataset, spec: RunSpec, device: torch.device, ranks: Ranks = ALONE) -> None:
        size, multiple = spec.training.batch_size, ranks.size * variant.batch_multiple
        if ranks.size > 1 and size % multiple:
            raise RequestError(f"training.batch_size = {size}: {ranks.size} ranks take multiples of {multiple} examples together")
        self.variant = variant
        self.spec = spec
        self.device = device
        self.step = 0
        self.ema = MovingAverage(variant.generator)
        self.optimizers = variant.optimizers()
        self._examples = torch.from_numpy(dataset.train.examples).to(device)
        self._labels = None if dataset.train.labels is None else torch.from_numpy(dataset.train.labels).to(device)
        self._order = DataOrder(len(dataset.train), spec.seed)
        self._part = ranks.part(size)
        self._watch = Watch(device, ranks)
        shares = None if dataset.class_shares is None else torch.from_numpy(dataset.class_shares).float()
        self.context = HarnessContext(
            draws=Draws(seed=spec.seed, device=device, latent_dim=variant.config.latent_dim, class_shares=shares, ranks=ranks),
            updates=Updates(self.optimizers, self._watch, ranks),
            augmentation=AUGMENTATIONS[spec.training.augmentation],
            ranks=ranks,
        )
        self._engine = ENGINES["eager"](variant=variant, ema=self.ema, watch=self._watch, precision=PRECISIONS["exact"])

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
            self.one_step()
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

    def begin(self, step: int) -> HarnessContext:
        """Moves to a step, without carrying it out: what a method would see in it, real examples included."""
        plan = planned(self.spec.training, self.spec.steps, step)
        self.context.begin(plan, self._batch(plan))
        return self.context

    def one_step(self) -> None:
        """Carries out the next step, without reading anything from the device."""
        self._engine(self.begin(self.step))
        self.step += 1

    def _batch(self, plan: StepPlan) -> Batch:
        """The real examples of a step: a function of the seed and the step alone, of which a rank takes its part."""
        indices = self._order.indices(plan.images_seen, plan.batch_size)[self._part]
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

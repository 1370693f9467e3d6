"""How does a run execute its training steps, and what is its state?"""

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
from ganbench.spans import span
from ganbench.training.arithmetic import arithmetic
from ganbench.training.augmentation import AUGMENTATIONS
from ganbench.training.context import HarnessContext
from ganbench.training.draws import Draws
from ganbench.training.ema import MovingAverage
from ganbench.training.engines import REFERENCE, engine_class
from ganbench.training.movement import Movement
from ganbench.training.plan import StepPlan, planned
from ganbench.training.update import Updates
from ganbench.training.variant import Batch, Variant
from ganbench.training.watch import Watch


@dataclass(frozen=True, kw_only=True)
class Tick:
    """Statistics of the steps since the last tick."""

    step: int
    images_seen: int
    images: int
    seconds: float
    """Time of the training steps, without evaluation and checkpoints."""
    logs: dict[str, float]
    """Means over the tick's steps of the method's scalars, gradient norms and the spread of logits; norms of weights at its end."""
    first_nonfinite_step: int
    """First step of the run with a non-finite loss or gradient, or -1."""
    nonfinite_updates: int


class Trainer:
    """Trains a method: holds its networks, optimizers, EMA weights and counters.

    Args:
        variant: The newly constructed method, on its device.
        dataset: Real data; the training split is copied to the device.
        spec: The run's specification.
        device: Device for training.
        ranks: This process among those that train one run together, each on its part of every batch.
        engine: Name of the engine that executes the steps.
        health: Whether signals of the training's health are recorded; they do not change the weights.

    Raises:
        RequestError: There is no such engine, a batch cannot be divided evenly among the ranks, or the device does not have the precision.
    """

    def __init__(
        self,
        variant: Variant,
        dataset: Dataset,
        spec: RunSpec,
        device: torch.device,
        ranks: Ranks = ALONE,
        engine: str = REFERENCE,
        health: bool = True,
    ) -> None:
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
        self._watch = Watch(device, ranks, health)
        self._movement = Movement({"generator": variant.generator, "discriminator": variant.discriminator}) if health else None
        self._updates = Updates(self.optimizers, self._watch, ranks)
        shares = None if dataset.class_shares is None else torch.from_numpy(dataset.class_shares).float()
        self.context = HarnessContext(
            draws=Draws(seed=spec.seed, device=device, latent_dim=variant.config.latent_dim, class_shares=shares, ranks=ranks),
            updates=self._updates,
            augmentation=AUGMENTATIONS[spec.training.augmentation],
            ranks=ranks,
        )
        self.engine = engine
        self._engine = engine_class(engine)(
            variant=variant,
            ema=self.ema,
            watch=self._watch,
            optimizers=self.optimizers,
            precision=arithmetic(spec.training.precision, variant, device),
        )

    @staticmethod
    def check(spec: RunSpec, dataset: Dataset) -> None:
        """Checks the training settings against the data.

        Raises:
            RequestError: They do not match; the message says what would.
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
    def engine_reason(self) -> str:
        """Why the engine executes some steps as the reference does, although it promises more; empty if it does not."""
        return self._engine.reason

    @property
    def images_seen(self) -> int:
        """Real images seen by the discriminator."""
        return self.step * self.spec.training.batch_size

    def advance(self, steps: int) -> Tick:
        """Trains for some steps, then reads their logs from the device.

        Args:
            steps: Number of steps, at least 1.
        """
        start = time.perf_counter()
        if self._movement is not None:
            self._movement.begin()
        for _ in range(steps):
            self.one_step()
        logs = self._watch.read()
        if self._movement is not None:
            logs |= self._movement.read(self.ema.module)
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
        """Prepares the context of a step, including its real examples, without executing the step."""
        with span("data"):
            plan = planned(self.spec.training, self.spec.steps, step)
            self.context.begin(plan, self._batch(plan))
        return self.context

    def one_step(self) -> None:
        """Executes the next step, without waiting for the device."""
        self._engine(self.begin(self.step))
        self.step += 1

    def _batch(self, plan: StepPlan) -> Batch:
        """This rank's part of the real batch of a step, which depends only on the seed and the step."""
        indices = self._order.indices(plan.images_seen, plan.batch_size)[self._part]
        if self.device.type == "cuda":
            indices = indices.pin_memory().to(self.device, non_blocking=True)  # does not wait for the device
        examples = self._examples[indices]
        if examples.dtype == torch.uint8:
            examples = examples.float() / 127.5 - 1
        return Batch(examples=examples, labels=None if self._labels is None else self._labels[indices])

    def weights(self) -> dict[str, dict[str, Tensor]]:
        """Parameters and buffers: ``raw`` of the whole method, ``ema`` of the EMA generator."""
        return {"raw": dict(self.variant.state_dict()), "ema": dict(self.ema.module.state_dict())}

    def state(self) -> dict[str, Any]:
        """The rest of the training state: counters and optimizers; random streams need no state."""
        return {
            "step": self.step,
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "nonfinite_updates": self._watch.nonfinite_updates,
            "first_nonfinite_step": self._watch.first_nonfinite_step,
            "updated": [name for name, parameter in self._parameters().items() if parameter in self._updates.updated],
        }

    def restore(self, weights: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> None:
        """Restores a newly constructed trainer from :meth:`weights` and :meth:`state`."""
        self.variant.load_state_dict(weights["raw"])
        self.ema.module.load_state_dict(weights["ema"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.step = state["step"]
        self._watch.nonfinite_updates.copy_(state["nonfinite_updates"])
        self._watch.first_nonfinite_step.copy_(state["first_nonfinite_step"])
        parameters = self._parameters()
        self._updates.updated |= {parameters[name] for name in state.get("updated", parameters) if name in parameters}

    def never_updated(self) -> list[str]:
        """Networks none of whose parameters any update has reached, although they require gradients.

        Those are the parts of the method that hold all of its trained parameters ("generator"), or, within a generator or discriminator
        that was updated, its own parts ("generator.mapping"). Parameters outside both and outside every optimizer are the method's own
        affair: a frozen feature network, say.
        """
        optimized = {p for optimizer in self.optimizers.values() for group in optimizer.param_groups for p in group["params"]}
        trained: dict[str, list[Tensor]] = {}
        for name, parameter in self._parameters().items():
            if parameter in optimized or name.startswith(("generator.", "discriminator.")):
                for depth in (1, 2):
                    trained.setdefault(".".join(name.split(".")[:depth]), []).append(parameter)
        idle = [name for name, parameters in trained.items() if self._updates.updated.isdisjoint(parameters)]
        return [name for name in idle if name.rpartition(".")[0] not in idle]

    def _parameters(self) -> dict[str, Tensor]:
        """The parameters that require gradients, by name."""
        return {name: parameter for name, parameter in self.variant.named_parameters() if parameter.requires_grad}

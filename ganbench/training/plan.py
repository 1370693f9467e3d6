"""Which numbers change from step to step?

A plan is computed on the host from the step's number alone. It contains every number that changes from step to step and
is not a tensor, so that an engine that records a step and replays it knows what to update.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from ganbench.plan.spec import TrainingSpec
from ganbench.training.schedules import SCHEDULES, ema_decay


@dataclass(frozen=True, kw_only=True)
class StepPlan:
    """The host-side numbers of one step."""

    step: int
    """Number of steps finished before this one."""
    images_seen: int
    """Real images seen by the discriminator before this step, over all ranks."""
    batch_size: int
    """Real images in this step's batch, over all ranks."""
    learning_rate_factor: float | Tensor
    """Factor of every learning rate. The numbers of a step that is recorded are tensors () on the device, set before every replay."""
    ema_decay: float | Tensor
    """Decay of the EMA weights."""

    @property
    def step_images(self) -> int:
        """See :class:`~ganbench.training.variant.Counters`."""
        return self.batch_size

    @property
    def number(self) -> int | Tensor:
        """The step's number, for the records."""
        return self.step

    def every(self, n: int) -> bool:
        """True in one step out of n, the last of each group of n."""
        return self.step % n == n - 1

    def kind(self, periods: Iterable[int]) -> frozenset[int]:
        """The periods that end in this step. Steps of one kind execute the same operations, if these depend only on :meth:`every`."""
        return frozenset(n for n in periods if self.every(n))


def planned(training: TrainingSpec, steps: int, step: int) -> StepPlan:
    """The plan of one step.

    Args:
        training: Training settings of the run.
        steps: Number of steps of the whole run.
        step: Number of the step, from 0.
    """
    size = training.batch_size
    return StepPlan(
        step=step,
        images_seen=step * size,
        batch_size=size,
        learning_rate_factor=SCHEDULES[training.learning_rate_schedule](step * size, steps * size),
        ema_decay=ema_decay((step + 1) * size, size, training.ema_halflife_images, training.ema_rampup),
    )

"""What is due in a step?

A plan is made on the host from the number of the step alone. Every number that changes from step to step and that is no
tensor stands in it, so that an engine that records a step once and replays it knows what it must bring up to date.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ganbench.plan.spec import TrainingSpec
from ganbench.training.schedules import SCHEDULES, ema_decay


@dataclass(frozen=True, kw_only=True)
class StepPlan:
    """One step, before it is carried out."""

    step: int
    """Steps finished before this one."""
    images_seen: int
    """Real images that the discriminator saw before this step, on all ranks."""
    batch_size: int
    """Real images that it sees in this step, on all ranks."""
    learning_rate_factor: float
    """What every learning rate is multiplied by."""
    ema_decay: float
    """Weight that the generator's moving average keeps."""

    def every(self, n: int) -> bool:
        """True in one step out of n, the last of each group."""
        return self.step % n == n - 1

    def kind(self, periods: Iterable[int]) -> frozenset[int]:
        """Which of the periods end in this step. Steps of one kind do the same operations, if nothing but :meth:`every` decides."""
        return frozenset(n for n in periods if self.every(n))


def planned(training: TrainingSpec, steps: int, step: int) -> StepPlan:
    """The plan of one step.

    Args:
        training: How the run trains.
        steps: Of the whole run.
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

"""How does the harness implement the context that a training step uses?"""

from typing import Any

from torch import Tensor

from ganbench.distributed import ALONE, Ranks
from ganbench.spans import span
from ganbench.training.augmentation import Augmentation
from ganbench.training.draws import Draws
from ganbench.training.plan import StepPlan
from ganbench.training.update import Updates
from ganbench.training.variant import Batch


class HarnessContext:
    """The implementation of :class:`~ganbench.training.variant.StepContext`.

    Args:
        draws: Source of random tensors.
        updates: The optimizers that :meth:`minimize` updates.
        augmentation: The augmentation that :meth:`augment` applies.
        ranks: This process among those that train together.
    """

    plan: StepPlan
    """The plan of the current step."""

    def __init__(self, *, draws: Draws, updates: Updates, augmentation: Augmentation, ranks: Ranks = ALONE) -> None:
        self.draws = draws
        self.latents, self.labels, self.mean = draws.latents, draws.labels, ranks.mean
        self._updates = updates
        self._augmentation = augmentation
        self.asked: set[int] = set()
        """Every n with which :meth:`every` was called: the periods that distinguish kinds of steps."""

    def begin(self, plan: StepPlan, real: Batch) -> None:
        """Sets counters, streams, learning rates and real examples for a step."""
        self.plan, self.real = plan, real
        self.step, self.images_seen, self.step_images = plan.step, plan.images_seen, plan.batch_size
        self.batch_size = len(real.examples)
        self.draws.begin(plan.step)
        self._updates.begin(plan)

    def augment(self, examples: Tensor) -> Tensor:
        """See :class:`~ganbench.training.variant.StepContext`."""
        with span("augmentation"):
            size = examples.shape[1:]  # the closure lives until the next step and must not keep the examples in memory
            numbers = self.draws.draw("augment", len(examples), lambda n, stream: self._augmentation.numbers(n, size, stream))
            return self._augmentation.applied(examples, numbers)

    def every(self, n: int) -> bool:
        """See :class:`~ganbench.training.variant.StepContext`."""
        self.asked.add(n)
        return self.plan.every(n)

    def minimize(self, name: str, loss: Tensor, **options: Any) -> None:
        """See :class:`~ganbench.training.variant.StepContext`."""
        self._updates.minimize(self.plan, name, loss, **options)

    def restart(self, name: str) -> None:
        """See :class:`~ganbench.training.variant.StepContext`."""
        self._updates.restart(name)

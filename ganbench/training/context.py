"""How does the harness implement the context that a training step uses?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor

from ganbench.distributed import ALONE, Ranks
from ganbench.errors import RequestError
from ganbench.spans import span
from ganbench.training.augmentation import Augmentation
from ganbench.training.draws import Draws
from ganbench.training.plan import StepPlan
from ganbench.training.update import Updates
from ganbench.training.variant import Batch, Counters

T = TypeVar("T")


MOST_SCHEDULES = 64
"""Number of functions that a method may hand to ``ctx.scheduled``: far more than any has."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Steps of one kind execute the same operations."""

    periods: frozenset[int]
    """All periods that the method has asked for."""
    due: frozenset[int]
    """Those that end in this step."""
    schedules: int
    """Number of the method's schedules."""
    scheduled: tuple[Any, ...]
    """Their values."""


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
        self.schedules: dict[Callable[[Counters], Any], None] = {}
        """Every function with which :meth:`scheduled` was called, in order: their values distinguish kinds of steps too."""
        self.read: set[str] = set()
        """The counters that the current step has read itself."""

    def begin(self, plan: StepPlan, real: Batch) -> None:
        """Sets counters, streams, learning rates and real examples for a step."""
        self.real, self.step_images, self.batch_size = real, plan.step_images, len(real.examples)
        self.read.clear()
        self.draws.begin(plan.step)
        self.follow(plan)

    def follow(self, plan: StepPlan) -> None:
        """Replaces the current step's plan by one with the same or other numbers, and sets the learning rates."""
        self.plan = plan
        self._updates.begin(plan)

    @property
    def step(self) -> int:
        """See :class:`~ganbench.training.variant.Counters`."""
        self.read.add("step")
        return self.plan.step

    @property
    def images_seen(self) -> int:
        """See :class:`~ganbench.training.variant.Counters`."""
        self.read.add("images_seen")
        return self.plan.images_seen

    def kind(self) -> Kind:
        """What tells the current step from others, as far as the method has asked until now."""
        values = tuple(number(self.plan) for number in self.schedules)
        return Kind(periods=frozenset(self.asked), due=self.plan.kind(self.asked), schedules=len(self.schedules), scheduled=values)

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

    def scheduled(self, number: Callable[[Counters], T]) -> T:
        """See :class:`~ganbench.training.variant.StepContext`.

        Raises:
            RequestError: The method hands over a new function in every step.
        """
        self.schedules[number] = None
        if len(self.schedules) > MOST_SCHEDULES:
            raise RequestError(f"ctx.scheduled was called with {len(self.schedules)} functions; pass the same one in every step")
        return number(self.plan)

    def counter(self) -> Tensor:
        """See :class:`~ganbench.training.variant.StepContext`."""
        return self.draws.counted(self.plan.step_images)

    def minimize(self, name: str, loss: Tensor, **options: Any) -> None:
        """See :class:`~ganbench.training.variant.StepContext`."""
        self._updates.minimize(self.plan, name, loss, **options)

    def restart(self, name: str) -> None:
        """See :class:`~ganbench.training.variant.StepContext`."""
        self._updates.restart(name)

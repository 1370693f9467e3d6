"""How is a step executed, one operation after another?"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ganbench.training.context import HarnessContext
from ganbench.training.ema import MovingAverage
from ganbench.training.variant import Variant
from ganbench.training.watch import Watch


@dataclass(frozen=True, kw_only=True)
class Eager:
    """Executes a step as its method wrote it."""

    variant: Variant
    ema: MovingAverage
    watch: Watch
    """Where the method's scalars go."""
    precision: Callable[[], AbstractContextManager[None]]
    """Number formats of the updates; what comes between steps does not see them."""

    def __call__(self, context: HarnessContext) -> None:
        """See :class:`~ganbench.training.engines.Engine`."""
        self.variant.train()  # every step, so that a method that changes a mode does not depend on the length of a tick
        with self.precision(), context.draws.noise():
            self.watch.add(self.variant.discriminator_step(context.real, context))
            self.watch.add(self.variant.generator_step(context))
        self.ema.update(self.variant.generator, context.plan.ema_decay)

"""How is a training step executed in eager mode?"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from torch.optim import Optimizer

from ganbench.spans import span
from ganbench.training.context import HarnessContext
from ganbench.training.ema import MovingAverage
from ganbench.training.variant import Variant
from ganbench.training.watch import Watch


@dataclass(frozen=True, kw_only=True)
class Eager:
    """Executes a step in PyTorch's eager mode."""

    variant: Variant
    ema: MovingAverage
    watch: Watch
    """Records the method's scalars."""
    optimizers: Mapping[str, Optimizer]
    """The optimizers that the context updates."""
    precision: Callable[[], AbstractContextManager[None]]
    """Context that sets the arithmetic of the updates; it does not affect code between steps."""

    @property
    def reason(self) -> str:
        """See :class:`~ganbench.training.engines.Engine`."""
        return ""

    def __call__(self, context: HarnessContext) -> None:
        """See :class:`~ganbench.training.engines.Engine`."""
        self.variant.train()  # in every step, because a method may change the mode of its modules
        with context.draws.noise():
            self.operations(context)

    def operations(self, context: HarnessContext) -> None:
        """What a step does on the device."""
        with self.precision():
            with span("discriminator"):
                logs = self.variant.discriminator_step(context.real, context)
            with span("records"):
                self.watch.add(logs)
            with span("generator"):
                logs = self.variant.generator_step(context)
            with span("records"):
                self.watch.add(logs)
        with span("ema"):
            self.ema.update(self.variant.generator, context.plan.ema_decay)

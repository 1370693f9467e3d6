"""Which engines can execute a training step?"""

from collections.abc import Callable
from typing import Protocol

from ganbench.training.context import HarnessContext
from ganbench.training.engines.eager import Eager


class Engine(Protocol):
    """Executes the steps of one run, in order."""

    def __call__(self, context: HarnessContext) -> None:
        """Executes the context's current step: updates of both networks, then of the EMA weights."""


ENGINES: dict[str, Callable[..., Engine]] = {"eager": Eager}
"""Engines by name; all are constructed with the fields of :class:`~ganbench.training.engines.eager.Eager`."""

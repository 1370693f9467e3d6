"""How is a step executed?"""

from collections.abc import Callable
from typing import Protocol

from ganbench.training.context import HarnessContext
from ganbench.training.engines.eager import Eager


class Engine(Protocol):
    """Executes steps of one run, in order."""

    def __call__(self, context: HarnessContext) -> None:
        """Carries out the step that the context was moved to: both networks' updates, then the moving average."""


ENGINES: dict[str, Callable[..., Engine]] = {"eager": Eager}
"""Engines by name; each takes the fields of :class:`~ganbench.training.engines.eager.Eager`."""

"""Which part of a training step is running? (names that a stopwatch listens to; they cost nothing while none does)"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

PHASES = ("data", "discriminator", "generator", "regularisers", "augmentation", "optimizers", "ema", "records")
"""The parts of a step. Regularisers: penalties and their slopes; second derivatives are taken where the network's loss is differentiated.
Records: gradient norms, losses and counters of non-finite values."""


class Listener(Protocol):
    """Is told when parts begin and end; parts may lie within parts."""

    def span(self, name: str) -> AbstractContextManager[None]:
        """A context for the duration of a part."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_NOTHING = nullcontext()


def span(name: str) -> AbstractContextManager[None]:
    """A context that marks its block as a part of a step.

    Args:
        name: One of :data:`PHASES`.
    """
    listener = _listener.get()
    return _NOTHING if listener is None else listener.span(name)


def heard_by_any() -> bool:
    """Whether anyone listens: a step that is replayed as a whole has no parts, and must then be executed operation by operation."""
    return _listener.get() is not None


@contextmanager
def heard(listener: Listener) -> Iterator[None]:
    """Lets a listener hear of the parts within the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)

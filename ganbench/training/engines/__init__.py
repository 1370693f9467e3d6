"""Which engines can execute a training step? (the only place that knows all of them)"""

from collections.abc import Callable
from typing import Protocol

from ganbench.errors import UnknownName
from ganbench.training.context import HarnessContext
from ganbench.training.engines.channels_last import ChannelsLast
from ganbench.training.engines.eager import Eager
from ganbench.training.engines.graph import Graph
from ganbench.training.engines.graph_channels_last import GraphChannelsLast

REFERENCE = "eager"
"""The engine whose bits the others are held against."""


class Engine(Protocol):
    """Executes the steps of one run, in order."""

    @property
    def reason(self) -> str:
        """Why some steps are executed as the reference does, although the engine promises more; empty if none is."""

    def __call__(self, context: HarnessContext) -> None:
        """Executes the context's current step: updates of both networks, then of the EMA weights."""


ENGINES: dict[str, Callable[..., Engine]] = {
    REFERENCE: Eager,
    "channels-last": ChannelsLast,
    "graph": Graph,
    "graph-channels-last": GraphChannelsLast,
}
"""Engines by name; all are constructed with the fields of :class:`~ganbench.training.engines.eager.Eager`."""


def engine_class(name: str) -> Callable[..., Engine]:
    """The class of an engine.

    Raises:
        UnknownName: There is no engine of that name.
    """
    if name not in ENGINES:
        raise UnknownName("engine", name, ENGINES)
    return ENGINES[name]

"""Which sinks does a user ask for, and where? (``tensorboard,wandb=my-project,own.py:MySink``)"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganbench.errors import RequestError
from ganbench.packages import check_package
from ganbench.registry import SINKS
from ganbench.sinks.base import LoggedRun, Sink


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A kind of sink, and where it writes."""

    name: str
    """As the user wrote it."""
    kind: type[Sink]
    place: str
    """In the sink's own terms; empty for its default."""

    @property
    def asked(self) -> str:
        """How the user asks for it."""
        return f"{self.name}={self.place}" if self.place else self.name

    def open(self, run: LoggedRun, out: Path) -> Sink:
        """Opens a sink for one run."""
        return self.kind(run, self.place, out)


def chosen(text: str) -> Sequence[Chosen]:
    """The sinks that a user asks for.

    Args:
        text: Comma-separated, ``NAME`` or ``NAME=PLACE``: registered names, or ``path/to/file.py:Class``, which is imported.

    Raises:
        UnknownName: There is no sink of this name.
        RequestError: One is named twice, is no sink, or its package is missing.
    """
    found: dict[str, Chosen] = {}
    for part in text.split(","):
        name, _, place = part.strip().partition("=")
        if name in found:
            raise RequestError(f"{text}: names the sink {name!r} twice; once is enough")
        kind = SINKS.load(name)
        if not (isinstance(kind, type) and issubclass(kind, Sink)):
            raise RequestError(f"{name}: is no ganbench.sinks.base.Sink; let the class inherit it, and define write and close")
        if kind.package:
            check_package(kind.package, name, f"the sink {name}")
        found[name] = Chosen(name=name, kind=kind, place=place)
    return list(found.values())

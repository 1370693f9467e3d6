"""What is a sink? (it receives what the events of one run say, live or from a finished run, and passes it on)"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

Setting = bool | int | float | str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What one event says."""

    images_seen: int
    """The step: real images that the discriminator had seen."""
    event: Mapping[str, Any]
    """The event itself, a line of ``events.jsonl``."""
    scalars: Mapping[str, float] = field(default_factory=dict)
    """Finite numbers, by tags as ``score/fd@digits-probe/ema``."""
    texts: tuple[tuple[str, str], ...] = ()
    """Tags with text, in which nothing controls a terminal; it is no markup."""
    images: Mapping[str, Path] = field(default_factory=dict)
    """PNG files, by tags."""


@dataclass(frozen=True, kw_only=True)
class LoggedRun:
    """The run that a sink is opened for."""

    name: str
    """Name of the run's folder, unique among all runs."""
    run_id: str
    settings: Mapping[str, Setting]
    """Method, data set, seed and all hyper-parameters, flat."""
    measures: tuple[str, ...]
    """Tags of the scores by which runs are compared, of the EMA weights."""


class Sink(ABC):
    """Receives the entries of one run, in order and from one thread.

    Whether a run is followed live, resumed or replayed, a sink sees its entries from the first on. It may see some of them again, and then
    replaces or leaves out what an earlier sink of the same run wrote. What it raises ends it and disturbs no training.

    >>> class Shown(Sink):
    ...     def __init__(self, run, place, out):
    ...         self.seen = []
    ...     def write(self, entry):
    ...         self.seen += entry.scalars.items()
    ...     def close(self, status):
    ...         print(status, self.seen)
    >>> sink = Shown(LoggedRun(name="gan-ring8-s0", run_id="0123", settings={}, measures=()), "", Path("runs"))
    >>> sink.write(Entry(images_seen=64, event={"kind": "tick"}, scalars={"loss/generator": 0.5}))
    >>> sink.close("done")
    done [('loss/generator', 0.5)]

    Args:
        run: The run.
        place: Where the user wants it, in the sink's own terms; empty for its default.
        out: Folder of the results, below which a default place may be.
    """

    package: ClassVar[str] = ""
    """Module that it needs, which the extra of the sink's name installs; empty if it needs none."""

    @classmethod
    def remark(cls) -> str:
        """What the user should know before anything is sent ("there is no API key ..."); empty if there is nothing."""
        return ""

    @abstractmethod
    def __init__(self, run: LoggedRun, place: str, out: Path) -> None: ...

    @abstractmethod
    def write(self, entry: Entry) -> None:
        """Passes an entry on."""

    @abstractmethod
    def close(self, status: str) -> None:
        """Ends the run: "done", "diverged", "failed", "interrupted", "skipped", or "elsewhere" if another process goes on with it."""

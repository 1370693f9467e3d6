"""How do runs that are being trained reach sinks? (from this process, in a thread of its own: no worker knows of it, none waits for it)"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Self

from ganbench.execution.reporter import Reporter
from ganbench.plan.spec import RunSpec
from ganbench.results.folders import run_folder
from ganbench.results.record import Record
from ganbench.sinks.base import Sink
from ganbench.sinks.choosing import Chosen
from ganbench.sinks.mapping import Translator, described
from ganbench.sinks.replaying import reason

PATIENCE_S = 30.0
"""How long the end of a matrix waits for what is still to be sent."""


class LiveSinks(Reporter):
    """Passes the events of a matrix to sinks, and to another reporter.

    A sink that fails gets nothing more: one line says so, and how to send the rest later.

    Args:
        inner: The other reporter.
        sinks: Where to.
        out: Folder of the matrix.
        warn: Prints a line.
    """

    def __init__(self, inner: Reporter, sinks: Sequence[Chosen], out: Path, warn: Callable[[str], None]) -> None:
        self.inner, self.out, self.warn = inner, out, warn
        self._sinks = list(sinks)
        self._open: dict[tuple[str, str], Sink] = {}
        """By sink and run."""
        self._translators: dict[str, Translator] = {}
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="sinks", daemon=True)

    def __enter__(self) -> Self:
        self.inner.__enter__()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._tasks.put(None)
        self._thread.join(PATIENCE_S)
        self.inner.__exit__(kind, error, trace)
        if self._thread.is_alive():
            names = ", ".join(sink.name for sink in self._sinks)
            self.warn(f"log: {names} did not take everything within {PATIENCE_S:.0f} s; {self._later(self._sinks)}")

    def started(self, spec: RunSpec) -> None:
        """See :class:`Reporter`."""
        self.inner.started(spec)
        self._tasks.put(lambda: self._start(spec))

    def event(self, spec: RunSpec, event: Mapping[str, Any]) -> None:
        """See :class:`Reporter`."""
        self.inner.event(spec, event)
        self._tasks.put(lambda: self._write(spec, event))

    def finished(self, spec: RunSpec, record: Record | None, detail: str) -> None:
        """See :class:`Reporter`."""
        self.inner.finished(spec, record, detail)
        self._tasks.put(lambda: self._close(spec, record.status if record else "elsewhere"))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
        for spec_name in {run for _, run in self._open}:  # of runs that Ctrl-C stopped
            self._each(spec_name, lambda sink: sink.close("interrupted"))

    def _start(self, spec: RunSpec) -> None:
        self._translators[spec.slug] = Translator(run_folder(self.out, spec))
        for chosen in list(self._sinks):
            self._try(chosen, lambda chosen=chosen: self._open.update({(chosen.name, spec.slug): chosen.open(described(spec), self.out)}))  # type: ignore[misc]

    def _write(self, spec: RunSpec, event: Mapping[str, Any]) -> None:
        entry = self._translators[spec.slug](event)
        self._each(spec.slug, lambda sink: sink.write(entry))

    def _close(self, spec: RunSpec, status: str) -> None:
        self._each(spec.slug, lambda sink: sink.close(status))
        for chosen in self._sinks:
            self._open.pop((chosen.name, spec.slug), None)

    def _each(self, run: str, what: Callable[[Sink], None]) -> None:
        """Does something with every open sink of a run."""
        for chosen in list(self._sinks):
            if (sink := self._open.get((chosen.name, run))) is not None:
                self._try(chosen, lambda sink=sink: what(sink))  # type: ignore[misc]

    def _try(self, chosen: Chosen, what: Callable[[], None]) -> None:
        try:
            what()
        except (Exception, SystemExit) as error:  # a sink's package raises what it likes, and no training ends for it
            self._sinks.remove(chosen)
            self.warn(f"log: {chosen.name} failed ({reason(error)}) and gets nothing more; {self._later([chosen])}")

    def _later(self, sinks: Sequence[Chosen]) -> str:
        return f"later: ganbench replay {self.out} --to {','.join(sink.asked for sink in sinks)}"

"""How long does the device take? (measured without waiting for it in between)"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch


class Stopwatch:
    """Measures how long named parts take on a device, each without the parts within it.

    On a GPU every border of a part is an event in its queue, so that nothing waits; time in which the GPU waits for the program counts to
    the part in which it waits. On a CPU the clock of the program is read.

    Args:
        device: Device on which the parts run.

    >>> watch = Stopwatch(torch.device("cpu"))
    >>> with watch.span("outer"):
    ...     with watch.span("inner"):
    ...         time.sleep(0.01)
    >>> found = watch.seconds()
    >>> sorted(found), found["inner"] > 0.01 > found["outer"]
    (['inner', 'outer'], True)
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._open: list[str] = []
        self._marks: list[tuple[str, torch.cuda.Event | float]] = []

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Counts the block's time to a part."""
        self._open.append(name)
        self._mark(name)
        try:
            yield
        finally:
            self._open.pop()
            self._mark(self._open[-1] if self._open else "")

    def seconds(self) -> dict[str, float]:
        """Seconds of every part; time outside of all parts is not in it. Waits for the device once."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        found: dict[str, float] = {}
        for (name, start), (_, end) in zip(self._marks, self._marks[1:], strict=False):
            if name:
                found[name] = found.get(name, 0.0) + _between(start, end)
        return found

    def _mark(self, name: str) -> None:
        """From here on, time counts to this part."""
        self._marks.append((name, moment(self._device)))


def moment(device: torch.device) -> "torch.cuda.Event | float":
    """A moment in the device's queue, or on the program's clock for a CPU."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(device))
    return event


def seconds_of(call: Callable[[], object], device: torch.device) -> float:
    """Seconds that a call takes on a device, from the beginning of its first operation to the end of its last; waits once, at the end."""
    start = moment(device)
    call()
    end = moment(device)
    if isinstance(end, torch.cuda.Event):
        end.synchronize()
    return _between(start, end)


def _between(start: "torch.cuda.Event | float", end: "torch.cuda.Event | float") -> float:
    if isinstance(start, torch.cuda.Event) and isinstance(end, torch.cuda.Event):
        return float(start.elapsed_time(end)) / 1e3
    assert isinstance(start, float) and isinstance(end, float)
    return end - start

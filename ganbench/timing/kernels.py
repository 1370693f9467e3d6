"""What does a GPU do during a call? (kernels and idle time, from torch's profiler)"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """The kernels, copies and fills of one call."""

    count: int
    busy_s: float
    """Seconds in which at least one of them ran."""
    idle_share: float
    """Share of the time between the begin of the first and the end of the last in which none ran. The profiler slows the program that
    starts them, not the kernels, so this is an upper bound."""
    slowest: tuple[tuple[str, int, float], ...]
    """Name, number and seconds together of those that took longest."""


def kernels(call: Callable[[], object], device: torch.device, shown: int = 12) -> Kernels | None:
    """Kernels of one call; None on a CPU.

    Args:
        call: What is called once; it was called before.
        device: Device on which it runs.
        shown: Number of the slowest kernels to name.
    """
    if device.type != "cuda":
        return None
    from torch.profiler import ProfilerActivity, profile

    torch.cuda.synchronize(device)
    with profile(activities=[ProfilerActivity.CUDA]) as found:
        call()
        torch.cuda.synchronize(device)
    spans: list[tuple[float, float]] = []
    by_name: dict[str, tuple[int, float]] = {}
    for event in found.events():
        if event.device_type != torch.autograd.DeviceType.CUDA:  # type: ignore[attr-defined]
            continue
        start, end = event.time_range.start, event.time_range.end
        spans.append((start, end))
        count, seconds = by_name.get(event.name, (0, 0.0))
        by_name[event.name] = count + 1, seconds + (end - start) / 1e6
    if not spans:
        return None
    whole, busy = max(end for _, end in spans) - min(start for start, _ in spans), covered(spans)
    slowest = sorted(((name, count, seconds) for name, (count, seconds) in by_name.items()), key=lambda one: -one[2])
    return Kernels(count=len(spans), busy_s=busy / 1e6, idle_share=1 - busy / whole if whole else 0.0, slowest=tuple(slowest[:shown]))


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """Length that intervals cover together.

    >>> covered([(0, 2), (1, 3), (5, 6)])
    4.0
    """
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total

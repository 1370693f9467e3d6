"""How are calls timed fairly? (warmed up until their times are stable, then repeated in turn)"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ganbench.timing.stopwatch import seconds_of

STABLE = 0.1
"""The warm-up ends when two calls in a row take equally long within this share."""
FEWEST, MOST = 5, 50
"""Numbers of repetitions, however long they take."""
LONGEST_WARM_UP = 3
"""A warm-up that is not stable ends after so many times the time that is set for repetitions."""
SHORTEST_S = 0.05
"""Calls are repeated within a repetition until it takes this long, so that the clock and what begins a call do not count."""


@dataclass(frozen=True, kw_only=True)
class Repetitions:
    """The times of one call."""

    seconds: tuple[float, ...]
    """Seconds a call, of every repetition."""
    stable: bool
    """Whether the warm-up ended because times were stable."""


def repeated(calls: Sequence[Callable[[], object]], device: torch.device, seconds: float) -> list[Repetitions]:
    """Times calls in turn: one repetition of each, then the next of each, so that what else the machine does falls on all alike.

    Args:
        calls: What is timed.
        device: Device on which it runs.
        seconds: About how long each call is repeated; at least :data:`FEWEST` repetitions are made, at most :data:`MOST`.
    """
    warm = [_warmed_up(call, device, seconds) for call in calls]
    within = [max(1, math.ceil(SHORTEST_S / taken)) for taken, _ in warm]
    rounds = [min(MOST, max(FEWEST, round(seconds / (n * taken)))) for n, (taken, _) in zip(within, warm, strict=True)]
    found: list[list[float]] = [[] for _ in calls]
    for turn in range(max(rounds)):
        for call, n, last, taken in zip(calls, within, rounds, found, strict=True):
            if turn < last:
                taken.append(seconds_of(lambda call=call, n=n: [call() for _ in range(n)], device) / n)  # type: ignore[misc]
    return [Repetitions(seconds=tuple(taken), stable=stable) for taken, (_, stable) in zip(found, warm, strict=True)]


def _warmed_up(call: Callable[[], object], device: torch.device, seconds: float) -> tuple[float, bool]:
    """Calls until two times in a row are alike, and says the last one: allocation, compilation and the choice of kernels come first."""
    spent, before = 0.0, math.inf
    while True:
        taken = max(seconds_of(call, device), 1e-9)
        spent += taken
        if abs(taken - before) <= STABLE * taken:
            return taken, True
        if before < math.inf and spent > LONGEST_WARM_UP * seconds:
            return taken, False
        before = taken

"""Is one timing faster than another, beyond what repetitions differ by anyway?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ganbench.results.timing_record import TimingRecord

LEAST = 0.10
"""Smallest change that counts: what else a machine does moves the same program by some per cent from one run to the next, which the
repetitions within one run do not show."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A timing against an earlier one."""

    verdict: str
    """"faster", "slower", "no change beyond noise" or "not comparable"."""
    ratio: float | None
    """Rate now by rate before; None if they are not comparable."""
    threshold: float | None
    """Share by which the rate must have changed to count."""
    differs: tuple[str, ...] = ()
    """Settings that differ, as "threads: 1, now 2"."""


def change(before: TimingRecord, now: TimingRecord) -> Change:
    """Compares two timings of the same subject.

    A change counts where it exceeds :data:`LEAST` and twice the median absolute deviation of the repetitions of either timing.
    """
    if differs := unlike(before.setting, now.setting):
        return Change(verdict="not comparable", ratio=None, threshold=None, differs=differs)
    ratio = now.rate.median / before.rate.median
    threshold = max(LEAST, 2 * _spread(before.seconds), 2 * _spread(now.seconds))
    verdict = "faster" if ratio > 1 + threshold else "slower" if ratio < 1 / (1 + threshold) else "no change beyond noise"
    return Change(verdict=verdict, ratio=ratio, threshold=threshold)


def counterpart(record: TimingRecord, earlier: Sequence[TimingRecord]) -> TimingRecord | None:
    """The earlier timing of the same subject whose settings differ least; None if none is of that subject."""
    same = [one for one in earlier if (one.task, one.subject) == (record.task, record.subject)]
    return min(same, key=lambda one: len(unlike(one.setting, record.setting)), default=None)


def unlike(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys in which two mappings differ, with both values."""
    keys = dict.fromkeys([*before, *now])
    return tuple(f"{key}: {before.get(key)}, now {now.get(key)}" for key in keys if before.get(key) != now.get(key))


def _spread(seconds: Sequence[float]) -> float:
    """Median absolute deviation from the median, as a share of the median."""
    middle = median(seconds)
    return median(abs(one - middle) for one in seconds) / middle

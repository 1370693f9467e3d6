"""Where on a chart does a value lie, and which values are marked on its axis?"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDE = 10.0
"""Ratio of the largest to the smallest value from which an axis of positive values is logarithmic."""
MOST = 1e150
"""Values beyond it are drawn at the edge: the differences of larger ones overflow."""
TICKS = 5
"""About as many values are marked on an axis."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a chart."""

    label: str = ""
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    names: Sequence[str] = ()
    """Names of the places 0, 1, ... of an axis of categories; empty for an axis of numbers."""

    def share(self, value: float) -> float:
        """Where a value lies between the ends of the axis, from 0 to 1; values outside lie on the nearer end."""
        if self.log:
            place = (math.log(max(value, 1e-300)) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            place = (value - self.low) / (self.high - self.low)
        return min(max(place, 0.0), 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        """Values to mark, with what is written beside them."""
        if self.names:
            return [(float(place), name) for place, name in enumerate(self.names)]
        if self.log:
            return [(value, short(value)) for value in _log_ticks(self.low, self.high)]
        return [(value, short(value)) for value in _ticks(self.low, self.high)]


def fitted(label: str, values: Iterable[float], *, log: bool | None = None, zero: bool = False) -> Axis:
    """An axis on which all finite values have room.

    Args:
        label: What is written at the axis.
        values: The values; without any, the axis goes from 0 to 1.
        log: Whether it is logarithmic; None decides by the values, which must then be positive and span a decade.
        zero: Whether 0 is on the axis, as for counts.
    """
    finite = [value for value in values if abs(value) <= MOST]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if log or (log is None and low > 0 and high > WIDE * low):
        low, high = max(low, 1e-12), max(high, 1e-12)
        room = (high / low) ** 0.06 if high > low else 2.0
        return Axis(label=label, low=low / room, high=high * room, log=True)
    low = min(low, 0.0) if zero else low
    room = 0.06 * (high - low) or 0.5 * abs(high) or 1.0  # also where the shares of the smallest floats are 0
    return Axis(label=label, low=low if zero and low == 0 else low - room, high=high + room)


def categories(names: Sequence[str], label: str = "") -> Axis:
    """An axis with a place for every name."""
    return Axis(label=label, low=-0.5, high=len(names) - 0.5, names=names)


def short(value: float) -> str:
    """A number in few letters: 48,000 is 48k.

    >>> short(48_000), short(0.25), short(2.5e-5), short(1_500_000)
    ('48k', '0.25', '2.5e-05', '1.5M')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}" if value / size == round(value / size, 3) else f"{value / size:.3g}{letter}"
    return f"{value + 0.0:.4g}"


def _ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten."""
    step = 10.0 ** math.floor(math.log10((high - low) / TICKS))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if (high - low) / (step * factor) <= TICKS)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, and 2 and 5 times them where there would be fewer than three."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        found = [factor * 10.0**exponent for exponent in exponents for factor in factors if low <= factor * 10.0**exponent <= high]
        if len(found) >= 3:
            every = -(-len(found) // (TICKS + 1))
            return found[::every]
    return found or [low, high]

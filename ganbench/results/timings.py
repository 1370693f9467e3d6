"""How are repeated timings summarised?"""

from collections.abc import Sequence
from statistics import median, quantiles

from ganbench.results.record import Throughput


def throughput(rates: Sequence[float]) -> Throughput | None:
    """Median, 5th and 95th percentile of repeated measurements, in images per second; None if there are none."""
    if not rates:
        return None
    twentieths = quantiles(rates, n=20, method="inclusive") if len(rates) > 1 else [rates[0]] * 19
    return Throughput(median=median(rates), p5=twentieths[0], p95=twentieths[-1], measurements=len(rates))


def training_rate(ticks: Sequence[tuple[int, float]]) -> Throughput | None:
    """Training speed.

    Args:
        ticks: (images, seconds) of every tick after the warm-up, in any order.

    Returns:
        Median, 5th and 95th percentile over ticks, in images per second; None if there are no ticks.
    """
    return throughput([images / seconds for images, seconds in ticks if seconds > 0])

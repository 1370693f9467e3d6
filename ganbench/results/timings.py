"""What does a timing leave behind?"""

from collections.abc import Sequence
from statistics import median, quantiles

from ganbench.results.record import Throughput


def throughput(rates: Sequence[float]) -> Throughput | None:
    """Median, 5th and 95th percentile of repeated measurements, in images a second; None without any."""
    if not rates:
        return None
    twentieths = quantiles(rates, n=20, method="inclusive") if len(rates) > 1 else [rates[0]] * 19
    return Throughput(median=median(rates), p5=twentieths[0], p95=twentieths[-1], measurements=len(rates))


def training_rate(ticks: Sequence[tuple[int, float]]) -> Throughput | None:
    """Training speed.

    Args:
        ticks: (images, seconds) of every tick after the warm-up, in any order.

    Returns:
        Median, 5th and 95th percentile of the ticks' images a second, or None without a tick.
    """
    return throughput([images / seconds for images, seconds in ticks if seconds > 0])

"""How long do scores take from features? (of as many examples and as wide as one asks)"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ganbench.metrics.base import Metric
from ganbench.registry import METRICS
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features
from ganbench.spans import span
from ganbench.timing.measure import Case


def scoring_case(metrics: Sequence[str], n: int, width: int, device: torch.device) -> Case:
    """Estimates of metrics with their intervals, from the features of two sets of n examples.

    Args:
        metrics: Formulas of metrics that need features alone.
        n: Examples of each set.
        width: Numbers of a feature.
        device: Device on which metrics are computed.
    """
    loaded: list[Metric] = [METRICS.load(name) for name in metrics]
    real, fake = (features(n, width, side).to(device) for side in ("real", "fake"))

    def estimates() -> None:
        comparison = Comparison(Features(values=real), Features(values=fake))
        comparison.expect(share for metric in loaded for share in metric.shares)
        for metric in loaded:
            with span(metric.name):
                metric.estimate(comparison, stream(0, f"metric/{metric.name}"))

    name = f"{n:,} x {width:,}"
    return Case(task="score", name=name, subject={"metrics": ", ".join(metrics), "n": n, "width": width}, call=estimates, images=n)


def features(n: int, width: int, side: str) -> Tensor:
    """Rectified, correlated features with the decaying spectrum of a deep layer, (n, width), float32."""
    spectrum = torch.arange(1, width + 1) ** -0.5
    mix = torch.linalg.qr(torch.randn(width, width, generator=stream(0, "benchmark/mix"))).Q * spectrum
    shift = 0.02 if side == "fake" else 0.0
    values = torch.randn(n, width, generator=stream(0, f"benchmark/{side}"))
    for part in torch.split(values, 1024):  # in place, so that the peak of memory is that of what is timed
        part.copy_(torch.relu(part @ mix * 2 + 0.1 + shift))
    return values

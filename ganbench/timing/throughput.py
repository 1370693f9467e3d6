"""How many images a second, by which protocol?

Training: seconds of training steps alone, tick by tick, with evaluation, checkpoints and the first ticks
left out; the median of the ticks. Sampling: the median of repeats of one chunk after a warm-up chunk.
"""

import resource
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganbench.sampling import CHUNK, draw, observed
from ganbench.training.variant import Variant

WARM_UP_TICKS = 1
"""First ticks of every attempt that are left out: allocation, autotuning, cold caches."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Images a second over repeated measurements."""

    median: float
    p5: float
    p95: float
    measurements: int


def training_rate(ticks: Sequence[tuple[int, float]]) -> Rate | None:
    """Training speed.

    Args:
        ticks: (images, seconds) of every tick after the warm-up, in any order.

    Returns:
        Median, 5th and 95th percentile of the ticks' images a second, or None without a tick.
    """
    return _rate([images / seconds for images, seconds in ticks if seconds > 0])


def sampling_rate(variant: Variant, seed: int, device: torch.device, class_shares: Tensor | None = None, repeats: int = 5) -> Rate:
    """Sampling speed of a method's own generator, in evaluation mode.

    Args:
        variant: The method on ``device``.
        seed: Root seed of the latents.
        device: Where to sample.
        class_shares: Probability of every class, or None without labels.
        repeats: Chunks that are timed, after one that is not.
    """
    rates = []
    with observed(variant) as ready:
        for repeat in range(repeats + 1):
            start = time.perf_counter()
            draw(ready, repeat, seed, device, class_shares)[-1].sum().item()  # reading a value waits for the device
            rates.append(CHUNK / (time.perf_counter() - start))
    measured = _rate(rates[1:])
    assert measured is not None
    return measured


def peak_memory_bytes(device: torch.device) -> int:
    """Peak memory so far: what the allocator gave out on a GPU, the resident set of the process on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    status = Path("/proc/self/status")
    if status.is_file():  # Linux's getrusage would give the peak of the parent where that was larger
        return 1024 * int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")))
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes on macOS, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _rate(rates: Sequence[float]) -> Rate | None:
    if not rates:
        return None
    twentieths = statistics.quantiles(rates, n=20, method="inclusive") if len(rates) > 1 else [rates[0]] * 19
    return Rate(median=statistics.median(rates), p5=twentieths[0], p95=twentieths[-1], measurements=len(rates))

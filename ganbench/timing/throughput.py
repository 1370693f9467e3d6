"""How many images a second, by which protocol?

Training: seconds of training steps alone, tick by tick, with evaluation, checkpoints and the first ticks
left out; the median of the ticks. Sampling: the median of repeats of one chunk after a warm-up chunk.
"""

import resource
import sys
import time
from pathlib import Path

import torch
from torch import Tensor

from ganbench.results.record import Throughput
from ganbench.results.timings import throughput
from ganbench.sampling import CHUNK, draw, observed
from ganbench.training.variant import Variant

WARM_UP_TICKS = 1
"""First ticks of every attempt that are left out: allocation, autotuning, cold caches."""


def sampling_rate(variant: Variant, seed: int, device: torch.device, class_shares: Tensor | None = None, repeats: int = 5) -> Throughput:
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
    measured = throughput(rates[1:])
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

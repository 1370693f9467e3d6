"""How are the images per second of training and sampling measured?

Training: the median over ticks, counting only the time of training steps, without evaluation, checkpoints and the
first ticks. Sampling: the median over repeats of one chunk, after a warm-up chunk.
"""

import time

import torch
from torch import Tensor

from ganbench.results.record import Throughput
from ganbench.results.timings import throughput
from ganbench.sampling import CHUNK, draw, observed
from ganbench.training.variant import Variant

WARM_UP_TICKS = 1
"""Number of first ticks of every attempt that are excluded because of allocation, autotuning and cold caches."""


def sampling_rate(variant: Variant, seed: int, device: torch.device, class_shares: Tensor | None = None, repeats: int = 5) -> Throughput:
    """Sampling throughput of a method's generator with raw weights, in evaluation mode.

    Args:
        variant: The method on ``device``.
        seed: Root seed of the latents.
        device: Device of the generator.
        class_shares: Probability of every class, or None without labels.
        repeats: Number of timed chunks, after one warm-up chunk.
    """
    rates = []
    with observed(variant) as ready:
        for repeat in range(repeats + 1):
            start = time.perf_counter()
            draw(ready, repeat, seed, device, class_shares)[-1].sum().item()  # reading a value synchronises with the device
            rates.append(CHUNK / (time.perf_counter() - start))
    measured = throughput(rates[1:])
    assert measured is not None
    return measured

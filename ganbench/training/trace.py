"""Which bits do the first steps of a training have?"""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganbench.results.traces import HASH_DIGITS
from ganbench.training.trainer import Trainer

STEPS = 100
"""Traced steps: a rounding difference has grown to about 1e-6 of the weights by then, so that even one in a rarely used branch shows."""
HASHED = (1, 2, 5, 10, 20, 50, 100)
"""Numbers of steps after which all tensors are hashed."""


def trace(trainer: Trainer, steps: int = STEPS) -> tuple[tuple[dict[str, str], ...], dict[str, dict[str, str]]]:
    """Executes the first steps of a training, and keeps their bits.

    Args:
        trainer: A newly constructed trainer, which is advanced.
        steps: Number of steps, at least 1.

    Returns:
        The logged numbers of every step as hexadecimal floats, and by number of steps the hashes of all tensors, as of a
        :class:`ganbench.results.traces.Trace`.
    """
    logs, tensors = [], {}
    for number in range(1, steps + 1):
        tick = trainer.advance(1)
        logs.append({name: float(value).hex() for name, value in tick.logs.items()})
        if number in HASHED or number == steps:
            tensors[str(number)] = hashes(trainer.weights())
    return tuple(logs), tensors


def hashes(weights: Mapping[str, Mapping[str, Tensor]]) -> dict[str, str]:
    """Hash of every tensor's bytes by its name, in the order in which the method defines them."""
    return {f"{kind}.{name}": _hash(value) for kind, tensors in weights.items() for name, value in tensors.items()}


def _hash(value: Any) -> str:
    plain = value.detach().cpu().contiguous().reshape(-1)
    return hashlib.sha256(plain.view(torch.uint8).numpy().tobytes()).hexdigest()[:HASH_DIGITS]

"""Which facts about every example are recorded during extraction?"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

FACTS = ("example_hash", "lowest", "highest", "grey")
"""Names of the tensors below, which are stored with the features."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts about every example, from which copies, wrong ranges and grey images are found without reading it again."""

    example_hash: Tensor
    """int64 (n,): equal for equal examples."""
    lowest: Tensor
    """Smallest value (n,), float32."""
    highest: Tensor
    """Largest value (n,), float32."""
    grey: Tensor
    """bool (n,): whether all channels of an image are equal."""


def facts(examples: Tensor) -> dict[str, Tensor]:
    """Facts of uint8 images (n, channels, height, width) or float points (n, d), by name."""
    rows = np.ascontiguousarray(examples.numpy()).reshape(len(examples), -1)
    is_image = examples.ndim == 4
    grey = (examples == examples[:, :1]).flatten(1).all(1) if is_image else torch.zeros(len(examples), dtype=torch.bool)
    return {
        "example_hash": hashes(examples),
        "lowest": torch.from_numpy(rows.min(1)).float(),
        "highest": torch.from_numpy(rows.max(1)).float(),
        "grey": grey,
    }


def hashes(examples: Tensor) -> Tensor:
    """64-bit hashes of examples (n, ...), int64 (n,)."""
    rows = np.ascontiguousarray(examples.cpu().numpy()).reshape(len(examples), -1)
    digests = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows)
    return torch.tensor([int.from_bytes(digest, "big", signed=True) for digest in digests], dtype=torch.int64)

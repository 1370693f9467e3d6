"""Which facts about every example are recorded during extraction?"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

FACTS = ("example_hash", "lowest", "highest", "grey", "levels", "bands")
"""Names of the tensors below, which are stored with the features."""
EDGES = (0, 1, *range(9, 254, 8), 255, 256)
"""Bins of levels: 0 and 255 alone, which clipping fills, and widths of 8 between them (the last is narrower)."""
BANDS = 8
"""Number of horizontal bands, from the top to the bottom."""
SEEN = 64
"""Levels and bands see about this many rows and columns of an image, evenly spaced, so that large images cost no more than small ones."""


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
    levels: Tensor
    """float16 (n, bins): fraction of an image's values in the bins of :data:`EDGES`; empty bins for points."""
    bands: Tensor
    """float16 (n, channels x BANDS): mean level of an image's bands, channel by channel; zero for points."""


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
        **(
            _of_images(examples) if is_image else {name: torch.zeros(len(examples), 1, dtype=torch.float16) for name in ("levels", "bands")}
        ),
    }


def _of_images(images: Tensor) -> dict[str, Tensor]:
    """Distribution of levels and mean levels of bands."""
    rows, columns = (max(1, side // SEEN) for side in images.shape[2:])
    seen = images[:, :, ::rows, ::columns].contiguous()
    values = seen.numpy().reshape(len(seen), -1)
    counts = np.stack([np.bincount(image, minlength=256) for image in values])
    shares = np.add.reduceat(counts, EDGES[:-1], axis=1) / values.shape[1]
    bands = torch.nn.functional.adaptive_avg_pool2d(seen.float(), (BANDS, 1)).flatten(1)
    return {"levels": torch.from_numpy(shares).half(), "bands": bands.half()}


def hashes(examples: Tensor) -> Tensor:
    """64-bit hashes of examples (n, ...), int64 (n,)."""
    rows = np.ascontiguousarray(examples.cpu().numpy()).reshape(len(examples), -1)
    digests = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows)
    return torch.tensor([int.from_bytes(digest, "big", signed=True) for digest in digests], dtype=torch.int64)

"""How much of all pairs is computed at once on a device?

Results do not depend on it, except for the rounding of sums. A processor is fastest on what fits into its caches; a GPU needs few
large steps, because it waits for the host between them.
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What is held at a time."""

    rows: int
    """Rows and columns of a block of the Gram matrix; about five such blocks are held."""
    differences: int
    """Differences of coordinates in float64, from which distances are computed; about two such arrays are held."""
    pairs: int
    """Pairs whose distances are settled and counted together; more only where a single block has more."""


CACHED = Sizes(rows=1024, differences=2**17, pairs=2**16)
"""A block takes 4 MiB in float32 and differences 1 MiB, the cache of two cores."""
LARGE = Sizes(rows=4096, differences=2**25, pairs=2**20)
"""A block takes 64 MiB in float32 and differences 256 MiB, so that all together stays below 1 GiB besides the features."""


def sizes(device: torch.device) -> Sizes:
    """The sizes for a device."""
    return LARGE if device.type == "cuda" else CACHED

"""What are the directions of features, regardless of their length?"""

import torch
from torch import Tensor

CHUNK = 1024
"""Number of rows held in float64 at a time."""


def directions(values: Tensor) -> Tensor:
    """Features (n, d) divided by their L2 norms, in float64.

    A row of zeros has no direction: all such rows share one additional direction, orthogonal to all others.

    Returns:
        (n, d + 1) unit vectors; the last column is 1 for rows of zeros and 0 for all others.
    """
    values = values.double()
    # the largest entry is divided out first, because its square could overflow or underflow
    largest = values.abs().amax(1, keepdim=True)
    scaled = values / torch.where(largest > 0, largest, 1.0)
    empty = largest == 0
    lengths = torch.where(empty, 1.0, scaled.norm(dim=1, keepdim=True))
    return torch.cat([scaled / lengths, empty.double()], 1)

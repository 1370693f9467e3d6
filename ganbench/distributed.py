"""Which rank is this process, and how do ranks communicate? (one rank, unless a launcher such as torchrun starts several)"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process's rank and the number of ranks."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is rank 0, which writes files and prints."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any] | None:
        """Gathers the values of all ranks, in order, on rank 0; None on all others."""
        if self.size == 1:
            return [value]
        found: list[Any] | None = [None] * self.size if self.first else None
        dist.gather_object(value, found)
        return found

    def from_first(self, value: Any) -> Any:
        """Broadcasts the value of rank 0 to all ranks."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def part(self, n: int) -> slice:
        """This rank's contiguous part of n items; all parts are equal if the number of ranks divides n."""
        return slice(self.rank * n // self.size, (self.rank + 1) * n // self.size)

    def mean(self, tensor: Tensor) -> Tensor:
        """Mean of a tensor over the ranks, bit-identical on all, without gradient; the tensor itself if there is one rank."""
        if self.size == 1:
            return tensor
        total = tensor.detach().clone()
        dist.all_reduce(total)
        return total / self.size


ALONE = Ranks()
"""The rank of a process that runs alone."""


@contextmanager
def joined() -> Iterator[Ranks]:
    """Joins the gloo process group given by ``RANK`` and ``WORLD_SIZE`` within the block."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    dist.init_process_group("gloo")
    try:
        yield Ranks(rank=dist.get_rank(), size=size)
    finally:
        dist.destroy_process_group()

"""Who am I among the ranks? (the only one, unless a launcher such as torchrun says otherwise)"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process and how many there are."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any] | None:
        """Values of all ranks, in their order, on the first; None elsewhere."""
        if self.size == 1:
            return [value]
        found: list[Any] | None = [None] * self.size if self.first else None
        dist.gather_object(value, found)
        return found

    def from_first(self, value: Any) -> Any:
        """The first rank's value, on all."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def part(self, n: int) -> slice:
        """This rank's piece of n things in a row, of which every rank takes as many as the others if it divides n."""
        return slice(self.rank * n // self.size, (self.rank + 1) * n // self.size)

    def mean(self, tensor: Tensor) -> Tensor:
        """Mean of the ranks' tensors of one shape, the same bits on all; no gradient flows through it. Alone, the tensor itself."""
        if self.size == 1:
            return tensor
        total = tensor.detach().clone()
        dist.all_reduce(total)
        return total / self.size


ALONE = Ranks()
"""The only rank."""


@contextmanager
def joined() -> Iterator[Ranks]:
    """Joins the process group that ``RANK`` and ``WORLD_SIZE`` describe, on gloo, and leaves it again."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    dist.init_process_group("gloo")
    try:
        yield Ranks(rank=dist.get_rank(), size=size)
    finally:
        dist.destroy_process_group()

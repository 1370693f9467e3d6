"""In which order are examples used in training?"""

import torch
from torch import Tensor

from ganbench.seeding import stream


class DataOrder:
    """An endless, seeded order of examples: one random permutation per epoch.

    It is a pure function of ``(seed, position)``, so a resumed run needs no state beyond the number of images
    seen, and the order does not depend on the number of ranks or workers.

    Args:
        n: Number of examples, at least 1.
        seed: Root seed of the run.
    """

    def __init__(self, n: int, seed: int) -> None:
        if n < 1:
            raise ValueError(f"an order needs at least one example, got {n}")
        self.n = n
        self.seed = seed
        self._epochs: dict[int, Tensor] = {}

    def indices(self, start: int, count: int) -> Tensor:
        """Indices of the examples at the positions ``start`` to ``start + count - 1``; a batch may span epochs.

        Args:
            start: Position of the first image since the start of training, from 0.
            count: Number of images.

        Returns:
            int64 (count,), on the CPU, each from 0 to n - 1.
        """
        if start < 0 or count < 0:
            raise ValueError(f"positions start at 0, got start {start} and count {count}")
        pieces = [torch.empty(0, dtype=torch.int64)]
        position, end = start, start + count
        while position < end:
            epoch, offset = divmod(position, self.n)
            piece = self._epoch(epoch)[offset : offset + end - position]
            pieces.append(piece)
            position += len(piece)
        return torch.cat(pieces)

    def _epoch(self, epoch: int) -> Tensor:
        """The permutation of one epoch; two are cached, because a batch can span two."""
        if epoch not in self._epochs:
            if len(self._epochs) == 2:
                del self._epochs[next(iter(self._epochs))]
            self._epochs[epoch] = torch.randperm(self.n, generator=stream(self.seed, "order", epoch))
        return self._epochs[epoch]

"""How are examples read from an array in memory?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganbench.sets.classes import Classes
from ganbench.sets.source import Source


class ArraySource(Source):
    """Images or points from an array.

    Args:
        name: The name as the user wrote it.
        examples: uint8 (n, channels, height, width) or float32 or float64 (n, dimensions).
        content: Hash that identifies the examples.
        labels: (n,).
        classes: The classes of the labels; None takes the numbers that occur.
    """

    def __init__(
        self,
        name: str,
        examples: npt.NDArray[Any],
        content: str,
        labels: npt.NDArray[np.int64] | None = None,
        classes: Classes | None = None,
    ) -> None:
        super().__init__(name)
        self.examples, self.content = examples, content
        if labels is not None:
            self.labels = torch.from_numpy(labels)
            self.classes = classes or Classes.of(self.labels)
        self.sizes = "x".join(map(str, examples.shape[:1:-1])) if examples.ndim == 4 else ""

    def __len__(self) -> int:
        return len(self.examples)

    def at(self, indices: Sequence[int]) -> Tensor:
        """The examples at these indices."""
        if isinstance(indices, range) and indices.step == 1:
            return torch.from_numpy(np.ascontiguousarray(self.examples[indices.start : indices.stop]))
        return torch.from_numpy(self.examples[np.asarray(indices, np.int64)])

"""What is a source of examples?"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.sets.features import LatentModel


class Source(ABC):
    """Examples in a fixed order, read piece by piece."""

    name: str
    """As the user wrote it; never part of a key."""
    content: str | None = None
    """SHA-256 of what the examples are; None where nobody can know before they are drawn, so that nothing is cached."""
    labels: Tensor | None = None
    """int64 (n,)."""
    class_names: tuple[str, ...] = ()
    generator: LatentModel | None = None
    """What generates the examples, where it can be asked."""
    ordered_by: str = ""
    """Why neighbouring examples may be related ("sorted file names"); empty where order means nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[str] = []
        """What reading changed, and what a reader of the scores should know."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of examples."""

    @abstractmethod
    def at(self, indices: Sequence[int]) -> Tensor:
        """The examples at some indices: uint8 images (k, channels, height, width) or float32 points (k, dimensions)."""

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Lets go of files."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which examples of a source are scored: all, or a subset that depends on the numbers alone."""

    indices: tuple[int, ...] | range

    @classmethod
    def of(cls, size: int, n: int | None, generator: torch.Generator) -> "Selection":
        """Chooses n of ``size`` examples at random, in ascending order; all of them where n is None or no smaller."""
        if n is None or n >= size:
            return cls(indices=range(size))
        return cls(indices=tuple(torch.randperm(size, generator=generator)[:n].sort().values.tolist()))

    def __len__(self) -> int:
        return len(self.indices)

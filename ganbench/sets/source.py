"""What is a set that somebody named? (examples, their features, or their moments alone)"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from ganbench.plan.facts import Need
from ganbench.sets.features import Features, LatentModel
from ganbench.sets.moments import Moments


class Network(Protocol):
    """What a set must know of an extractor to say what it can give."""

    @property
    def classes(self) -> int:
        """Number of classes; 0 of an extractor that is no classifier."""

    @property
    def gives_spatial(self) -> bool:
        """Whether it gives the features of an inner layer as well."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which examples of a set are scored: all, or a subset that depends on the numbers alone."""

    indices: tuple[int, ...] | range

    @classmethod
    def of(cls, size: int, n: int | None, generator: torch.Generator) -> "Selection":
        """Chooses n of ``size`` examples at random, in ascending order; all of them where n is None or no smaller."""
        if n is None or n >= size:
            return cls(indices=range(size))
        return cls(indices=tuple(torch.randperm(size, generator=generator)[:n].sort().values.tolist()))

    @property
    def is_all(self) -> bool:
        """Whether no example is left out."""
        return isinstance(self.indices, range)

    def __len__(self) -> int:
        return len(self.indices)


class GivenSet(ABC):
    """A set of examples, or what is known of one; it says itself what it can give."""

    reference_only: ClassVar[bool] = False
    """Whether so little is known that it can only be the reference."""
    holds_features: ClassVar[bool] = False
    """Whether it is features that come from elsewhere."""
    form: tuple[int, ...] = ()
    """Of one example: (channels, height, width) of an image, (dimensions,) of a point; empty where only features are known."""
    content: str | None = None
    """SHA-256 of what the examples are; None where nobody can know before they are drawn, so that nothing is cached."""

    def __init__(self, name: str) -> None:
        self.name = name
        """As the user wrote it; never part of a key."""
        self.notes: list[str] = []
        """What reading changed, and what a reader of the scores should know."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of examples."""

    @property
    def channels(self) -> int:
        """Of images; 0 of other examples, and where only their features are known."""
        return self.form[0] if len(self.form) == 3 else 0

    @abstractmethod
    def gives(self, need: Need, network: Network) -> bool:
        """Whether a metric gets from this set, and from an extractor, what it needs."""

    def known(self, selection: Selection) -> Features | Moments | None:
        """What is known without an extractor, of chosen examples; None where an extractor must look at them."""
        return None

    def protocol(self) -> dict[str, Any]:
        """What a score must say of this set as its reference, besides its content."""
        return {}

    def close(self) -> None:  # noqa: B027 - most sets hold nothing open
        """Lets go of files."""


class Source(GivenSet):
    """Examples in a fixed order, read piece by piece."""

    labels: Tensor | None = None
    """int64 (n,)."""
    class_names: tuple[str, ...] = ()
    generator: LatentModel | None = None
    """What generates the examples, where it can be asked."""

    @abstractmethod
    def at(self, indices: Sequence[int]) -> Tensor:
        """The examples at some indices: uint8 images (k, channels, height, width) or float32 points (k, dimensions)."""

    @cached_property
    def form(self) -> tuple[int, ...]:  # type: ignore[override]
        """Of the first example."""
        return tuple(self.at([0]).shape[1:])

    def gives(self, need: Need, network: Network) -> bool:
        """Features of any extractor; the rest as far as it is there."""
        match need:
            case "labels":
                return self.labels is not None
            case "generator":
                return self.generator is not None
            case "styles":
                return self.generator is not None and self.generator.has_styles
            case "images":
                return self.channels > 0
            case "probabilities":
                return network.classes > 0
            case "spatial":
                return network.gives_spatial
        return True

    def about(self, selection: Selection) -> dict[str, Any]:
        """What is known of chosen examples besides features, as fields of :class:`Features`."""
        return {
            "labels": None if self.labels is None else self.labels[list(selection.indices)],
            "images": (lambda which: self.at([selection.indices[int(place)] for place in which])) if self.channels else None,
            "generator": self.generator,
        }

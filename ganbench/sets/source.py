"""What is a set that a user names? (examples, their features, or only their moments)"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from ganbench.data.dataset import ClassModes, ModeSet
from ganbench.plan.facts import Need
from ganbench.sets.classes import Classes
from ganbench.sets.features import Features, LatentModel
from ganbench.sets.moments import Moments


class Network(Protocol):
    """The properties of an extractor that determine what a set can provide."""

    @property
    def width(self) -> int:
        """Number of features; 0 if it depends on the shape of the examples."""

    @property
    def classes(self) -> int:
        """Number of classes; 0 if the extractor is not a classifier."""

    @property
    def gives_spatial(self) -> bool:
        """Whether it also gives the features of an inner layer."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The examples of a set that are scored: all, or a random subset that does not depend on what they are."""

    indices: tuple[int, ...] | range

    @classmethod
    def of(cls, size: int, n: int | None, generator: torch.Generator) -> "Selection":
        """Chooses n of ``size`` examples at random, in ascending order; all if n is None or at least ``size``."""
        if n is None or n >= size:
            return cls(indices=range(size))
        return cls(indices=tuple(torch.randperm(size, generator=generator)[:n].sort().values.tolist()))

    @property
    def is_all(self) -> bool:
        """Whether all examples are selected."""
        return isinstance(self.indices, range)

    def __len__(self) -> int:
        return len(self.indices)


class GivenSet(ABC):
    """A set that a user names, given as examples, as features or as moments.

    >>> class Zeros(Source):
    ...     def __len__(self):
    ...         return 4
    ...     def at(self, indices):
    ...         return torch.zeros(len(indices), 1, 8, 8, dtype=torch.uint8)
    >>> from ganbench.features.plain import Pixels
    >>> zeros = Zeros("zeros")
    >>> zeros.channels, zeros.gives("images", Pixels()), zeros.gives("labels", Pixels())
    (1, True, False)
    """

    reference_only: ClassVar[bool] = False
    """Whether it can only be the reference set, because only its moments are known."""
    holds_features: ClassVar[bool] = False
    """Whether it holds features computed by another tool."""
    form: tuple[int, ...] = ()
    """Shape of one example: (channels, height, width) of an image, (dimensions,) of a point; empty if only features are known."""
    sizes: str = ""
    """Width and height of the images before any resize, "32x32" or "24x24 to 64x48"; empty if there are no images."""
    classes: Classes | None = None
    """The classes of its labels; None without labels."""
    modes: ModeSet | ClassModes | None = None
    """The exact modes of the examples, if they are a mixture whose modes can be counted."""
    content: str | None = None
    """SHA-256 that identifies the examples; None if they cannot be identified before they are drawn, so nothing is cached."""

    def __init__(self, name: str) -> None:
        self.name = name
        """The name as the user wrote it; not part of any key."""
        self.notes: list[str] = []
        """What happened to the examples while they were read, for the reader of the scores."""
        self.remarks: list[str] = []
        """Other remarks, which say nothing against the scores."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of examples."""

    @property
    def channels(self) -> int:
        """Number of channels of images; 0 for points, and if only features are known."""
        return self.form[0] if len(self.form) == 3 else 0

    @abstractmethod
    def gives(self, need: Need, network: Network) -> bool:
        """Whether this set, with an extractor, provides what a metric needs."""

    def known(self, selection: Selection, needs: Collection[Need]) -> Features | Moments | None:
        """What is needed of the selected examples if it is known without an extractor, else None; a file may hold more."""
        return None

    def protocol(self) -> dict[str, Any]:
        """Entries of a score's protocol for this set as the reference, besides its content."""
        return {}

    def renumber(self, numbers: Tensor, classes: Classes) -> None:
        """Replaces the numbers in the labels by those of another set's classes.

        Args:
            numbers: The new number for every number, from :func:`ganbench.sets.classes.renumbering`.
            classes: The classes of the other set.
        """
        raise NotImplementedError(f"{type(self).__name__} has no labels")

    def close(self) -> None:  # noqa: B027 - most sets hold nothing open
        """Closes open files."""


class Source(GivenSet):
    """A set of examples in a fixed order, read in parts."""

    labels: Tensor | None = None
    """int64 (n,)."""
    largest_batch: int | None = None
    """Largest number of examples that should be in memory at a time; None for any number."""
    generator: LatentModel | None = None
    """The generator of the examples, if it is available."""

    @abstractmethod
    def at(self, indices: Sequence[int]) -> Tensor:
        """The examples at some indices: uint8 images (k, channels, height, width) or float32 points (k, dimensions)."""

    def renumber(self, numbers: Tensor, classes: Classes) -> None:
        """See :class:`GivenSet`."""
        assert self.labels is not None
        self.labels, self.classes = numbers[self.labels], classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of every class, in the order of the labels; empty if classes have only numbers."""
        return () if self.classes is None else self.classes.names

    @cached_property
    def form(self) -> tuple[int, ...]:  # type: ignore[override]
        """Shape of the first example."""
        return tuple(self.at([0]).shape[1:])

    def gives(self, need: Need, network: Network) -> bool:
        """Whether the need is met; features can be computed by any extractor."""
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
        """Labels, images and generator of the selected examples, as fields of :class:`Features`."""
        return {
            "labels": None if self.labels is None else self.labels[list(selection.indices)],
            "class_names": self.class_names,
            "images": (lambda which: self.at([selection.indices[int(place)] for place in which])) if self.channels else None,
            "generator": self.generator,
        }

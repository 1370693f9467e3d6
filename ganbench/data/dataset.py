"""What is a loaded data set?"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class DataShape:
    """The shape of one example, an image or a point, and the number of classes."""

    size: tuple[int, ...]
    """(channels, height, width) of an image, or (dimensions,) of a point."""
    classes: int = 0
    """Number of classes; 0 without labels."""

    @property
    def is_image(self) -> bool:
        """Whether examples are images; otherwise they are points."""
        return len(self.size) == 3

    def __str__(self) -> str:
        return "x".join(map(str, self.size)) if self.is_image else f"{self.size[0]}-D points"


@dataclass(frozen=True, kw_only=True)
class Split:
    """The training or held-out examples, in a fixed order."""

    examples: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    """uint8 images (n, channels, height, width), or float32 points (n, dimensions)."""
    labels: npt.NDArray[np.int64] | None = None
    """Class labels (n,), from 0 to the number of classes - 1."""

    def __len__(self) -> int:
        return len(self.examples)


@dataclass(frozen=True, kw_only=True)
class ModeSet:
    """The exact modes of a synthetic mixture: equally weighted isotropic Gaussians."""

    centres: npt.NDArray[np.float64]
    """(modes, dimensions)."""
    sigma: float
    """Standard deviation of every mode, per axis."""


@dataclass(frozen=True, kw_only=True)
class ClassModes:
    """Modes defined as the classes of a classifier."""

    count: int
    classifier: str
    """Registered extractor that counts the modes; part of the protocol, also if another network gives the scores."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Real examples with a held-out split and the hash of their content."""

    name: str
    shape: DataShape
    train: Split
    held_out: Split
    """Real examples that are never used in training."""
    fingerprint: str
    """SHA-256 over both splits' bytes, shapes and labels (``fingerprint.py``)."""
    class_names: tuple[str, ...] = ()
    modes: ModeSet | ClassModes | None = None
    notes: tuple[str, ...] = ()
    """Changes made while loading ("alpha channel dropped in 12 of 40 images"), kept in the record."""

    @cached_property
    def class_shares(self) -> npt.NDArray[np.float64] | None:
        """Fraction of every class in the training split (classes,), or None without labels."""
        if self.train.labels is None:
            return None
        counts = np.bincount(self.train.labels, minlength=self.shape.classes)
        shares: npt.NDArray[np.float64] = counts / counts.sum()
        return shares

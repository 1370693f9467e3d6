"""Which features need no network?"""

from typing import ClassVar, Literal

from torch import Tensor

from ganbench.features.base import Extractor
from ganbench.sets.features import Features


class Pixels(Extractor):
    """The pixels themselves, flattened, divided by 255."""

    name: ClassVar[str] = "pixels"
    accepts: ClassVar[Literal["image", "points", "any"]] = "image"
    width: ClassVar[int] = 0

    def features(self, examples: Tensor) -> Features:
        """Pixels (n, channels x height x width) in [0, 1]."""
        return Features(values=examples.flatten(1).double() / 255)


class Identity(Extractor):
    """Points as they are, or features that another tool extracted."""

    name: ClassVar[str] = "identity"
    accepts: ClassVar[Literal["image", "points", "any"]] = "points"
    width: ClassVar[int] = 0

    def features(self, examples: Tensor) -> Features:
        """The examples (n, d)."""
        return Features(values=examples.double())

"""Which extractors need no network?"""

from typing import ClassVar, Literal

from torch import Tensor

from ganbench.errors import RequestError
from ganbench.features.base import Extractor
from ganbench.plan.metric_names import NO_NETWORK
from ganbench.sets.features import Features


class Pixels(Extractor):
    """The flattened pixels, divided by 255."""

    name: ClassVar[str] = "pixels"
    accepts: ClassVar[Literal["image", "points", "any"]] = "image"
    width: ClassVar[int] = 0

    def features(self, examples: Tensor) -> Features:
        """Pixels (n, channels x height x width) in [0, 1]."""
        return Features(values=examples.flatten(1).double() / 255)


class Identity(Extractor):
    """The points themselves, or features computed by another tool."""

    name: ClassVar[str] = "identity"
    accepts: ClassVar[Literal["image", "points", "any"]] = "points"
    width: ClassVar[int] = 0

    def features(self, examples: Tensor) -> Features:
        """The examples (n, d)."""
        return Features(values=examples.double())


class Elsewhere(Extractor):
    """A placeholder for an extractor, for given features or for metrics that need no features.

    Args:
        name: The name of the extractor that computed the features, according to the user.
    """

    accepts: ClassVar[Literal["image", "points", "any"]] = "any"
    width: ClassVar[int] = 0
    version: ClassVar[int] = 0
    gives_spatial: ClassVar[bool] = True
    resize = "unknown"

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name  # type: ignore[misc]

    def departures(self) -> list[str]:
        """States that features named after another extractor were given, not computed here."""
        return ["features given"] if self.name not in (Identity.name, NO_NETWORK) else []

    def features(self, examples: Tensor) -> Features:
        """Raises: a placeholder computes no features."""
        raise RequestError(f"{self.name!r} stands for features from elsewhere and sees no examples; name an extractor")

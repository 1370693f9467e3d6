"""Which features does a probe give for stacks of three digits?"""

from typing import ClassVar, Literal

from torch import Tensor

from ganbench.errors import RequestError
from ganbench.features.base import Extractor
from ganbench.features.probe import WIDTH, DigitsProbe, MnistProbe
from ganbench.sets.features import Features


class _StackedProbe(Extractor):
    """A probe on every channel: concatenated features, and probabilities of the 1,000 three-digit numbers."""

    accepts: ClassVar[Literal["image", "points", "any"]] = "image"
    width: ClassVar[int] = 3 * WIDTH
    classes: ClassVar[int] = 1000
    class_names: ClassVar[tuple[str, ...]] = tuple(f"{mode:03d}" for mode in range(1000))
    probe: ClassVar[type[DigitsProbe] | type[MnistProbe]]
    """Classifier of one channel."""

    def __init__(self) -> None:
        self.single = self.probe()
        super().__init__(self.single.network, self.single.weights_sha256)

    def features(self, examples: Tensor) -> Features:
        """Features (n, 192) and log-probabilities (n, 1000) of uint8 images of 3 channels and any size."""
        if examples.shape[1] != 3:
            raise RequestError(f"extractor {self.name!r} takes stacks of 3 channels; for one digit take {self.probe.name!r}")
        n = len(examples)
        found = self.single.features(examples.flatten(0, 1)[:, None])
        assert found.log_probabilities is not None
        red, green, blue = found.log_probabilities.view(n, 3, -1).unbind(1)
        spelt = red[:, :, None, None] + green[:, None, :, None] + blue[:, None, None, :]
        return Features(values=found.values.view(n, -1), log_probabilities=spelt.flatten(1))


class StackedDigitsProbe(_StackedProbe):
    """digits-probe on each of three channels: 192 features, 1,000 classes (for stacked-digits)."""

    name: ClassVar[str] = "stacked-digits-probe"
    resize: str = DigitsProbe.resize
    probe: ClassVar[type[DigitsProbe] | type[MnistProbe]] = DigitsProbe


class StackedMnistProbe(_StackedProbe):
    """mnist-probe on each of three channels: 192 features, 1,000 classes (for stacked-mnist)."""

    name: ClassVar[str] = "stacked-mnist-probe"
    resize: str = MnistProbe.resize
    probe: ClassVar[type[DigitsProbe] | type[MnistProbe]] = MnistProbe

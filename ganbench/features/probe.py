"""Which features does a small classifier of the data set's own classes give?

Inception is trained on photographs and says little about handwriting. A probe is trained by
``baselines.train_probe`` on the training split only, and its weights are shipped with their recipe, so
these scores need no download.
"""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ganbench.features.base import Extractor
from ganbench.features.resize import antialiased, grey
from ganbench.features.shipped import load
from ganbench.sets.features import Features

WIDTH = 64
CLASSES = 10
SLOPE = 0.1
"""Negative slope of the leaky ReLUs; with plain ReLUs a third of the features was constant."""


class ProbeNetwork(nn.Module):
    """Three convolutions and two linear layers on square grey images.

    Args:
        size: Height and width in pixels, a multiple of 4.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2),
            nn.LeakyReLU(SLOPE),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Flatten(),
            nn.Linear(64 * ((size // 4 + 1) // 2) ** 2, WIDTH),
            nn.LeakyReLU(SLOPE),
        )
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, 64) after the last activation, and logits (n, 10), of images (n, 1, size, size) in [0, 1]."""
        features = self.body(2 * images - 1)
        return features, self.head(features)


class _Probe(Extractor):
    """A classifier whose penultimate layer gives the features."""

    accepts: ClassVar[Literal["image", "points", "any"]] = "image"
    width: ClassVar[int] = WIDTH
    classes: ClassVar[int] = CLASSES
    class_names: ClassVar[tuple[str, ...]] = tuple(map(str, range(CLASSES)))
    size: ClassVar[int]
    """Height and width of the network's input, in pixels."""

    def __init__(self) -> None:
        tensors, recipe = load(self.name)
        with torch.device("meta"):  # avoids drawing initial weights from the global generator
            network = ProbeNetwork(self.size)
        network.load_state_dict(tensors, assign=True)
        super().__init__(network, recipe["sha256"])
        self.recipe = recipe
        """How the weights were trained, and their accuracy on the held-out split."""
        self.classifier = network

    def features(self, examples: Tensor) -> Features:
        """Penultimate features (n, 64) and log-probabilities (n, 10) of uint8 images of 1 or 3 channels and any size."""
        features, logits = self.classifier(grey(antialiased(examples, self.size)))
        return Features(values=features.double(), log_probabilities=torch.log_softmax(logits.double(), dim=1))


class DigitsProbe(_Probe):
    """Classifier of the bundled digits (16x16 grey), 64 features."""

    name: ClassVar[str] = "digits-probe"
    size: ClassVar[int] = 16
    resize: str = "torch-antialias-16"


class MnistProbe(_Probe):
    """Classifier of MNIST (28x28 grey), 64 features."""

    name: ClassVar[str] = "mnist-probe"
    size: ClassVar[int] = 28
    resize: str = "torch-antialias-28"

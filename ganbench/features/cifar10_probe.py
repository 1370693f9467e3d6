"""Which features does a small residual classifier of CIFAR-10 give?

It is trained by ``baselines.train_probe`` on the training split only, and shipped with batch normalisation
folded into the convolutions and weights rounded to 16 bits. It runs in float32.
"""

from typing import ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganbench.data.cifar10 import CLASS_NAMES
from ganbench.features.base import Extractor
from ganbench.features.resize import antialiased, rgb
from ganbench.features.shipped import load
from ganbench.sets.features import Features

WIDTH = 192
SLOPE = 0.1
"""Negative slope of the leaky ReLUs, so that no feature is constant."""


class Convolution(nn.Module):
    """A 3x3 convolution, batch normalisation (or the bias that it is folded into), and a leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, normalised: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=not normalised)
        self.normalisation = nn.BatchNorm2d(outputs) if normalised else nn.Identity()
        self.activation = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        """Maps images (n, inputs, h, w) to (n, outputs, h, w)."""
        return cast(Tensor, self.activation(self.normalisation(self.convolution(images))))

    def fold(self) -> None:
        """Folds the normalisation into the convolution; the network must be trained and in evaluation mode."""
        if isinstance(self.normalisation, nn.BatchNorm2d):
            self.convolution = fuse_conv_bn_eval(self.convolution, self.normalisation)
            self.normalisation = nn.Identity()


class Residual(nn.Module):
    """A residual block of two convolutions (He et al. 2016, figure 2)."""

    def __init__(self, width: int, normalised: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(Convolution(width, width, normalised), Convolution(width, width, normalised))

    def forward(self, images: Tensor) -> Tensor:
        """Maps images (n, width, h, w) to the same shape."""
        return images + cast(Tensor, self.body(images))


class ResidualNetwork(nn.Module):
    """Ten convolutions on 32x32 colour images, global average pooling, and a linear classifier.

    Args:
        normalised: True has batch normalisation, for training; False has none, for folded weights.
    """

    def __init__(self, normalised: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Convolution(3, 32, normalised),
            nn.MaxPool2d(2),
            Convolution(32, 64, normalised),
            Residual(64, normalised),
            Convolution(64, 128, normalised),
            nn.MaxPool2d(2),
            Residual(128, normalised),
            Convolution(128, WIDTH, normalised),
            nn.MaxPool2d(2),
            Residual(WIDTH, normalised),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(WIDTH, len(CLASS_NAMES))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, 192) and logits (n, 10) of images (n, 3, 32, 32) in [0, 1]."""
        features = self.body(2 * images - 1)
        return features, self.head(features)

    def fold(self) -> None:
        """Folds every batch normalisation into its convolution; the network must be in evaluation mode."""
        for module in self.modules():
            if isinstance(module, Convolution):
                module.fold()


class Cifar10Probe(Extractor):
    """Classifier of CIFAR-10 (32x32 colour), 192 features."""

    name: ClassVar[str] = "cifar10-probe"
    accepts: ClassVar[Literal["image", "points", "any"]] = "image"
    width: ClassVar[int] = WIDTH
    classes: ClassVar[int] = len(CLASS_NAMES)
    class_names: ClassVar[tuple[str, ...]] = CLASS_NAMES
    size: ClassVar[int] = 32
    """Height and width of the network's input, in pixels."""
    resize: str = "torch-antialias-32"

    def __init__(self) -> None:
        tensors, recipe = load(self.name)
        with torch.device("meta"):  # avoids drawing initial weights from the global generator
            network = ResidualNetwork(normalised=False)
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
        super().__init__(network.to(memory_format=torch.channels_last), recipe["sha256"])
        self.recipe = recipe
        """How the weights were trained, and their accuracy on the held-out split."""
        self.classifier = network

    def features(self, examples: Tensor) -> Features:
        """Pooled features (n, 192) and log-probabilities (n, 10) of uint8 images of 1 or 3 channels and any size."""
        features, logits = self.classifier(rgb(antialiased(examples, self.size)))
        return Features(values=features.double(), log_probabilities=torch.log_softmax(logits.double(), dim=1))

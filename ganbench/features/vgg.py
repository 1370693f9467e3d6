"""Which features does VGG16 give?"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from ganbench.features.archives import read
from ganbench.features.image_network import IMAGENET_MEAN, IMAGENET_STD, ImageNetwork, fill, normalised
from ganbench.features.published import Found, Published
from ganbench.sets.features import Features

VGG16 = Published(
    file="vgg16-397923af.pth",
    url="https://download.pytorch.org/models/vgg16-397923af.pth",
    sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    megabytes=553,
)
_LAST_RECTIFIER = 5
"""Number of layers of the classifier up to the ReLU of its second linear layer."""


class Vgg16(ImageNetwork):
    """VGG16 trained on ImageNet (torchvision's weights), second fully connected layer, 4096 features.

    Used by improved precision and recall (Kynkaanniemi et al. 2019, section 3), after the ReLU.
    """

    name: ClassVar[str] = "vgg16"
    width: ClassVar[int] = 4096
    size: ClassVar[int] = 224
    mode: ClassVar[str] = "tf1"
    published: ClassVar[Published | None] = VGG16

    def build(self, found: Found) -> nn.Module:
        """Constructs the network up to the second ReLU of its classifier."""
        network = vgg16(self.name, found)
        classifier = network.classifier
        assert isinstance(classifier, nn.Sequential)
        network.classifier = classifier[:_LAST_RECTIFIER]
        return network.to(memory_format=torch.channels_last)

    def seen(self, levels: Tensor) -> Features:
        """Features (n, 4096)."""
        assert self.network is not None
        return Features(values=self.network(normalised(levels, IMAGENET_MEAN, IMAGENET_STD)))


def vgg16(extractor: str, found: Found) -> nn.Module:
    """The VGG16 of torchvision with the weights of a file.

    Args:
        extractor: Name of the extractor that needs it, for error messages.
        found: The file of weights.

    Raises:
        DataError: The file contains another network.
    """
    from torchvision import models

    with torch.device("meta"):
        network: nn.Module = models.vgg16(weights=None, init_weights=False)
    return fill(extractor, network, read(extractor, found.path), found)

"""Which features can be computed for any images without trained weights?"""

import hashlib
import math
from typing import ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganbench.errors import RequestError
from ganbench.features.base import Extractor
from ganbench.features.resize import antialiased, rgb
from ganbench.sets.features import Features

SMALLEST, LARGEST = 8, 256
"""Smallest and largest accepted height and width, in pixels."""
_SIZE = 32
_SLOPE = 0.2
_LAYERS = ((3, 16, 1), (16, 32, 2), (32, 32, 2), (32, 32, 1))
"""(channels in, channels out, stride) of the 3x3 convolutions."""
_TAPS = (1, 3)
"""Indices of the layers whose maps are pooled."""


class RandomConv(Extractor):
    """Fixed random convolutions, 128 features: for regression tests only, not comparable with the literature.

    Its scores show whether images changed between two versions, for any kind of image and without a download.
    They do not measure perceptual quality, and no published score uses it.

    It has four 3x3 convolutions with leaky ReLUs; the mean and the standard deviation over positions of 32
    channels, at 16x16 and at 8x8, are the 128 features. Weights are uniform with the variance of He et al. (2015,
    equation 15), drawn by numpy's ``RandomState(0)``, whose stream is frozen by numpy's compatibility policy.
    """

    name: ClassVar[str] = "random-conv"
    accepts: ClassVar[Literal["image", "points", "any"]] = "image"
    width: ClassVar[int] = 128
    resize: str = f"torch-antialias-{_SIZE}"

    def __init__(self) -> None:
        network, weights_sha256 = _drawn()
        super().__init__(network, weights_sha256)
        self.layers = network

    def features(self, examples: Tensor) -> Features:
        """Pooled responses (n, 128).

        Args:
            examples: uint8 (n, 1 or 3, height, width), 8 to 256 pixels per side; grey images are repeated to RGB.

        Raises:
            RequestError: The images are smaller or larger.
        """
        height, width = examples.shape[2:]
        if not (SMALLEST <= height <= LARGEST and SMALLEST <= width <= LARGEST):
            raise RequestError(
                f"extractor {self.name!r} takes images of {SMALLEST} to {LARGEST} pixels a side, not {width}x{height}; set resolution = N"
            )
        maps = 2 * rgb(antialiased(examples, _SIZE)) - 1
        pooled = []
        for index, layer in enumerate(self.layers):
            maps = F.leaky_relu(layer(maps), _SLOPE)
            if index in _TAPS:
                spatial = maps.flatten(2)
                pooled += [spatial.mean(2), spatial.std(2, correction=0)]
        return Features(values=torch.cat(pooled, dim=1).double())


def _drawn() -> tuple[nn.Sequential, str]:
    """The layers, and the SHA-256 of their weights in order (float32, little-endian)."""
    generator = np.random.RandomState(0)
    digest = hashlib.sha256()
    layers = nn.Sequential()
    for channels_in, channels_out, stride in _LAYERS:
        bound = math.sqrt(3 * 2 / ((1 + _SLOPE**2) * channels_in * 9))
        weight = generator.uniform(-bound, bound, (channels_out, channels_in, 3, 3)).astype("<f4")
        digest.update(weight.tobytes())
        # on the meta device, which avoids drawing initial weights from the global generator
        layer = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False, device="meta")
        layer.load_state_dict({"weight": torch.from_numpy(weight)}, assign=True)
        layers.append(layer)
    return layers, digest.hexdigest()

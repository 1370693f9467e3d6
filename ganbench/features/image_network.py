"""How does a network with published weights become an extractor?"""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ganbench.errors import DataError, UnknownName
from ganbench.features.base import Extractor
from ganbench.features.published import Found, Published, find
from ganbench.features.resize import MODES, resized, rgb
from ganbench.sets.features import Features

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of red, green and blue over ImageNet, for levels from 0 to 1, as in torchvision."""
BATCH_IMAGES = 64
"""Images in one forward pass at every chunk size; larger batches only take memory."""


class ImageNetwork(Extractor):
    """A network with published weights for square RGB images of one size.

    Args:
        weights: A file of weights, or a folder that contains the published one; None uses the default locations.
        resize: Resize protocol without its size ("tf1", "torch", "clean", "clean-gpu", "bicubic"); None is :attr:`mode`.

    Raises:
        UnknownName: There is no such resize protocol.
        DataError: The weights are not on this machine, or belong to another network.
    """

    accepts: ClassVar[Literal["image", "points", "any"]] = "image"
    published: ClassVar[Published | None]
    size: ClassVar[int]
    """Height and width of the network's input, in pixels."""
    mode: ClassVar[str]
    """Resize protocol of the published scores."""

    def __init__(self, weights: Path | None = None, resize: str | None = None) -> None:
        mode = self.mode if resize is None else resize
        if mode not in MODES:
            raise UnknownName("resize", mode, MODES)
        assert self.published is not None
        found = find(self.name, self.published, weights)
        network = self.build(found)
        super().__init__(network, found.sha256)
        self.resize_mode = mode
        self.resize = f"{mode}-{self.size}"
        self.notes = found.notes

    def departures(self) -> list[str]:
        """The resize protocol if it is not that of the published scores, and the deviations of every extractor."""
        return [*([self.resize] if self.resize_mode != self.mode else []), *super().departures()]

    @abstractmethod
    def build(self, found: Found) -> nn.Module:
        """Constructs the network and loads its weights, without drawing from the global generator."""

    @abstractmethod
    def seen(self, levels: Tensor) -> Features:
        """Features of float32 levels (n, 3, size, size) from 0 to 255."""

    def features(self, examples: Tensor) -> Features:
        """Features of uint8 images of 1 or 3 channels and any size; grey images are repeated to RGB."""
        pieces = [self.seen(rgb(resized(batch, self.resize_mode, self.size))) for batch in torch.split(examples, BATCH_IMAGES)]
        log_probabilities = [piece.log_probabilities for piece in pieces if piece.log_probabilities is not None]
        spatial = [piece.spatial for piece in pieces if piece.spatial is not None]
        return Features(
            values=torch.cat([piece.values for piece in pieces]),
            log_probabilities=torch.cat(log_probabilities) if log_probabilities else None,
            spatial=torch.cat(spatial) if spatial else None,
        )


def normalised(levels: Tensor, mean: tuple[float, float, float], std: tuple[float, float, float]) -> Tensor:
    """Levels (n, 3, h, w) from 0 to 255, standardised per channel by mean and standard deviation for levels from 0 to 1."""
    shift, scale = (255 * torch.tensor(values, device=levels.device).view(3, 1, 1) for values in (mean, std))
    return (levels - shift) / scale


def fill(extractor: str, network: nn.Module, tensors: Mapping[str, Tensor], found: Found) -> nn.Module:
    """Loads weights into a network on the meta device, without the batch counters of batch normalisation.

    Raises:
        DataError: A tensor is missing, unexpected or of another shape: the weights belong to another network.
    """
    wanted = {key: tensor for key, tensor in network.state_dict().items() if not key.endswith("num_batches_tracked")}
    given = {key: tensor for key, tensor in tensors.items() if not key.endswith("num_batches_tracked")}
    faults = [f"no {key}" for key in wanted if key not in given] + [f"an unexpected {key}" for key in given if key not in wanted]
    faults += [
        f"{key} of shape {tuple(given[key].shape)} for {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in given and given[key].shape != tensor.shape
    ]
    if faults:
        more = f" and {len(faults) - 1} more differences" if len(faults) > 1 else ""
        raise DataError(
            f"extractor {extractor!r}: {str(found.path)!r} holds another network ({faults[0]}{more}); "
            f"give {found.published.file}, or a folder that holds it"
        )
    network.load_state_dict({key: tensor.float() for key, tensor in given.items()}, strict=False, assign=True)
    return network

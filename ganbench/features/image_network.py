"""How is a network with published weights made into an extractor?"""

import warnings
import zipfile
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
"""Of red, green and blue over ImageNet, white being 1: what torchvision's networks were trained with."""
BATCH_IMAGES = 64
"""Images that go through a network at a time, whatever the chunk: larger ones only take memory."""


class ImageNetwork(Extractor):
    """A network with published weights that sees square RGB images of one size.

    Args:
        weights: A file of weights, or a folder that holds the published one; None looks in the usual places.
        resize: Resize protocol without its size ("tf1", "torch", "clean", "clean-gpu", "bicubic"); None is :attr:`mode`.

    Raises:
        UnknownName: There is no such resize protocol.
        DataError: The weights are not on this machine, or are those of another network.
    """

    accepts: ClassVar[Literal["image", "points", "any"]] = "image"
    published: ClassVar[Published | None]
    size: ClassVar[int]
    """Height and width that the network sees, in pixels."""
    mode: ClassVar[str]
    """Resize protocol of the published numbers."""

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
        """Another resize protocol than that of the published numbers, besides what sets any extractor apart."""
        return [*([self.resize] if self.resize_mode != self.mode else []), *super().departures()]

    @abstractmethod
    def build(self, found: Found) -> nn.Module:
        """Makes the network and fills in its weights, without a draw from the global generator."""

    @abstractmethod
    def seen(self, levels: Tensor) -> Features:
        """Features of float32 levels (n, 3, size, size), 255 white."""

    def features(self, examples: Tensor) -> Features:
        """Features of uint8 images of 1 or 3 channels and any size; grey is repeated to RGB."""
        pieces = [self.seen(rgb(resized(batch, self.resize_mode, self.size))) for batch in torch.split(examples, BATCH_IMAGES)]
        log_probabilities = [piece.log_probabilities for piece in pieces if piece.log_probabilities is not None]
        spatial = [piece.spatial for piece in pieces if piece.spatial is not None]
        return Features(
            values=torch.cat([piece.values for piece in pieces]),
            log_probabilities=torch.cat(log_probabilities) if log_probabilities else None,
            spatial=torch.cat(spatial) if spatial else None,
        )


def normalised(levels: Tensor, mean: tuple[float, float, float], std: tuple[float, float, float]) -> Tensor:
    """Levels (n, 3, h, w), 255 white, shifted and scaled by mean and standard deviation per channel, white being 1."""
    shift, scale = (255 * torch.tensor(values, device=levels.device).view(3, 1, 1) for values in (mean, std))
    return (levels - shift) / scale


def read(extractor: str, path: Path) -> dict[str, Tensor]:
    """Tensors by name from a state dictionary or a TorchScript archive, on the CPU; no code of the file is run.

    Raises:
        DataError: The file is neither.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch says of old formats is of no use to a user
            if _is_script(path):
                loaded = torch.jit.load(path, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
            else:
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # damaged files raise whatever the reader trips over
        loaded = None
    if not isinstance(loaded, Mapping) or not all(isinstance(tensor, Tensor) for tensor in loaded.values()):
        raise DataError(f"extractor {extractor!r}: {str(path)!r} holds no state dictionary of tensors; give the published file")
    return {str(key): tensor.detach() for key, tensor in loaded.items()}


def filled(extractor: str, network: nn.Module, tensors: Mapping[str, Tensor], found: Found) -> nn.Module:
    """Puts weights into a network made on the meta device; counters of batches are left out.

    Raises:
        DataError: A tensor is missing, left over or of another shape: the weights are those of another network.
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


def _is_script(path: Path) -> bool:
    """Whether a file is a TorchScript archive."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())

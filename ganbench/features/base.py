"""What is a feature extractor, and how is it run over many examples?"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ganbench.errors import RequestError
from ganbench.metrics.base import Features


class Extractor(ABC):
    """A fixed map from examples to features.

    A subclass fills in the class attributes and :meth:`features`. Together with the weights' hash they are
    what the protocol key of a score says about its extractor.
    """

    name: ClassVar[str]
    """Registered name ("mnist-probe")."""
    version: ClassVar[int] = 1
    """Raised whenever the same example would give other features."""
    accepts: ClassVar[Literal["image", "points", "any"]]
    """uint8 images (n, channels, height, width), float points (n, d), or both."""
    width: ClassVar[int]
    """Number of features; 0 where it is that of the examples."""
    resize: ClassVar[str] = "none"
    """Named input protocol (see ``ganbench.features.resize``)."""
    classes: ClassVar[int] = 0
    """Number of classes; 0 where the extractor is no classifier."""
    class_names: ClassVar[tuple[str, ...]] = ()
    """What the classes are called; class diagnostics need a data set with the same ones."""

    def __init__(self, network: nn.Module | None = None, weights_sha256: str | None = None) -> None:
        self.network = network.eval().requires_grad_(False) if network is not None else None
        self.weights_sha256 = weights_sha256
        """Hash of the weights; None where there are none."""
        self.device = torch.device("cpu")

    def to(self, device: torch.device | str) -> Self:
        """Moves the network; examples must lie on the same device."""
        self.device = torch.device(device)
        if self.network is not None:
            self.network.to(self.device)
        return self

    def __call__(self, examples: Tensor) -> Features:
        """Features of one chunk of examples.

        Args:
            examples: uint8 (n, channels, height, width) or float (n, d), on the extractor's device.

        Returns:
            float64 features (n, width), on that device.

        Raises:
            RequestError: The extractor does not take examples of this kind, or not of this size.
        """
        kind = kind_of(examples)
        if self.accepts not in ("any", kind):
            other = "identity" if kind == "points" else "pixels"
            raise RequestError(
                f"extractor {self.name!r} takes {'images' if self.accepts == 'image' else 'points'}, and was given {_described(examples)}; "
                f"choose one for {'images' if kind == 'image' else 'points'}, for example {other!r}"
            )
        return self.features(examples)

    @abstractmethod
    def features(self, examples: Tensor) -> Features:
        """Features of examples of the right kind."""


def kind_of(examples: Tensor) -> Literal["image", "points"]:
    """Whether examples are images or points.

    Raises:
        RequestError: They are neither.
    """
    if examples.dtype == torch.uint8 and examples.ndim == 4 and examples.shape[1] in (1, 3):
        return "image"
    if examples.is_floating_point() and examples.ndim == 2:
        return "points"
    raise RequestError(f"features need uint8 images (n, 1 or 3, height, width) or float points (n, d), not {_described(examples)}")


def extract(extractor: Extractor, examples: Tensor | npt.NDArray[Any], device: torch.device | str = "cpu", chunk: int = 256) -> Features:
    """Features of all examples, in order.

    Chunks start at multiples of ``chunk`` whatever the device, and TF32 is off in convolutions, so that a
    score moves with neither the batch size of training nor the generation of the card.

    Args:
        extractor: Moved to ``device``.
        examples: uint8 (n, channels, height, width) or float (n, d), anywhere; chunks are moved one by one.
        device: Where the extractor runs.
        chunk: Examples at a time.

    Returns:
        float64 features (n, width) on ``device``.

    Raises:
        RequestError: There are no examples, or the extractor does not take them.
    """
    if len(examples) == 0:
        raise RequestError(f"extractor {extractor.name!r} was given no examples")
    if isinstance(examples, np.ndarray):
        examples = torch.from_numpy(np.ascontiguousarray(examples))
    extractor.to(device)
    cudnn: Any = torch.backends.cudnn
    with torch.inference_mode(), cudnn.flags(enabled=cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=False):
        pieces = [extractor(examples[start : start + chunk].to(device)) for start in range(0, len(examples), chunk)]
    # Outside inference mode, so that the result is an ordinary tensor.
    log_probabilities = [piece.log_probabilities for piece in pieces if piece.log_probabilities is not None]
    return Features(
        values=torch.cat([piece.values for piece in pieces]).double(),
        log_probabilities=torch.cat(log_probabilities).double() if log_probabilities else None,
    )


def _described(examples: Tensor) -> str:
    return f"{str(examples.dtype).removeprefix('torch.')} {tuple(examples.shape)}"

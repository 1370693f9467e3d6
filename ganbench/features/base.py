"""What is a feature extractor, and how is it applied to many examples?"""

import hashlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ganbench.errors import RequestError
from ganbench.features.published import Published, sha256
from ganbench.precision import convolutions
from ganbench.registry import EXTRACTORS
from ganbench.sets.features import Features


class Extractor(ABC):
    """A fixed map from examples to features.

    A subclass defines the class attributes and :meth:`features`. The attributes and the hash of the weights
    identify the extractor in the protocol key of a score. An extractor with published weights takes the argument
    ``weights=`` (a file, or a folder that contains it); all others are constructed without arguments.

    >>> class Means(Extractor):
    ...     name, accepts, width = "means", "image", 1
    ...     def features(self, examples):
    ...         return Features(values=examples.float().mean((1, 2, 3))[:, None])
    >>> Means()(torch.full((2, 1, 8, 8), 7, dtype=torch.uint8)).values
    tensor([[7.],
            [7.]])
    """

    name: ClassVar[str]
    """Registered name ("mnist-probe")."""
    version: ClassVar[int] = 1
    """Raised whenever the same example would give different features."""
    accepts: ClassVar[Literal["image", "points", "any"]]
    """uint8 images (n, channels, height, width), float points (n, d), or both."""
    width: ClassVar[int]
    """Number of features; 0 if it depends on the shape of the examples."""
    resize: str = "none"
    """Name of the resize protocol (see ``ganbench.features.resize``)."""
    dtype: str = "float32"
    """Arithmetic of the network: float32, or tf32 or bf16 in the fast mode."""
    classes: ClassVar[int] = 0
    """Number of classes; 0 if the extractor is not a classifier."""
    class_names: ClassVar[tuple[str, ...]] = ()
    """Names of the classes; class diagnostics need a data set with the same names."""
    published: ClassVar[Published | None] = None
    """The published file of weights; None if there is none."""
    gives_spatial: ClassVar[bool] = False
    """Whether the extractor can give spatial features if :attr:`wants_spatial` is set."""
    spatial_version: ClassVar[int] = 1
    """Raised whenever the same weights would give other spatial features."""
    wants_spatial: bool = False
    """Set to True to compute the features of an inner layer too, for sFID."""
    notes: tuple[str, ...] = ()
    """Remarks for the reader of its scores, one line each."""
    source_sha256: str | None = None
    """Hash of the weights and of all Python files in the folder of an extractor given as a file; None for all others."""

    def __init__(self, network: nn.Module | None = None, weights_sha256: str | None = None) -> None:
        self.network = network.eval().requires_grad_(False) if network is not None else None
        self.weights_sha256 = weights_sha256
        """Hash of the weights; None if there are none."""
        self.device = torch.device("cpu")

    def identity(self) -> dict[str, Any]:
        """What its features depend on besides the examples; part of the protocol of scores, caches and statistics."""
        return {
            "extractor": self.name,
            "extractor_version": self.version,
            "extractor_weights_sha256": self.weights_sha256,
            "resize": self.resize,
            "feature_dtype": "float64" if self.network is None else self.dtype,
            **({"extractor_source_sha256": self.source_sha256} if self.source_sha256 else {}),
        }

    def departures(self) -> list[str]:
        """Deviations from the protocol that its name stands for, as labels in tables."""
        other = self.published is not None and self.weights_sha256 != self.published.sha256
        return [*([self.dtype] if self.dtype != "float32" else []), *(["other weights"] if other else [])]

    def to(self, device: torch.device | str) -> Self:
        """Moves the network; examples must be on the same device."""
        self.device = torch.device(device)
        if self.network is not None:
            self.network.to(self.device)
        return self

    def expect(self, examples: int) -> None:  # noqa: B027
        """Announces the number of examples, so that a network can be compiled if that saves time.

        Args:
            examples: Number of examples, over all chunks.
        """

    def __call__(self, examples: Tensor) -> Features:
        """Features of one chunk of examples.

        Args:
            examples: uint8 (n, channels, height, width) or float (n, d), on the extractor's device.

        Returns:
            float32 or float64 features (n, width), on that device.

        Raises:
            RequestError: The extractor does not accept examples of this kind or size.
        """
        kind = kind_of(examples)
        if self.accepts not in ("any", kind):
            other = "identity" if kind == "points" else "pixels"
            raise RequestError(
                f"extractor {self.name!r} takes {'images' if self.accepts == 'image' else 'points'}, and was given {_described(examples)}; "
                f"choose one for {'images' if kind == 'image' else 'points'}, for example {other!r}"
            )
        try:
            found = self.features(examples)
        except RequestError:
            raise
        except Exception as error:
            if self.source_sha256 is None:
                raise  # an error in ganbench itself
            raise RequestError(f"extractor {self.name!r} raised {_raised(error)}") from error
        self._check(found, len(examples))
        return found

    def _check(self, found: Features, n: int) -> None:
        """Raises unless the features are a matrix of floats with one row per example."""
        values = getattr(found, "values", None)
        if not isinstance(found, Features) or not isinstance(values, Tensor):
            raise RequestError(f"extractor {self.name!r} gave a {type(found).__name__}; give ganbench.Features(values=...)")
        if not values.is_floating_point() or values.ndim != 2 or len(values) != n or self.width not in (0, values.shape[1]):
            wanted = f"float ({n}, {self.width or 'd'})"
            raise RequestError(f"extractor {self.name!r} gave {_described(values)} for {n} examples; give {wanted}, one row an example")

    @abstractmethod
    def features(self, examples: Tensor) -> Features:
        """Computes features of examples of the accepted kind."""


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

    Chunks start at multiples of ``chunk`` on every device, and TF32 is off in convolutions, so that a
    score depends neither on the batch size of training nor on the GPU generation.

    Args:
        extractor: The extractor; it is moved to ``device``.
        examples: uint8 (n, channels, height, width) or float (n, d), on any device; chunks are moved one by one.
        device: Where the extractor runs.
        chunk: Number of examples processed at a time.

    Returns:
        Features (n, width) on ``device``, float32 or float64 as returned by the extractor; log-probabilities are float64.

    Raises:
        RequestError: There are no examples, or the extractor does not accept them.
    """
    if len(examples) == 0:
        raise RequestError(f"extractor {extractor.name!r} was given no examples")
    if isinstance(examples, np.ndarray):
        examples = torch.from_numpy(np.ascontiguousarray(examples))
    extractor.to(device)
    extractor.expect(len(examples))
    with torch.inference_mode(), convolutions():
        pieces = [extractor(examples[start : start + chunk].to(device)) for start in range(0, len(examples), chunk)]
    # outside inference mode, so that the results are ordinary tensors
    log_probabilities = _joined([piece.log_probabilities for piece in pieces])
    return Features(
        values=torch.cat([piece.values for piece in pieces]),
        log_probabilities=None if log_probabilities is None else log_probabilities.double(),
        spatial=_joined([piece.spatial for piece in pieces]),
    )


def load_extractor(name: str, weights: Path | None = None, resize: str | None = None, fast: bool = False, strict: bool = True) -> Extractor:
    """Constructs an extractor.

    Args:
        name: A registered name, or ``path/to/file.py:Class``.
        weights: A file of weights, or a folder that contains the published one; None uses the default locations.
        resize: Resize protocol without its size ("tf1", "torch", "clean", "clean-gpu"); None uses the network's own.
        fast: Whether TF32 (CUDA) or bfloat16 (CPU) arithmetic may be used. It shifts scores and is recorded in ``dtype``.
        strict: Whether to raise for an option that the extractor does not take, instead of ignoring it.

    Raises:
        RequestError: The name is unknown or is no extractor, or the extractor takes no such option.
        DataError: Its weights are not on this machine, or belong to another network.
    """
    target = EXTRACTORS.target(name)
    found = EXTRACTORS.load(name)
    _check_class(name, found)
    options = {
        option: value
        for option, value, is_given in (
            ("weights", weights, weights is not None),
            ("resize", resize, resize is not None),
            ("fast", fast, fast),
        )
        if is_given
    }
    taken = inspect.signature(found).parameters
    for option in [option for option in options if option not in taken]:
        if not strict:
            del options[option]
        else:
            raise RequestError(f"extractor {name!r} takes no {option}; leave {option} out")
    needed = [key for key, parameter in taken.items() if parameter.default is parameter.empty and parameter.kind not in _ANY_NUMBER]
    if needed:
        raise RequestError(f"extractor {name!r} cannot be made without {', '.join(needed)}; give its constructor a default for each")
    try:
        extractor: Extractor = found(**options)
    except Exception as error:
        if not target.is_file or isinstance(error, RequestError):
            raise
        raise RequestError(f"extractor {name!r} raised {_raised(error)} when it was made") from error
    if not hasattr(extractor, "device"):
        raise RequestError(f"extractor {name!r} is not set up; call super().__init__() in its constructor")
    if target.is_file:
        if extractor.name in EXTRACTORS.targets:
            raise RequestError(
                f"extractor {name!r} calls itself {extractor.name!r}, which is the name of another; give it a name of its own"
            )
        extractor.source_sha256 = _source(target.path, extractor)
    return extractor


def _source(path: Path, extractor: Extractor) -> str:
    """Hash of what an extractor from a file may depend on: the Python files of its folder, and its weights."""
    digest = hashlib.sha256()
    for file in sorted(path.parent.glob("*.py")):
        digest.update(f"{file.name} {sha256(file)}\n".encode())
    for key, tensor in sorted(extractor.network.state_dict().items()) if extractor.network is not None else ():
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


_ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _check_class(name: str, found: Any) -> None:
    """Raises unless the class is a complete extractor."""
    if not (isinstance(found, type) and issubclass(found, Extractor)):
        raise RequestError(f"{name}: is no extractor; derive the class from ganbench.features.base.Extractor")
    missing = [attribute for attribute in ("name", "accepts", "width") if not hasattr(found, attribute)]
    missing += sorted(found.__abstractmethods__)
    if missing:
        raise RequestError(f"{name}: is no complete extractor; define {', '.join(missing)} in class {found.__name__}")


def _joined(pieces: Sequence[Tensor | None]) -> Tensor | None:
    there = [piece for piece in pieces if piece is not None]
    return torch.cat(there) if there else None


def _raised(error: Exception) -> str:
    """An error raised by a user's code, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def _described(examples: Tensor) -> str:
    return f"{str(examples.dtype).removeprefix('torch.')} {tuple(examples.shape)}"

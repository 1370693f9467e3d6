"""What is a feature extractor, and how is it run over many examples?"""

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

    A subclass fills in the class attributes and :meth:`features`. Together with the weights' hash they are
    what the protocol key of a score says about its extractor. One with published weights is made with
    ``weights=`` (a file, or a folder that holds it); every other one is made without arguments.
    """

    name: ClassVar[str]
    """Registered name ("mnist-probe")."""
    version: ClassVar[int] = 1
    """Raised whenever the same example would give other features."""
    accepts: ClassVar[Literal["image", "points", "any"]]
    """uint8 images (n, channels, height, width), float points (n, d), or both."""
    width: ClassVar[int]
    """Number of features; 0 where it is that of the examples."""
    resize: str = "none"
    """Named input protocol (see ``ganbench.features.resize``)."""
    dtype: str = "float32"
    """Arithmetic of the network: float32, or the tf32 or bf16 of a declared fast mode."""
    classes: ClassVar[int] = 0
    """Number of classes; 0 where the extractor is no classifier."""
    class_names: ClassVar[tuple[str, ...]] = ()
    """What the classes are called; class diagnostics need a data set with the same ones."""
    published: ClassVar[Published | None] = None
    """The file of weights that everybody uses; None where there is none."""
    gives_spatial: ClassVar[bool] = False
    """Whether :attr:`wants_spatial` is heeded."""
    wants_spatial: bool = False
    """Set it to have the features of an inner layer too, for sFID."""
    notes: tuple[str, ...] = ()
    """What a reader of its scores must know, a line each."""
    source_sha256: str | None = None
    """Hash of the Python files beside an extractor outside every package, and of its weights; None for all others."""

    def __init__(self, network: nn.Module | None = None, weights_sha256: str | None = None) -> None:
        self.network = network.eval().requires_grad_(False) if network is not None else None
        self.weights_sha256 = weights_sha256
        """Hash of the weights; None where there are none."""
        self.device = torch.device("cpu")

    def identity(self) -> dict[str, Any]:
        """What its features depend on besides the examples: part of the protocol of scores, and of the key of caches and statistics."""
        return {
            "extractor": self.name,
            "extractor_version": self.version,
            "extractor_weights_sha256": self.weights_sha256,
            "resize": self.resize,
            "feature_dtype": "float64" if self.network is None else self.dtype,
            **({"extractor_source_sha256": self.source_sha256} if self.source_sha256 else {}),
        }

    def departures(self) -> list[str]:
        """What sets its features apart from those that its bare name promises, for labels in tables."""
        other = self.published is not None and self.weights_sha256 != self.published.sha256
        return [*([self.dtype] if self.dtype != "float32" else []), *(["other weights"] if other else [])]

    def to(self, device: torch.device | str) -> Self:
        """Moves the network; examples must lie on the same device."""
        self.device = torch.device(device)
        if self.network is not None:
            self.network.to(self.device)
        return self

    def expect(self, examples: int) -> None:  # noqa: B027
        """Is told how many examples will follow: a network may prepare itself where that pays.

        Args:
            examples: Their number, over all chunks.
        """

    def __call__(self, examples: Tensor) -> Features:
        """Features of one chunk of examples.

        Args:
            examples: uint8 (n, channels, height, width) or float (n, d), on the extractor's device.

        Returns:
            float32 or float64 features (n, width), on that device.

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
        try:
            found = self.features(examples)
        except RequestError:
            raise
        except Exception as error:
            if self.source_sha256 is None:
                raise  # a fault of ours
            raise RequestError(f"extractor {self.name!r} raised {_raised(error)}") from error
        self._check(found, len(examples))
        return found

    def _check(self, found: Features, n: int) -> None:
        """Refuses what is no matrix of floats with a row an example."""
        values = getattr(found, "values", None)
        if not isinstance(found, Features) or not isinstance(values, Tensor):
            raise RequestError(f"extractor {self.name!r} gave a {type(found).__name__}; give ganbench.Features(values=...)")
        if not values.is_floating_point() or values.ndim != 2 or len(values) != n or self.width not in (0, values.shape[1]):
            wanted = f"float ({n}, {self.width or 'd'})"
            raise RequestError(f"extractor {self.name!r} gave {_described(values)} for {n} examples; give {wanted}, one row an example")

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
        Features (n, width) on ``device``, float32 or float64 as the extractor gives them; log-probabilities are float64.

    Raises:
        RequestError: There are no examples, or the extractor does not take them.
    """
    if len(examples) == 0:
        raise RequestError(f"extractor {extractor.name!r} was given no examples")
    if isinstance(examples, np.ndarray):
        examples = torch.from_numpy(np.ascontiguousarray(examples))
    extractor.to(device)
    extractor.expect(len(examples))
    with torch.inference_mode(), convolutions():
        pieces = [extractor(examples[start : start + chunk].to(device)) for start in range(0, len(examples), chunk)]
    # Outside inference mode, so that the results are ordinary tensors.
    log_probabilities = _joined([piece.log_probabilities for piece in pieces])
    return Features(
        values=torch.cat([piece.values for piece in pieces]),
        log_probabilities=None if log_probabilities is None else log_probabilities.double(),
        spatial=_joined([piece.spatial for piece in pieces]),
    )


def load_extractor(name: str, weights: Path | None = None, resize: str | None = None, fast: bool = False, strict: bool = True) -> Extractor:
    """Makes an extractor.

    Args:
        name: A registered name, or ``path/to/file.py:Class``.
        weights: A file of weights, or a folder that holds the published one; None looks in the usual places.
        resize: How images reach the network's size ("tf1", "torch", "clean", "clean-gpu"); None is the network's own way.
        fast: Whether TF32 (CUDA) or bfloat16 (CPU) arithmetic may be used. It shifts scores, and ``dtype`` says so.
        strict: Whether an option that the extractor does not take is refused; otherwise it is meant for another one.

    Raises:
        RequestError: Nobody knows the name, it is no extractor, or the extractor takes no such option.
        DataError: Its weights are not on this machine, or are those of another network.
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
    """Hash of what an extractor from a file may depend on: the Python files of its folder, and the weights that it loaded itself."""
    digest = hashlib.sha256()
    for file in sorted(path.parent.glob("*.py")):
        digest.update(f"{file.name} {sha256(file)}\n".encode())
    for key, tensor in sorted(extractor.network.state_dict().items()) if extractor.network is not None else ():
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


_ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _check_class(name: str, found: Any) -> None:
    """Refuses what is no complete extractor."""
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
    """An error of a user's code, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def _described(examples: Tensor) -> str:
    return f"{str(examples.dtype).removeprefix('torch.')} {tuple(examples.shape)}"

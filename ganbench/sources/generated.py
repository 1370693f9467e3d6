"""How are examples drawn from a user's own generator?

Example i depends only on the generator, the seed and i: examples are drawn in chunks of a fixed size, each with its
own random streams, whichever examples are requested.
"""

import hashlib
import importlib
import os
import sys
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganbench import seeding
from ganbench.errors import DataError, Diverged, RequestError, UnknownName
from ganbench.sampling import CHUNK, to_uint8
from ganbench.sets.source import Source
from ganbench.targets import Target

DEFAULT_N = 50_000
"""Default number of examples, as in the literature."""


class DrawnSource(Source):
    """Examples that are drawn in chunks of ``CHUNK``.

    Args:
        name: The name as the user wrote it.
        n: Number of examples; None is ``DEFAULT_N``.
        seed: Root seed of the streams.
    """

    def __init__(self, name: str, n: int | None, seed: int) -> None:
        super().__init__(name)
        self.n, self.seed = n or DEFAULT_N, seed
        self._chunk = lru_cache(maxsize=4)(self._checked)

    def __len__(self) -> int:
        return self.n

    def at(self, indices: Sequence[int]) -> Tensor:
        """Draws the examples at these indices, chunk by chunk.

        Raises:
            Diverged: The generator gave a value that is not finite.
        """
        return torch.stack([self._chunk(index // CHUNK)[index % CHUNK] for index in indices])

    def _checked(self, chunk: int) -> Tensor:
        with torch.inference_mode():
            drawn = self.draw(chunk)
        return _examples(drawn, self.name)

    @abstractmethod
    def draw(self, chunk: int) -> Tensor:
        """Draws one chunk, as returned by the generator."""


def _examples(drawn: Any, name: str) -> Tensor:
    """A generator's output as uint8 images or float32 points; raises for any other output."""
    values = torch.from_numpy(drawn) if isinstance(drawn, np.ndarray) and drawn.dtype.kind in "biufc" else drawn
    if not isinstance(values, Tensor) or values.layout != torch.strided or not values.ndim:
        raise DataError(
            f"{name}: gave a {type(drawn).__name__}; give a tensor or numpy array of {CHUNK} images (n, channels, height, width)"
        )
    values = values.detach().cpu()
    if len(values) != CHUNK:
        raise DataError(f"{name}: gave {len(values)} examples when asked for {CHUNK}; give as many as asked for")
    if values.dtype == torch.uint8 and values.ndim == 4:
        if values.shape[1] in (1, 3):
            return values
        if values.shape[3] in (1, 3):
            return values.permute(0, 3, 1, 2).contiguous()
    if not values.is_floating_point() or values.ndim not in (2, 4) or (values.ndim == 4 and values.shape[1] not in (1, 3)):
        kind = f"{str(values.dtype).removeprefix('torch.')} {tuple(values.shape)}"
        raise DataError(f"{name}: gave {kind}; give uint8 or float images in [-1, 1] of shape (n, 1 or 3, height, width), or points (n, d)")
    if not bool(values.isfinite().all()):
        raise Diverged(f"{name}: gave values that are not finite, so there is nothing to score; look at the generator")
    if values.ndim == 2:
        return values.float()
    low, high = values.min().item(), values.max().item()
    if low < -1.5 or high > 1.5:
        raise DataError(f"{name}: gave images from {low:.3g} to {high:.3g}; floats lie in [-1, 1], levels 0 to 255 come as uint8")
    return to_uint8(values)


class FunctionSource(DrawnSource):
    """Examples from a user's function: ``function(n, seed)`` returns n examples.

    Args:
        name: ``module:callable`` or ``file.py:callable``.
        n: Number of examples; None is ``DEFAULT_N``.
        seed: Root seed, from which every chunk's seed is derived.

    Raises:
        RequestError: The function cannot be imported, or is not callable.
    """

    def __init__(self, name: str, n: int | None, seed: int) -> None:
        super().__init__(name, n, seed)
        self.function = _function(name)
        self.remarks.append(f"{name}: code is not hashed, so its features are not cached")

    def draw(self, chunk: int) -> Tensor:
        """Calls the function once."""
        try:
            return self.function(CHUNK, seeding.derive(self.seed, "eval-latents", chunk) % 2**32)  # type: ignore[no-any-return]
        except (Exception, SystemExit) as error:
            raise RequestError(f"{self.name}({CHUNK}, seed) raised {type(error).__name__}: {brief(error)}") from error


def _function(name: str) -> Callable[[int, int], Any]:
    target = Target.parse(name)
    if target.is_file:
        found = target.load()
    else:
        module, attribute = target.place, target.attribute
        if os.getcwd() not in sys.path:
            sys.path.append(os.getcwd())  # as `python -m` does, but last, so that it shadows no other module
        try:
            loaded = importlib.import_module(module)
        except (Exception, SystemExit) as error:
            raise RequestError(
                f"{name}: module {module!r} cannot be imported: {type(error).__name__}: {brief(error)}; "
                "a function of a file is written path/to/file.py:function"
            ) from None
        if not hasattr(loaded, attribute):
            raise UnknownName(f"function in {module}", attribute, [key for key, value in vars(loaded).items() if callable(value)])
        found = getattr(loaded, attribute)
    if not callable(found):
        raise RequestError(f"{name}: is a {type(found).__name__}, no function; write def sample(n, seed) that returns n images")
    return found  # type: ignore[no-any-return]


def digest(*parts: object) -> str:
    """SHA-256 of everything that a generator's examples depend on."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def last_line(error: BaseException) -> str:
    """The last line of a long error message, such as TorchScript's."""
    lines = str(error).strip().splitlines()
    return " ".join(lines[-1].split())[:160] if lines else type(error).__name__


def brief(error: BaseException) -> str:
    """The message of an error in foreign code, on one short line."""
    return " ".join(str(error).split())[:160] or type(error).__name__

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

import torch
from torch import Tensor

from ganbench import seeding
from ganbench.errors import RequestError, UnknownName
from ganbench.sampling import CHUNK
from ganbench.sets.source import Source
from ganbench.sources.outputs import Reading, returned
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
        self._reading: Reading | None = None

    def __len__(self) -> int:
        return self.n

    def at(self, indices: Sequence[int]) -> Tensor:
        """Draws the examples at these indices, chunk by chunk.

        Raises:
            Diverged: The generator gave a value that is not finite.
        """
        return torch.stack([self._chunk(index // CHUNK)[index % CHUNK] for index in indices])

    @property
    def reading(self) -> Reading:
        """How the generator's output is read: as its first chunk shows, which is drawn if it was not yet."""
        if self._reading is None:
            self._chunk(0)
        assert self._reading is not None
        return self._reading

    def _checked(self, chunk: int) -> Tensor:
        with torch.inference_mode():
            values = returned(self.draw(chunk), CHUNK, self.name)
        if self._reading is None and chunk == 0:
            self._reading = Reading.of(values, self.name)
            self.notes += [f"{self.name}: {self._reading.note}"] if self._reading.note else []
        return self.reading.examples(values, self.name)

    @abstractmethod
    def draw(self, chunk: int) -> Any:
        """Draws one chunk, as returned by the generator."""


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
        self._chunk(0)  # now, so that a mistake is told and the reading noted before anything else is opened

    def draw(self, chunk: int) -> Any:
        """Calls the function once."""
        try:
            return self.function(CHUNK, seeding.derive(self.seed, "eval-latents", chunk) % 2**32)
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

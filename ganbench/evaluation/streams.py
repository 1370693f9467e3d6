"""How are the features of batches kept? (all of them, or sums and a sample where mean and covariance suffice)"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganbench.errors import DataError
from ganbench.features.base import Extractor, extract
from ganbench.plan.facts import Need
from ganbench.sets.features import Features, Sketch
from ganbench.sets.moments import CHUNK, INFLUENCES, Sums, evenly
from ganbench.sets.source import GivenSet, Network, Selection

CPU = torch.device("cpu")


class Stream(GivenSet):
    """A set whose examples come in batches, of which only features are kept.

    Args:
        name: Name of the set, for messages.
        extractor: The extractor of the features.
        device: Where it runs.
        sketched: Whether mean and covariance suffice; then memory does not grow with the features.
        limit: Largest number of examples.
    """

    def __init__(self, name: str, extractor: Extractor, device: torch.device, sketched: bool, limit: int) -> None:
        super().__init__(name)
        self._extractor, self._device, self._limit = extractor, device, limit
        self._kept: _Sums | _Rows = _Sums() if sketched else _Rows()
        self._n = self._beyond = 0
        self._form: tuple[int, ...] = ()
        self._hash = hashlib.sha256()

    def __len__(self) -> int:
        return self._n

    def gives(self, need: Need, network: Network) -> bool:
        """Whether features of the extractor suffice."""
        match need:
            case "features" | "moments":
                return True
            case "probabilities":
                return network.classes > 0
            case "spatial":
                return network.gives_spatial
        return False

    def known(self, selection: Selection, needs: Collection[Need]) -> Features:
        """The features so far."""
        return self._kept.features(self._n)

    @property
    def left_out(self) -> str:
        """A note on examples beyond the limit; empty if there are none."""
        return f"{self.name}: {self._beyond:,} examples beyond max_examples={self._limit:,} are left out" if self._beyond else ""

    def add(self, examples: npt.NDArray[Any], notes: Sequence[str], are_features: bool) -> None:
        """Adds the features of a batch.

        Args:
            examples: uint8 images, points, or features.
            notes: What was assumed about them; those on the first batch are kept.
            are_features: Whether they are features.

        Raises:
            DataError: The examples have another shape than those before.
        """
        form: tuple[int, ...] = tuple(examples.shape[1:])
        if self._n and form != self._form:
            raise DataError(f"{self.name}: examples of shape {form} after those of {self._form}; give batches of one shape")
        self._beyond += max(0, self._n + len(examples) - self._limit)
        examples = examples[: self._limit - self._n]
        if not len(examples):
            return
        self._form, self.form = form, () if are_features else form
        if not self._n:
            self.notes += notes
        self._hash.update(np.ascontiguousarray(examples).tobytes())
        self.content = f"batches/{self._hash.hexdigest()}"
        found = Features(values=torch.from_numpy(examples)) if are_features else extract(self._extractor, examples, self._device)
        cpu = {name: value.to(CPU) for name in ("values", "log_probabilities", "spatial") if (value := getattr(found, name)) is not None}
        self._kept.add(replace(found, **cpu), self._n)
        self._n += len(examples)


class _Rows:
    """All features."""

    def __init__(self) -> None:
        self._parts: list[Features] = []

    def add(self, part: Features, start: int) -> None:
        self._parts.append(part)

    def features(self, n: int) -> Features:
        if len(self._parts) > 1:  # joined once, so that the next scores cost nothing more
            values = torch.cat([part.values for part in self._parts])
            log_probabilities = _joined([part.log_probabilities for part in self._parts])
            self._parts = [
                Features(values=values, log_probabilities=log_probabilities, spatial=_joined([part.spatial for part in self._parts]))
            ]
        return self._parts[0]


class _Sums:
    """Sums over chunks, as :func:`ganbench.sets.moments.moments` takes them, and some examples for intervals."""

    def __init__(self) -> None:
        self._sums: Sums | None = None
        self._tail: Tensor | None = None
        """Features of fewer than ``CHUNK`` examples, which are not in the sums yet."""
        self._stride = 1
        """Every how many examples one is in the sample."""
        self._sample: list[Tensor] = []
        self._numbers: list[Tensor] = []
        self._log_probabilities: list[Tensor | None] = []

    def add(self, part: Features, start: int) -> None:
        values = part.values if self._tail is None else torch.cat([self._tail, part.values])
        whole = len(values) // CHUNK * CHUNK
        if self._sums is None:
            self._sums = Sums(values.shape[1], values.device)
        for begin in range(0, whole, CHUNK):
            self._sums.add(values[begin : begin + CHUNK])
        self._tail = values[whole:].clone()
        self._log_probabilities.append(part.log_probabilities)
        numbers = torch.arange(start, start + len(part.values))
        self._sample.append(part.values[numbers % self._stride == 0])
        self._numbers.append(numbers[numbers % self._stride == 0])
        while sum(map(len, self._numbers)) > 2 * INFLUENCES:
            self._stride *= 2
            chosen = [numbers % self._stride == 0 for numbers in self._numbers]
            self._sample = [values[which] for values, which in zip(self._sample, chosen, strict=True)]
            self._numbers = [numbers[which] for numbers, which in zip(self._numbers, chosen, strict=True)]

    def features(self, n: int) -> Sketch:
        assert self._sums is not None and self._tail is not None
        sample = torch.cat(self._sample)
        sums = self._sums.extended(self._tail) if len(self._tail) else self._sums
        return Sketch(
            values=sample[evenly(len(sample), min(len(sample), INFLUENCES))],
            of_all=sums.moments(),
            log_probabilities=_joined(self._log_probabilities),
        )


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known) if known else None

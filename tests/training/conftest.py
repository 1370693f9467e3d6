"""A recorder of training steps for CPUs, under the rules of a CUDA graph: nothing is read back, and no number comes from the host."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from traceback import extract_stack
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganbench.training import engines
from ganbench.training.engines.graph import Graph

aten = torch.ops.aten
FORBIDDEN = {aten._local_scalar_dense: "reads a number back", aten.lift_fresh: "brings numbers from the host"}


@dataclass(frozen=True)
class Operation:
    """An operation with the very tensors that it read and wrote."""

    function: Any
    args: Any
    kwargs: Any
    results: list[Tensor]

    def repeat(self) -> None:
        for kept, new in zip(self.results, tensors(self.function(*self.args, **self.kwargs)), strict=True):
            if kept.data_ptr() != new.data_ptr():
                kept.copy_(new)


class Tape(TorchDispatchMode):
    """A recorder for CPUs. To record it executes, and then puts back what was there before: memory, and the state of the generator."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.before: dict[int, tuple[Tensor, Tensor]] = {}
        self.made: set[int] = set()
        self.replayed = 0

    def execute(self, step: Callable[[], None]) -> None:
        step()

    def record(self, step: Callable[[], None]) -> Callable[[], None]:
        self.operations, self.before, self.made = [], {}, set()
        numbers = torch.get_rng_state()
        try:
            with self:
                step()
        finally:
            torch.set_rng_state(numbers)
            for memory, content in self.before.values():
                memory.copy_(content)
        operations = self.operations

        @torch.no_grad()
        def replay() -> None:
            self.replayed += 1
            for operation in operations:
                operation.repeat()

        return replay

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # on CPUs alone, torch's optimizers count with a number of the host
        counts = function.overloadpacket is aten.lift_fresh and any("torch/optim" in frame.filename for frame in extract_stack())
        if not counts and (why := FORBIDDEN.get(function.overloadpacket)):
            raise RuntimeError(f"a recorded step {why}")
        given = kwargs or {}
        for tensor in tensors((args, given)):
            memory = whole(tensor)
            if memory.data_ptr() not in self.made | self.before.keys():
                self.before[memory.data_ptr()] = memory, memory.clone()
        out = function(*args, **given)
        self.made |= {whole(tensor).data_ptr() for tensor in tensors(out)} - self.before.keys()
        self.operations.append(Operation(function, args, given, tensors(out)))
        return out


def whole(tensor: Tensor) -> Tensor:
    """All of the memory that a tensor is a view of; not every operation says which of its arguments it writes over."""
    storage = tensor.untyped_storage()
    return torch.empty(0, dtype=torch.uint8).set_(storage, 0, (storage.nbytes(),))


def tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


@pytest.fixture
def tapes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Tape]]:
    """Makes the engine record on a tape, and RMSprop count where it may be recorded, which torch allows on GPUs alone."""
    made: list[Tape] = []

    for name in ("graph", "graph-channels-last"):
        kind = engines.ENGINES[name]

        def new(kind: Callable[..., Graph] = kind, **fields: Any) -> Graph:
            made.append(Tape())
            return kind(**fields, recorder=made[-1])

        new.refuses = lambda variant: ""  # type: ignore[attr-defined]
        monkeypatch.setitem(engines.ENGINES, name, new)
    monkeypatch.setattr(sys.modules["torch.optim.rmsprop"], "_get_capturable_supported_devices", lambda **_: ["cpu"])
    yield made

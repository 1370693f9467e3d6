"""How many floating-point operations does a piece of code execute, and how many a second could the device?

Counted are matrix products and convolutions, forwards and backwards, at the level at which torch hands them to the device. There every
derivative is an operation like any other, also that of a gradient penalty, for which torch's own counter has no answer: it follows modules.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ganbench.plan.spec import Precision
from ganbench.precision import products
from ganbench.timing.stopwatch import seconds_of

SIDES = {"cpu": 2_048, "cuda": 8_192}
"""Sides of the square matrices whose product gives the ceiling, by kind of device: larger ones gain nothing on either."""
TRIES = 5


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the operations of everything that is executed within it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        from torch.utils.flop_counter import flop_registry  # takes half a second to import

        aten = torch.ops.aten
        self._formulas: dict[Any, Callable[..., int]] = {
            **flop_registry,
            aten.mv: lambda matrix, vector, **_: 2 * matrix.numel(),
            aten.addmv: lambda base, matrix, vector, **_: 2 * matrix.numel(),
            aten.dot: lambda first, second, **_: 2 * first.numel(),
        }
        self.total = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        formula = self._formulas.get(operation.overloadpacket)
        if formula is None:
            with self:  # where no gradient is recorded, operations arrive that consist of others, such as a linear layer
                parts = operation.decompose(*args, **given)
            if parts is not NotImplemented:
                return parts
        out = operation(*args, **given)
        if formula is not None:
            self.total += int(formula(*args, **given, out_val=out))
        return out


def operations(call: Callable[[], object]) -> int:
    """Floating-point operations of a call, two for each multiplication with its addition.

    >>> operations(lambda: torch.zeros(2, 3) @ torch.zeros(3, 5))
    60
    """
    counter = _Counter()
    with counter:
        call()
    return counter.total


def ceiling(device: torch.device, precision: Precision) -> float:
    """Operations a second of the product of two large square matrices, the best of some tries.

    Args:
        device: Device that computes it.
        precision: Number format of the factors.
    """
    side = SIDES[device.type]
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    first, second = (torch.ones(side, side, dtype=kind, device=device) for _ in range(2))
    with torch.inference_mode(), products("tf32" if precision == "tf32" else "ieee"):
        torch.mm(first, second)
        best = min(seconds_of(lambda: torch.mm(first, second), device) for _ in range(TRIES))
    return 2 * side**3 / best

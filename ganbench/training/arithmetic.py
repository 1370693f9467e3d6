"""In which number formats is a training step computed?

In bfloat16 the step itself stays in float32: losses, penalties, augmentation, gradients and optimizers. Only while a network is called,
autocast rounds the factors of its convolutions and matrix products to bfloat16, which keeps 7 of float32's 23 bits; the weights stay in
float32, and what the network returns is converted to it.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.errors import RequestError
from ganbench.plan.spec import Precision
from ganbench.precision import products

_rounds: ContextVar[bool] = ContextVar("rounds", default=False)
"""Whether networks that are called now compute in bfloat16."""


TENSOR_CORES = (8, 0)
"""Lowest compute capability of a GPU that has TF32 and bfloat16 (NVIDIA's Ampere)."""


def check_precision(precision: Precision, device: torch.device) -> None:
    """Checks that a device has a precision, which torch would otherwise replace or emulate without a word.

    Raises:
        RequestError: It does not.
    """
    if precision == "tf32" and device.type != "cuda":
        raise RequestError('training.precision = "tf32" is a format of CUDA GPUs; on a CPU take "fp32" or "bf16"')
    if precision != "fp32" and device.type == "cuda" and (found := torch.cuda.get_device_capability(device)) < TENSOR_CORES:
        said = f"{torch.cuda.get_device_name(device)} has compute capability {found[0]}.{found[1]}"
        raise RequestError(f'training.precision = "{precision}" needs compute capability 8.0, and {said}; take "fp32"')


def arithmetic(precision: Precision, networks: nn.Module, device: torch.device) -> Callable[[], AbstractContextManager[None]]:
    """Makes a context around a training step, in which its products are computed in a precision.

    Args:
        precision: ``training.precision`` of the run.
        networks: The method, whose modules are prepared for bfloat16 if it is asked for.
        device: Its device.

    Raises:
        RequestError: The device does not have the precision.
    """
    check_precision(precision, device)
    if precision == "bf16":
        _prepare(networks, device.type)

    @contextmanager
    def around() -> Iterator[None]:
        # cuDNN tries algorithms only where the process does not insist on deterministic ones
        tried = not torch.are_deterministic_algorithms_enabled()
        before = _rounds.set(precision == "bf16")
        try:
            with products("tf32" if precision == "tf32" else "ieee", tried):
                yield
        finally:
            _rounds.reset(before)

    return around


@contextmanager
def float32() -> Iterator[None]:
    """Within the block, networks compute in float32 also in a step in bfloat16.

    For what a few bits do not suffice: the slopes of a penalty, which pass all layers twice, or a norm that is iterated from step to step.
    """
    before = _rounds.set(False)
    try:
        with ExitStack() as stack:
            for kind in ("cpu", "cuda"):
                if torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            yield
    finally:
        _rounds.reset(before)


def _prepare(networks: nn.Module, kind: str) -> None:
    """Makes every module open autocast when it is called from outside of the others; a method may call any part of a network.

    A module without parameters is no part of a network, unless one calls it: an augmentation, say.
    """
    calls = _Calls(kind)
    for module in networks.modules():
        if module is not networks and any(True for _ in module.parameters()):
            module.register_forward_pre_hook(calls.enter)
            module.register_forward_hook(calls.leave, always_call=True)


class _Calls:
    """The calls of modules that have not returned yet, with the autocast that each has opened.

    Args:
        kind: Kind of the device, "cpu" or "cuda".
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._open: list[torch.autocast | None] = []

    def enter(self, module: nn.Module, inputs: Any) -> None:
        """Opens autocast, unless it is open or not wanted."""
        wanted = _rounds.get() and not torch.is_autocast_enabled(self._kind)
        block = torch.autocast(self._kind, torch.bfloat16, cache_enabled=False) if wanted else None
        self._open.append(block)
        if block is not None:
            block.__enter__()  # type: ignore[no-untyped-call]

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        """Closes what this call has opened, and converts its output."""
        block = self._open.pop()
        if block is None:
            return output
        block.__exit__(None, None, None)
        return _in_float32(output)


def _in_float32(value: Any) -> Any:
    """An output with its tensors of bfloat16 converted to float32."""
    if isinstance(value, Tensor):
        return value.float() if value.dtype == torch.bfloat16 else value
    if isinstance(value, tuple | list):
        parts = [_in_float32(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {name: _in_float32(part) for name, part in value.items()}
    return value

"""How do weights get from somebody else's network into ours? (layer by layer, in the order in which a forward pass calls them)"""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

TENSORS = ("weight", "bias", "gamma", "running_mean", "running_var")
"""Tensors of a layer that are copied."""


@contextmanager
def imported(folder: Path, *names: str, absent: Mapping[str, Any] | None = None) -> Iterator[list[ModuleType]]:
    """Modules of a checkout; all that came from it is forgotten afterwards, as different checkouts use the same names.

    Args:
        folder: The checkout.
        names: Of the modules.
        absent: What stands in for modules that it imports and a comparison does not need, by name.
    """
    before = set(sys.modules)
    stand_ins = {name: module for name, module in (absent or {}).items() if name not in sys.modules}
    sys.modules.update(stand_ins)
    sys.path.insert(0, str(folder))
    try:
        yield [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if name in stand_ins or str(getattr(sys.modules[name], "__file__", "") or "").startswith(str(folder)):
                del sys.modules[name]


def called(network: nn.Module, run: Callable[[], Any]) -> list[nn.Module]:
    """The layers with weights of their own that a forward pass calls, in that order, each once."""
    order: dict[nn.Module, None] = {}
    hooks = [
        module.register_forward_pre_hook(lambda module, _: order.setdefault(module)) for module in network.modules() if _weighted(module)
    ]
    try:
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    return list(order)


def _weighted(module: nn.Module) -> bool:
    own = any(True for _ in module.parameters(recurse=False)) and not isinstance(module, parametrize.ParametrizationList)
    return own or parametrize.is_parametrized(module)


@torch.no_grad()
def randomised(layers: list[nn.Module]) -> None:
    """Gives layers weights that a comparison can see: random ones everywhere, and spectral norms of 1 for all matrices.

    Networks with spectral normalisation then compute the same however good their estimates are, and biases and gains are not 0 or 1.
    """
    for layer in layers:
        for name in TENSORS:
            tensor = _tensor(layer, name)
            if tensor is None:
                continue
            if tensor.dim() > 1:
                nn.init.orthogonal_(tensor)
            else:
                tensor.copy_(0.5 + torch.rand_like(tensor))


@torch.no_grad()
def copied(theirs: list[nn.Module], ours: list[nn.Module]) -> None:
    """Copies the weights of one list of layers to another.

    Args:
        theirs: Layers to copy from.
        ours: As many layers of the same sizes; a bias that only ours has becomes 0, statistics stay as new ones.

    Raises:
        ValueError: The lists do not match.
    """
    if len(theirs) != len(ours):
        raise ValueError(f"{len(theirs)} layers of theirs and {len(ours)} of ours")
    for place, (source, target) in enumerate(zip(theirs, ours, strict=True)):
        for name in TENSORS:
            given, wanted = _tensor(source, name), _tensor(target, name)
            if wanted is None:
                if given is not None:
                    raise ValueError(f"layer {place}: {name} of {type(source).__name__} has no place in {type(target).__name__}")
                continue
            if given is None and name.startswith("running"):
                continue
            given = torch.zeros_like(wanted) if given is None else given
            if given.numel() != wanted.numel():
                raise ValueError(f"layer {place}: {name} of {type(source).__name__} is {tuple(given.shape)}, ours {tuple(wanted.shape)}")
            wanted.copy_(given.reshape(wanted.shape))


def _tensor(layer: nn.Module, name: str) -> Tensor | None:
    """A tensor of a layer, the one ahead of spectral normalisation where there is that."""
    if parametrize.is_parametrized(layer, name):
        original: Tensor = layer.get_submodule(f"parametrizations.{name}").original  # type: ignore[assignment]
        return original
    known = (f"{name}_orig", name, *(["gain"] if name == "weight" else []))
    found = (getattr(layer, one, None) for one in known)
    return next((tensor for tensor in found if isinstance(tensor, Tensor)), None)


def parameters(network: nn.Module) -> int:
    """Number of a network's parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def apart(ours: Tensor, theirs: Tensor) -> float:
    """Largest difference as a share of the largest value."""
    return ((ours.reshape(theirs.shape) - theirs).abs().max() / theirs.abs().max()).item()

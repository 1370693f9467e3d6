"""How is a run's state kept, so that a kill at any moment loses little and corrupts nothing?

``checkpoints/<step>/`` holds ``raw.safetensors``, ``ema.safetensors`` and ``state.pt`` (tensors, numbers
and strings only, read with ``weights_only``). A checkpoint is written beside and renamed into place.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

KEEP = 2
"""Checkpoints that stay; the one before the newest is there in case the newest cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a run goes on from."""

    weights: dict[str, dict[str, Tensor]]
    state: dict[str, Any]
    path: Path


def write_checkpoint(folder: Path, weights: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> Path:
    """Writes a checkpoint atomically and prunes old ones.

    Args:
        folder: The run's ``checkpoints`` folder.
        weights: Tensors by name, in files by name.
        state: Plain data and tensors; ``state["step"]`` names the checkpoint.

    Returns:
        Where it lies.
    """
    target = folder / f"{state['step']:09d}"
    partial = folder / f".partial-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, tensors in weights.items():
        save_file(
            {key: value.detach().cpu().clone(memory_format=torch.contiguous_format) for key, value in tensors.items()},
            partial / f"{name}.safetensors",
        )
    torch.save({**state, "weights": sorted(weights)}, partial / "state.pt")
    for file in partial.iterdir():
        _sync(file)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(partial, target)
    _sync(folder)
    prune(folder)
    return target


def prune(folder: Path, keep: int = KEEP) -> None:
    """Removes all but the newest checkpoints, and what a killed writer left behind."""
    for path in _newest_first(folder)[keep:]:
        shutil.rmtree(path)
    for path in folder.glob(".partial-*"):
        shutil.rmtree(path, ignore_errors=True)


def readable(folder: Path, device: torch.device) -> Iterator[Checkpoint]:
    """Checkpoints from the newest backwards; one that cannot be read is passed over.

    Args:
        folder: The run's ``checkpoints`` folder; it may be missing.
        device: Where the tensors go.
    """
    for path in _newest_first(folder):
        try:
            state = torch.load(path / "state.pt", map_location="cpu", weights_only=True)
            weights = {name: load_file(path / f"{name}.safetensors", device=str(device)) for name in state.pop("weights")}
        except Exception:  # safetensors and torch raise types of their own for a damaged file
            continue
        yield Checkpoint(weights=weights, state=state, path=path)


def weights_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Hash of names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _newest_first(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("*") if path.name.isdigit()), reverse=True)


def _sync(path: Path) -> None:
    """Makes sure that what was written is on the disk before it gets its name."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

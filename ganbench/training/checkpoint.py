"""How is a run's state saved, so that it survives being killed at any moment?

``checkpoints/<step>/`` contains ``raw.safetensors``, ``ema.safetensors`` and ``state.pt`` (only tensors, numbers
and strings, read with ``weights_only``). A checkpoint is written to a temporary folder, which is then renamed.
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
"""Number of checkpoints kept; the second is a fallback if the newest cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state from which a run resumes."""

    weights: dict[str, dict[str, Tensor]]
    state: dict[str, Any]
    path: Path


def write_checkpoint(folder: Path, weights: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> Path:
    """Writes a checkpoint atomically and deletes old ones.

    Args:
        folder: The run's ``checkpoints`` folder.
        weights: For every file name, tensors by name.
        state: Plain data and tensors; the checkpoint is named after ``state["step"]``.

    Returns:
        The checkpoint's folder.
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
    """Deletes all but the newest checkpoints, and temporary folders left by killed processes."""
    for path in _newest_first(folder)[keep:]:
        shutil.rmtree(path)
    for path in folder.glob(".partial-*"):
        shutil.rmtree(path, ignore_errors=True)


def read_checkpoints(folder: Path, device: torch.device) -> Iterator[Checkpoint]:
    """Yields checkpoints from newest to oldest, skipping those that cannot be read.

    Args:
        folder: The run's ``checkpoints`` folder; it may be missing.
        device: Device for the weights; the state is loaded on the CPU.
    """
    for path in _newest_first(folder):
        try:
            state = torch.load(path / "state.pt", map_location="cpu", weights_only=True)
            weights = {name: load_file(path / f"{name}.safetensors", device=str(device)) for name in state.pop("weights")}
        except Exception:  # safetensors and torch raise many types of errors for a damaged file
            continue
        yield Checkpoint(weights=weights, state=state, path=path)


def weights_sha256(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, dtypes, shapes and bytes, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _newest_first(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("*") if path.name.isdigit()), reverse=True)


def _sync(path: Path) -> None:
    """Flushes a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

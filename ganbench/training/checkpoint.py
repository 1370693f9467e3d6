"""How is a run's state saved, so that it survives being killed at any moment?

``checkpoints/<step>/`` contains ``raw.safetensors``, ``ema.safetensors`` and ``state.pt`` (only tensors, numbers
and strings, read with ``weights_only``), and ``hashes.json`` with the SHA-256 of each, which must agree before any of
them is opened. A checkpoint is written to a temporary folder, which is then renamed.
"""

import errno
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

from ganbench.errors import RequestError
from ganbench.storage import read_json, write_json

KEEP = 2
"""Number of checkpoints kept; the second is a fallback if the newest cannot be read."""
HASHES = "hashes.json"
"""Name of the file with the hashes of the others."""


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
    with (partial / "state.pt").open("wb") as handle:  # torch's own writer hides why a write failed
        torch.save({**state, "weights": sorted(weights), "hashed": True}, handle)
    write_json(partial / HASHES, {file.name: _sha256(file) for file in sorted(partial.iterdir())})
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
    sweep_checkpoints(folder)


def sweep_checkpoints(folder: Path) -> None:
    """Deletes temporary folders left by killed processes."""
    for path in folder.glob(".partial-*"):
        shutil.rmtree(path, ignore_errors=True)


def discard(folder: Path, after: int = -1) -> None:
    """Deletes the checkpoints after a step, from which a run does not go on, so that they never count among those kept."""
    for path in _newest_first(folder):
        if int(path.name) > after:
            shutil.rmtree(path)


def read_checkpoints(
    folder: Path, device: torch.device, run_id: str | None = None, faults: list[str] | None = None
) -> Iterator[Checkpoint]:
    """Yields checkpoints from newest to oldest, skipping those that are damaged or of another run.

    Args:
        folder: The run's ``checkpoints`` folder; it may be missing.
        device: Device for the weights; the state is loaded on the CPU.
        run_id: The run whose checkpoints are wanted; None takes any.
        faults: Receives a line about every checkpoint that was skipped.
    """
    for path in _newest_first(folder):
        verified = False
        try:
            if hashed := (path / HASHES).exists():
                _check_hashes(path)
                verified = True
            state = torch.load(path / "state.pt", map_location="cpu", weights_only=True)
            if state.pop("hashed", False) and not hashed:
                raise RequestError(f"{HASHES} is missing")
            if run_id is not None and state.get("run_id") != run_id:
                raise RequestError(f"is of run {state.get('run_id')}, not of {run_id}")
            weights = {name: load_file(path / f"{name}.safetensors", device=str(device)) for name in state.pop("weights")}
        except Exception as error:  # safetensors and torch raise many types of errors for a damaged file
            if _of_machine(error, verified):
                raise
            if faults is not None:
                faults.append(f"checkpoint {path.name}: {str(error) if isinstance(error, RequestError) else 'damaged'}")
            continue
        yield Checkpoint(weights=weights, state=state, path=path)


def _of_machine(error: Exception, verified: bool) -> bool:
    """Whether an error of reading does not show that a checkpoint is damaged: the disk, the memory or the device may be at fault.

    Args:
        error: The error.
        verified: Whether the files had the hashes with which they were written.
    """
    if isinstance(error, OSError):
        return error.errno in (errno.EIO, errno.ESTALE, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENODEV)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (verified and isinstance(error, RuntimeError))


def _check_hashes(path: Path) -> None:
    """Raises unless every file of a checkpoint is as it was written."""
    try:
        wanted = read_json(path / HASHES)
    except RequestError:
        raise RequestError(f"{HASHES} is damaged") from None  # without the path, since the message may get into a record
    for file in sorted(path.iterdir()):
        if file.name != HASHES and _sha256(file) != wanted.get(file.name):
            raise RequestError(f"{file.name} is damaged, its hash is another")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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

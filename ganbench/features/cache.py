"""Where are computed features cached on disk?

An entry is a folder named after a hash of content and protocol, not of paths or times. It contains shards of
a fixed number of examples, each with a hash of its values. An interrupted extraction therefore continues
with the missing shards, and a damaged shard is reported and computed again.
"""

import contextlib
import hashlib
import json
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import platformdirs
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.sets.moments import CHUNK
from ganbench.storage import check_folder, writable_folder, write_json

SHARD = CHUNK
"""Number of examples in a shard; equal to the chunk of moments, so that both give the same bits."""
FORMAT = 2
"""Raised when the format of entries changes; 2 added facts about levels and bands."""


def cache_root(explicit: Path | None) -> Path:
    """The folder of all entries: the given one, else ``GANBENCH_CACHE``, else in the user's cache folder."""
    if explicit is not None:
        return explicit.expanduser()
    if from_environment := os.environ.get("GANBENCH_CACHE"):
        return Path(from_environment).expanduser()
    return platformdirs.user_cache_path("ganbench") / "features"


class Store:
    """Cached features of one set of examples under one protocol.

    Args:
        root: Folder of all entries.
        key: What the features depend on; the entry is named after its hash.
        size: Number of examples.
    """

    def __init__(self, root: Path, key: Mapping[str, Any], size: int) -> None:
        self.key, self.size = {"format": FORMAT, "size": size, **key}, size
        canonical = json.dumps(self.key, sort_keys=True, separators=(",", ":"))
        self.folder = root / hashlib.sha256(canonical.encode()).hexdigest()[:24]
        self.damaged: list[str] = []
        """Paths of damaged shards, with the reason."""
        check_folder(self.folder, "--cache")  # before any computation; the folder is created with the first shard

    @property
    def shards(self) -> int:
        """Number of shards in a complete entry."""
        return -(-self.size // SHARD)

    def extent(self, shard: int) -> range:
        """Indices of a shard's examples."""
        return range(shard * SHARD, min((shard + 1) * SHARD, self.size))

    def missing(self) -> list[int]:
        """Indices of the shards that are missing or damaged; damaged ones are deleted and listed in ``damaged``."""
        return [shard for shard in range(self.shards) if not self._intact(shard)]

    def write(self, shard: int, tensors: Mapping[str, Tensor]) -> None:
        """Writes a shard atomically."""
        if not (self.folder / "key.json").exists():
            write_json(writable_folder(self.folder, "--cache") / "key.json", self.key)
        path = self._path(shard)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        try:
            save_file(contiguous, partial, metadata={"sha256": _digest(contiguous)})
            os.replace(partial, path)
        except (SafetensorError, OSError) as error:
            partial.unlink(missing_ok=True)
            reason = " ".join(str(error).split())[:120]
            raise RequestError(f"{self.folder}: cannot be written to ({reason}); make room, or name another folder with --cache") from None

    def read(self, shard: int, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Reads the named tensors of an existing shard, or all of them."""
        with safe_open(self._path(shard), framework="pt") as file:
            return {name: file.get_tensor(name) for name in (sorted(file.keys()) if names is None else names)}

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:06d}.safetensors"

    def _intact(self, shard: int) -> bool:
        path = self._path(shard)
        if not path.exists():
            return False
        try:
            with safe_open(path, framework="pt") as file:
                expected = (file.metadata() or {}).get("sha256")
            tensors = self.read(shard)
            problem = "" if _digest(tensors) == expected else "its values do not fit their hash"
            if not problem and {len(tensor) for tensor in tensors.values()} != {len(self.extent(shard))}:
                problem = "it has another number of examples"
        except (SafetensorError, OSError, ValueError, KeyError, struct.error) as error:
            problem = " ".join(str(error).split())[:120] or type(error).__name__
        if problem:
            self.damaged.append(f"{path}: {problem}")
            with contextlib.suppress(OSError):
                path.unlink()
        return not problem


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()

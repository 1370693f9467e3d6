"""How are mean and covariance stored in a file, and merged?"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ganbench.errors import DataError
from ganbench.results.record import protocol_key
from ganbench.sets.moments import Moments
from ganbench.sources.naming import check_target
from ganbench.storage import writable_folder

FORMAT = 2
"""Raised when the format of the files changes."""
STORED = ("mu", "sigma", "n", "ddof", "format", "protocol", "protocol_key", "parts", "notes")
"""Names of the arrays in a file."""


def write_statistics(path: Path, moments: Moments, protocol: Mapping[str, Any], parts: Sequence[str], notes: Sequence[str] = ()) -> None:
    """Writes mean, covariance and how they were made, in the arrays :data:`STORED`; other tools read the first two.

    Args:
        path: The npz file to write.
        moments: Mean and covariance.
        protocol: The identity of the extractor: its name, weights and resize protocol.
        parts: Content hashes of the sets of examples.
        notes: What happened to the examples while they were read.

    Raises:
        DataError: There are fewer than 2 examples.
        RequestError: The file cannot be written.
    """
    check_target(path)
    if moments.n < 2:
        raise DataError(f"{str(path)!r}: a covariance needs at least 2 examples, and there is {moments.n}; name a larger set")
    partial = writable_folder(path.parent) / f".{path.stem}.{os.getpid()}.npz"
    np.savez(
        partial,
        mu=moments.mean.cpu().numpy(),
        sigma=moments.covariance.cpu().numpy(),
        n=np.int64(moments.n),
        ddof=np.int64(1),
        format=np.int64(FORMAT),
        protocol=np.array(json.dumps(dict(protocol), sort_keys=True)),
        protocol_key=np.array(protocol_key(protocol)),
        parts=np.array(list(parts), str),
        notes=np.array(list(notes), str),
    )
    os.replace(partial, path)


def protocol_of(found: Mapping[str, npt.NDArray[Any]], where: str) -> tuple[dict[str, Any], int | None]:
    """Protocol and number of examples from a file written by ganbench; ({}, None) for other files.

    Raises:
        DataError: The file's protocol was changed after it was written, or its format is newer than this version reads.
    """
    if "protocol" not in found or "format" not in found:
        return {}, None
    try:
        protocol = json.loads(str(found["protocol"]))
        intact = isinstance(protocol, dict) and protocol_key(protocol) == str(found["protocol_key"])
        n, written = int(found["n"]), int(found["format"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        intact, n, written = False, 0, 0
    if not intact or n < 2:
        raise DataError(f"{where}: its protocol does not fit its key; make the statistics again with `ganbench stats`")
    if written > FORMAT:
        raise DataError(f"{where}: statistics of format {written}; this ganbench reads up to {FORMAT}, so update ganbench")
    if written == 1 and protocol.get("extractor_weights_sha256") is None:
        protocol["feature_dtype"] = "float64"  # format 1 stated another dtype for extractors without a network
    return protocol, n


def notes_of(found: Mapping[str, npt.NDArray[Any]]) -> list[str]:
    """What happened to the examples, from a file written by ganbench; empty for older and other files."""
    notes = found.get("notes", np.array([], str))
    return [str(note) for note in notes] if notes.dtype.kind == "U" and notes.ndim == 1 else []


def merged(first: Moments, second: Moments) -> Moments:
    """Moments of the union of two sets (Chan, Golub and LeVeque 1979, equation 2.1).

    Raises:
        DataError: The sets have different numbers of features.
    """
    if first.mean.shape != second.mean.shape:
        raise DataError(f"sets with {len(first.mean)} and {len(second.mean)} features cannot be merged; take all from one extractor")
    scatters = [part.covariance * (part.n - 1) if part.n > 1 else torch.zeros_like(part.covariance) for part in (first, second)]
    n, gap = first.n + second.n, second.mean - first.mean
    scatter = (scatters[0] + scatters[1]).addr_(gap, gap, alpha=first.n * second.n / n)
    return Moments(n=n, mean=first.mean + gap * (second.n / n), covariance=scatter / (n - 1))

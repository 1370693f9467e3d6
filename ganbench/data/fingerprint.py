"""Are two loaded data sets identical?"""

import hashlib
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from ganbench.data.dataset import Split


def fingerprint(train: Split, held_out: Split) -> str:
    """SHA-256 over the values, shapes, types and labels of both splits, in order.

    Args:
        train: The training split.
        held_out: The held-out split.

    Returns:
        64 hexadecimal digits, independent of the machine (values are hashed in little-endian order).
    """
    digest = hashlib.sha256()
    for role, split in (("train", train), ("held_out", held_out)):
        for kind, array in (("examples", split.examples), ("labels", split.labels)):
            _add(digest, f"{role}/{kind}", array)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", role: str, array: npt.NDArray[Any] | None) -> None:
    """Hashes a header that ends in a newline, then the values; the header determines how many bytes follow."""
    if array is None:
        digest.update(json.dumps([role, None]).encode() + b"\n")
        return
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    digest.update(json.dumps([role, str(array.dtype.name), list(array.shape)]).encode() + b"\n")
    digest.update(little.data.cast("B") if little.size else b"")

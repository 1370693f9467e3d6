"""Which examples are held out when a data set has no official split?

A fifth, chosen by a permutation that depends only on the number of examples and not on the seed of a run, so
every run of every variant is scored against the same examples.
"""

import numpy as np
import numpy.typing as npt

from ganbench.data.dataset import Split

HELD_OUT_SHARE = 0.2
SEED = 0
"""Fixed seed of the permutation."""


def held_out_split(examples: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64] | None) -> tuple[Split, Split]:
    """Splits examples into a training split and a held-out split of a fifth, at least one.

    The examples of both splits keep their order.

    Args:
        examples: uint8 (n, channels, height, width), n >= 2.
        labels: int64 (n,), or None.

    Returns:
        The training split and the held-out split.
    """
    n = len(examples)
    order = permutation(n)
    n_held_out = max(1, round(n * HELD_OUT_SHARE))
    train, held_out = np.sort(order[n_held_out:]), np.sort(order[:n_held_out])
    return _part(examples, labels, train), _part(examples, labels, held_out)


def outlined_split(examples: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64] | None) -> tuple[Split, Split]:
    """The split of examples that are all alike, without a copy."""
    marked = held_out_split(np.zeros(len(examples), np.uint8), labels)
    train, held_out = (Split(examples=examples[: len(part)], labels=part.labels) for part in marked)
    return train, held_out


def permutation(n: int) -> npt.NDArray[np.int64]:
    """A permutation of 0 to n - 1 that depends only on n.

    It sorts raw PCG64 outputs, because numpy guarantees the same raw outputs in every release, but not the same
    ``Generator.permutation``.
    """
    return np.argsort(np.random.PCG64(SEED).random_raw(n), kind="stable")


def _part(examples: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64] | None, chosen: npt.NDArray[np.int64]) -> Split:
    return Split(examples=examples[chosen], labels=None if labels is None else labels[chosen])

"""What can go wrong, in which words?

::

    GanbenchError
    ├── RequestError        the request was wrong: one line, exit code 2, nothing written
    │   ├── DataError       ... in the data that it points at
    │   └── UnknownName     ... a name that no registry holds
    ├── Diverged            a run left the finite numbers; a result, not a fault
    └── Interrupted         stopped on request; the same command goes on

A message says what was wrong, where, the nearest valid choice and the next command, on one line.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GanbenchError(Exception):
    """Base of everything that ganbench raises on purpose."""


class RequestError(GanbenchError):
    """The request cannot be carried out as it was written (exit code 2)."""


class DataError(RequestError):
    """The data that a request points at cannot be used as they are."""


class UnknownName(RequestError):
    """A name that is not registered.

    Args:
        kind: What was looked up, singular ("variant").
        name: The name as given.
        known: Every valid name.
        hint: How to see or reach the valid ones; appended to the message.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        names = sorted(known)
        guess = nearest(name, names)
        choice = f"did you mean {guess!r}?" if guess else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"unknown {kind} {name!r}; {choice}" + (f" ({hint})" if hint else ""))


class Diverged(GanbenchError):
    """Training or sampling left the finite numbers.

    Args:
        detail: What was seen, in words.
        images_seen: Real images that the discriminator had seen when it happened; None if that is for the caller to say.
    """

    def __init__(self, detail: str, images_seen: int | None = None) -> None:
        super().__init__(detail)
        self.images_seen = images_seen


class Interrupted(GanbenchError):
    """The run was asked to stop and left a checkpoint behind."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The valid choice that the writer most likely meant, or None when nothing is close."""
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    close = get_close_matches(name.lower().replace("-", "_"), folded, n=1, cutoff=0.5)
    return folded[close[0]] if close else None

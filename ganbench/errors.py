"""Which errors does ganbench raise?

::

    GanbenchError
    ├── RequestError        the request is invalid: one line, exit code 2, nothing written
    │   ├── DataError       ... because of the data that it names
    │   └── UnknownName     ... because of a name that is not registered
    ├── Diverged            a run produced non-finite numbers; a result, not a fault
    └── Interrupted         stopped on request; the same command resumes
        └── MachineFault    ... by a fault of the machine: a full disk, no memory, a lost device

A message is one line that says what is wrong, where, the nearest valid choice and the next command.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from ganbench.text import plain


class GanbenchError(Exception):
    """Base class of all errors that ganbench raises deliberately."""

    def __str__(self) -> str:
        """The message, in which names from elsewhere cannot control a terminal."""
        return plain(super().__str__())


class RequestError(GanbenchError):
    """The request is invalid and cannot be carried out (exit code 2)."""


class DataError(RequestError):
    """The data that a request names cannot be used."""


class UnknownName(RequestError):
    """A name that is not registered.

    Args:
        kind: Kind of the name, in the singular ("variant").
        name: The name as the user wrote it.
        known: All valid names.
        hint: How to list or extend the valid names; appended to the message.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        names = sorted(known)
        guess = nearest(name, names)
        choice = f"did you mean {guess!r}?" if guess else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"unknown {kind} {name!r}; {choice}" + (f" ({hint})" if hint else ""))


class Diverged(GanbenchError):
    """Training, sampling or a metric produced non-finite numbers.

    Args:
        detail: What was observed, in words.
        images_seen: Real images that the discriminator had seen when it happened; None if only the caller knows.
    """

    def __init__(self, detail: str, images_seen: int | None = None) -> None:
        super().__init__(detail)
        self.images_seen = images_seen


class Interrupted(GanbenchError):
    """The run was asked to stop and wrote a checkpoint."""


class MachineFault(Interrupted):
    """A fault of the machine stopped the run, which says nothing about the method; the same command goes on."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The valid name that the user most likely meant, or None if no name is close."""
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    close = get_close_matches(name.lower().replace("-", "_"), folded, n=1, cutoff=0.5)
    return folded[close[0]] if close else None

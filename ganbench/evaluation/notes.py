"""In which order does a reader see the notes on an evaluation? (the worst first)"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Weight(IntEnum):
    """How much a note says against the scores."""

    WRONG = 0
    """The examples are probably not those that were meant: copies of real ones, or levels in a wrong range."""
    CHANGED = 1
    """Examples were changed or left out while they were read, or are in doubt."""
    COMPARISON = 2
    """Scores may not be compared with those of other sets."""
    REMARK = 3
    """Good to know."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """One line for the reader of scores."""

    weight: Weight
    text: str


def wrong(text: str) -> Note:
    """A note that the examples are probably not those that were meant."""
    return Note(weight=Weight.WRONG, text=text)


def changed(text: str) -> Note:
    """A note on examples that were changed or left out, or are in doubt."""
    return Note(weight=Weight.CHANGED, text=text)


def comparison(text: str) -> Note:
    """A note on what the scores may be compared with."""
    return Note(weight=Weight.COMPARISON, text=text)


def remark(text: str) -> Note:
    """A note that is good to know."""
    return Note(weight=Weight.REMARK, text=text)


def ordered(notes: Iterable[Note]) -> tuple[str, ...]:
    """The notes as text, the worst first, each once.

    >>> ordered([remark("b"), wrong("a"), remark("b")])
    ('a', 'b')
    """
    return tuple(dict.fromkeys(note.text for note in sorted(notes, key=lambda note: note.weight)))

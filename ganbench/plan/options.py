"""Which fields of a dataclass are options of a command, and with which help?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Help:
    """The help of a field that is an option of a command; a field without it is not an option."""

    text: str
    flag: str = ""
    """The option's name if it differs from the field's."""
    names: str = ""
    """Kind of registered names that a shell offers as values, as "extractors"; "": none."""

"""What does an option say to the person who sets it? (fields of dataclasses that are options of a command as well)"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Help:
    """What a command's help says of a field; a field without it is no option."""

    text: str
    flag: str = ""
    """Where it is not the field's name."""

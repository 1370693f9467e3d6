"""How do the classes of several labelled sets correspond? (names decide; names that are all numbers count as numbers)"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.data.dataset import Dataset

SHOWN = 8
"""Number of classes that a message lists."""


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes of a labelled set."""

    numbers: tuple[int, ...]
    """Numbers that stand for classes in the set's labels, ascending."""
    names: tuple[str, ...] = ()
    """Name of each of them; empty if classes have only numbers."""
    own_numbers: bool = True
    """Whether the numbers belong to the classes, as in CIFAR-10, and are not merely places in a sorted list of names."""

    @classmethod
    def of(cls, labels: Tensor, names: Sequence[str] = ()) -> "Classes":
        """The classes of labels (n,), whose names are in the order of their numbers."""
        numbers = range(len(names)) if names else torch.unique(labels).tolist()
        return cls(numbers=tuple(numbers), names=tuple(names), own_numbers=not names)

    @classmethod
    def of_data(cls, dataset: Dataset, own_numbers: bool) -> "Classes | None":
        """The classes of a data set; None without labels."""
        count = dataset.shape.classes
        return cls(numbers=tuple(range(count)), names=dataset.class_names, own_numbers=own_numbers) if count else None

    @property
    def named_numbers(self) -> tuple[int, ...]:
        """The numbers that the names are ("07" is 7); empty if a name is no number, or two are the same."""
        found = tuple(int(name) for name in self.names if name.isascii() and name.isdigit())
        return found if len(set(found)) == len(self.names) else ()

    def __str__(self) -> str:
        return _listed(self.names or self.numbers)


def renumbering(own: Classes, base: Classes) -> Tensor | str:
    """The numbers in a base set of the classes of another set.

    >>> folders = Classes(numbers=(0, 1, 2), names=("1", "10", "2"), own_numbers=False)
    >>> renumbering(folders, Classes(numbers=(1, 2, 10)))
    tensor([ 1, 10,  2])

    Args:
        own: The classes of the set.
        base: The classes with whose numbers it is to be labelled.

    Returns:
        int64 (largest number + 1,): the base set's number for every number of the set; or why there is none, in words.
    """
    keys, base_keys = _keys(own, base)
    if keys is None or base_keys is None:
        return "one side names its classes and the other only numbers them, and which is which would be a guess"
    missing, foreign = [key for key in base_keys if key not in keys], [key for key in keys if key not in base_keys]
    if missing or foreign:
        lacks, has = (", ".join(repr(key) for key in found[:SHOWN]) for found in (missing, foreign))
        return "; ".join([*([f"the {{own}} set lacks {lacks}"] if lacks else []), *([f"the {{own}} set alone has {has}"] if has else [])])
    numbers = torch.zeros(max(own.numbers) + 1, dtype=torch.int64)
    for key, number in keys.items():
        numbers[number] = base_keys[key]
    return numbers


def disagreement(sides: Mapping[str, Classes]) -> str:
    """Why the classes of several sets do not correspond, with the classes of both; empty if they do.

    Args:
        sides: Classes by the role of the set; the first is the base.
    """
    (role, base), *others = sides.items()
    for other, classes in others:
        found = renumbering(classes, base)
        if isinstance(found, str):
            return (
                f"needs the same classes on both sides: {found.replace('{own}', other)} ({role}: {base}; {other}: {classes}); "
                "name them alike: sub-folders called by the same names or numbers, or labels saved as names (an array of str)"
            )
    return ""


def _keys(own: Classes, base: Classes) -> tuple[dict[str | int, int] | None, dict[str | int, int] | None]:
    """What identifies the classes of both sets, with their numbers; None if a set has only the other kind."""
    numbered = _numbered(own), _numbered(base)
    called_numbers = all(numbered) and (own.named_numbers or base.named_numbers)
    if own.names and base.names and not called_numbers:
        return dict(zip(own.names, own.numbers, strict=True)), dict(zip(base.names, base.numbers, strict=True))
    return numbered


def _numbered(classes: Classes) -> dict[str | int, int] | None:
    """Classes by the numbers that identify them; None if only names do."""
    numbers = classes.named_numbers or (classes.numbers if classes.own_numbers else ())
    return dict(zip(numbers, classes.numbers, strict=True)) if numbers else None


def _listed(found: Sequence[str | int]) -> str:
    """Classes in a message, shortened."""
    return ", ".join(map(str, found[:SHOWN])) + (f", ... ({len(found):,} in all)" if len(found) > SHOWN else "")

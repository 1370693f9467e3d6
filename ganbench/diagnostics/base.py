"""What is a diagnostic, and what does it receive?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from ganbench.data.dataset import ModeSet
from ganbench.registry import DIAGNOSTICS
from ganbench.results.record import Diagnostic
from ganbench.sets.comparison import Comparison


@dataclass(frozen=True, kw_only=True)
class Case:
    """One generated set, as diagnostics see it."""

    comparison: Comparison
    """Features of the real and the generated set."""
    examples: Tensor | None = None
    """The generated examples themselves, where they are at hand."""
    class_shares: Tensor | None = None
    """Share of every class in the reference (classes,), where the extractor is a classifier of these classes."""
    modes: ModeSet | None = None
    """The exact modes of the data, where they are points of a mixture."""
    mode_counts: Callable[[], Tensor] | None = None
    """Generated examples in each mode (modes,), int64, of data whose modes are the classes of a classifier."""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """A registered diagnostic: numbers that belong together, and when they mean something."""

    name: str
    measures: tuple[str, ...]
    """Names of its numbers in records."""
    fits: Callable[[Case], bool]
    """Whether it says something of such a case."""
    examine: Callable[[Case], list[Diagnostic]]


def examine(case: Case) -> Iterator[Diagnostic]:
    """The numbers of every registered diagnostic that fits a case, in the order of their registration.

    Raises:
        RequestError: There are too few examples for one of them.
    """
    for name in DIAGNOSTICS.names():
        examination: Examination = DIAGNOSTICS.load(name)
        if examination.fits(case):
            yield from examination.examine(case)

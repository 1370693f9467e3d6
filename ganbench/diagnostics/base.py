"""What is a diagnostic, and what are its inputs?"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from ganbench.data.dataset import ModeSet
from ganbench.registry import DIAGNOSTICS
from ganbench.results.record import Diagnostic
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import LatentModel


@dataclass(frozen=True, kw_only=True)
class Case:
    """The inputs of diagnostics of one generated set."""

    comparison: Comparison
    """Features of the reference set and the generated set."""
    examples: Tensor | None = None
    """The generated examples, if available."""
    class_shares: Tensor | None = None
    """Fraction of every class in the reference (classes,), if the extractor is a classifier of these classes."""
    modes: ModeSet | None = None
    """The exact modes of the data, if they are a synthetic mixture."""
    mode_counts: Callable[[], Tensor] | None = None
    """Counts the generated examples in each mode (modes,), int64, if the modes are the classes of a classifier."""
    generator: LatentModel | None = None
    """The generator of the examples, if it is at hand."""
    real_examples: Tensor | None = None
    """Some real examples: uint8 images (n, channels, height, width) or points (n, dimensions); None if only features are known."""
    seed: int = 0
    """Root seed of the diagnostics' random numbers (streams ``diagnostic/<name>``)."""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """A registered diagnostic: a group of numbers, and the cases in which they apply.

    >>> counted = Examination(
    ...     name="count",
    ...     measures=("count",),
    ...     fits=lambda case: True,
    ...     examine=lambda case: [Diagnostic(name="count", value=case.comparison.n_fake, perfect=None, n=case.comparison.n_fake)],
    ... )
    >>> from ganbench.sets.features import Features
    >>> import torch
    >>> case = Case(comparison=Comparison(*(Features(values=torch.rand(n, 2)) for n in (20, 10))))
    >>> counted.examine(case)[0].value
    10
    """

    name: str
    measures: tuple[str, ...]
    """Names of its numbers in records."""
    fits: Callable[[Case], bool]
    """Whether the diagnostic applies to a case."""
    examine: Callable[[Case], list[Diagnostic]]
    while_training: bool = True
    """Whether every evaluation of a run computes and records it, and ``ganbench score`` shows it. False for one that takes too long for
    that: only ``ganbench diagnose``, which computes all, does."""
    limits: Callable[[Case], Mapping[str, tuple[float, float]]] = lambda case: {}
    """Smallest and largest possible value of its measures, infinite if there is none; an absent measure has neither."""
    needs: str = ""
    """What a case must have for the diagnostic to apply, in words, for readers of a diagnosis from which it is missing."""


def examine(case: Case) -> Iterator[Diagnostic]:
    """Computes the registered diagnostics that apply to a case and belong to every evaluation, in the order of registration.

    Raises:
        RequestError: There are too few examples for one of them.
    """
    for name in DIAGNOSTICS.names():
        examination: Examination = DIAGNOSTICS.load(name)
        if examination.while_training and examination.fits(case):
            yield from examination.examine(case)

"""What does a diagnosis of a generated set contain? (every diagnostic beside its value on held-out real examples, with a verdict)"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from ganbench.errors import UnknownName

SCHEMA_VERSION = 1
"""Raised when the JSON form changes incompatibly."""
Verdict = Literal["fine", "suspicious", "collapsed"]
"""What a rule says of a value: as for real examples; worse than real examples; the examples have lost half of what real ones have."""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""All verdicts, the worst last."""


class UnknownMeasure(UnknownName, KeyError):
    """A measure that was not computed."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One number on the generated examples, and the same number on as many held-out real ones."""

    diagnostic: str
    """Registered name of the diagnostic that gave it."""
    measure: str
    value: float | None
    """Of the generated examples; None if undefined (a divergence over no samples)."""
    held_out: float | None
    """Of the held-out real examples; None if undefined, or if real examples cannot have it (they come from no latents)."""
    perfect: float | None
    """Of a perfect generator at this n, in closed form; None where it is not known."""
    least: float | None
    """Smallest possible value; None if there is none."""
    most: float | None
    """Largest possible value; None if there is none."""
    n: int
    """Number of examples that the value is computed from."""
    verdict: Verdict | None
    """None where no rule judges the measure, or nothing can be said at this n."""
    why: str = ""
    """Why the verdict is not "fine", in words."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ModeShare:
    """How often one mode or class is generated, compared with how often it occurs."""

    name: str
    """Name of the class, or number of the mode."""
    expected: float
    """Its fraction of the real examples, or the exact one of a mixture."""
    generated: int
    """Number of generated examples in it."""
    ratio: float
    """Fraction of the generated examples over the expected fraction."""
    low: float
    """Ends of the ratio's 95 % interval (Clopper and Pearson), for this mode alone."""
    high: float


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An example beside its nearest training example, measured between features."""

    example: int
    """Number of the example in its set, from 0."""
    training: int
    """Number of the training example in the reference set, from 0."""
    distance: float
    """Euclidean distance of their features; 0 for copies."""
    ratio: float | None
    """The distance over that of the training example to its nearest other training example: below 1 the example is nearer than any
    training example is. None if the training example has an exact copy."""


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Images of pairs, an example first and its nearest training example second."""

    generated: tuple[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], ...]
    """Each (channels, height, width); in the order of :attr:`Diagnosis.pairs`."""
    held_out: tuple[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], ...]
    """In the order of :attr:`Diagnosis.held_out_pairs`."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The findings on a generated set; ``diagnosis["duplicate_rate"]`` is one of them.

    >>> import ganbench, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = ganbench.diagnose(np.zeros((500, 2)), rng.normal(size=(1000, 2)), extractor="identity")
    >>> found.verdict, found["duplicate_rate"].value
    ('collapsed', 1.0)
    """

    findings: tuple[Finding, ...]
    n: int
    """Number of generated examples, and of held-out ones, that were examined."""
    n_reference: int
    """Number of real examples of the reference set."""
    held_out_is: str
    """Where the held-out examples come from, in words."""
    extractor: dict[str, Any]
    """Everything that the features depend on."""
    shares: tuple[ModeShare, ...] = ()
    """Every mode or class that real examples have; empty if none are known."""
    pairs: tuple[Pair, ...] = ()
    """Generated examples that are nearest to a training example, the most suspicious first."""
    held_out_pairs: tuple[Pair, ...] = ()
    """The same of held-out examples, for comparison."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Diagnostics that do not apply, each with what it would need."""
    warnings: tuple[str, ...] = ()
    pictures: Pictures | None = None
    """Images of the pairs; None if the examples are no images."""

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all findings."""
        return max((one.verdict for one in self.findings if one.verdict), key=VERDICTS.index, default="fine")

    def __getitem__(self, measure: str) -> Finding:
        """The finding of a measure.

        Raises:
            UnknownMeasure: It was not computed (a KeyError).
        """
        for one in self.findings:
            if one.measure == measure:
                return one
        raise UnknownMeasure("measure", measure, list(self), "; ".join(f"left out: {name} ({why})" for name, why in self.left_out))

    def __iter__(self) -> Iterator[str]:
        """The names of the measures."""
        return iter([one.measure for one in self.findings])

    def __len__(self) -> int:
        return len(self.findings)

    def __contains__(self, measure: object) -> bool:
        return any(measure == one.measure for one in self.findings)

    def __repr__(self) -> str:
        told = [f"{one.measure} {one.verdict}" for one in self.findings if one.verdict not in (None, "fine")]
        return f"Diagnosis({self.verdict}{': ' if told else ''}{', '.join(told)})"

    def to_json(self) -> dict[str, Any]:
        """The diagnosis as plain data for JSON."""
        return {
            "schema_version": SCHEMA_VERSION,
            "verdict": self.verdict,
            "findings": [asdict(one) for one in self.findings],
            "n": self.n,
            "n_reference": self.n_reference,
            "held_out": self.held_out_is,
            "extractor": self.extractor,
            "shares": [asdict(one) for one in self.shares],
            "pairs": [asdict(one) for one in self.pairs],
            "held_out_pairs": [asdict(one) for one in self.held_out_pairs],
            "left_out": [{"diagnostic": name, "needs": why} for name, why in self.left_out],
            "warnings": list(self.warnings),
        }

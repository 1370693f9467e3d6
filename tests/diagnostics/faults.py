"""Which faults of generators are made up here, on features whose modes and classes are known exactly?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from torch import Tensor

from ganbench.data.dataset import ModeSet
from ganbench.diagnostics.base import Case, Examination
from ganbench.diagnostics.classes import class_histogram
from ganbench.evaluation.diagnosis import findings_of
from ganbench.registry import DIAGNOSTICS
from ganbench.results.diagnosis import Finding
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison, Reference
from ganbench.sets.features import Features


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixture:
    """Equally weighted isotropic Gaussians, with their exact posterior as the classifier."""

    centres: Tensor
    sigma: float
    n: int
    """Number of generated and of held-out examples; the reference has twice as many."""
    counted: bool
    """Whether diagnostics see the modes themselves (points), or the classes of the classifier."""
    seed: int = 0

    def draw(self, n: int, *name: int, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Examples (n, d) and their modes."""
        generator = stream(self.seed, "test-mixture", *name)
        modes = torch.randint(len(self.centres), (n,), generator=generator) if classes is None else classes
        return self.centres[modes] + self.sigma * torch.randn(n, self.centres.shape[1], generator=generator, dtype=torch.float64), modes

    def features(self, points: Tensor) -> Features:
        if self.counted:
            return Features(values=points)
        logits = -torch.cdist(points, self.centres).square() / (2 * self.sigma**2)
        return Features(values=points, log_probabilities=logits.log_softmax(1))

    @cached_property
    def reference(self) -> Reference:
        return Reference(self.features(self.draw(2 * self.n, 0)[0]))

    def case(self, points: Tensor) -> Case:
        shares = self.reference.features.log_probabilities
        return Case(
            comparison=Comparison(self.reference, self.features(points)),
            examples=points if self.counted else None,
            modes=ModeSet(centres=self.centres.numpy(), sigma=self.sigma) if self.counted else None,
            class_shares=None if shares is None else class_histogram(shares).double() / len(shares),
        )

    @cached_property
    def held_out(self) -> Case:
        return self.case(self.draw(self.n, 1)[0])

    def findings(self, points: Tensor, *names: str) -> list[Finding]:
        """What every registered diagnostic, or each of those named, says of generated points, beside the held-out ones."""
        both = {"generated": self.case(points), "held-out": self.held_out}
        fitting = [(name, one) for name, one in examinations() if one.fits(both["generated"]) and name in (names or DIAGNOSTICS.names())]
        return [found for name, one in fitting for found in findings_of(name, one, both)]


def examinations() -> Iterator[tuple[str, Examination]]:
    for name in DIAGNOSTICS.names():
        yield name, DIAGNOSTICS.load(name)


def of_modes(mixture: Mixture, *kept: int) -> Tensor:
    """Only some modes, equally often."""
    modes = torch.tensor(kept)[torch.randint(len(kept), (mixture.n,), generator=stream(mixture.seed, "test-modes"))]
    return mixture.draw(mixture.n, 2, classes=modes)[0]


def scaled(mixture: Mixture, factor: float, *modes: int) -> Tensor:
    """Examples of some modes, of all if none is named, nearer to the centre of their mode."""
    points, own = mixture.draw(mixture.n, 3)
    centres = mixture.centres[own]
    some = torch.isin(own, torch.tensor(modes)) if modes else torch.ones(len(own), dtype=torch.bool)
    return torch.where(some[:, None], centres + factor * (points - centres), points)


def repeated(mixture: Mixture, times: int) -> Tensor:
    """A fraction of the examples, each several times."""
    return mixture.draw(mixture.n // times, 4)[0].repeat(times, 1)


def rare(mixture: Mixture, mode: int, factor: float) -> Tensor:
    """One mode too seldom by a factor."""
    weights = torch.ones(len(mixture.centres))
    weights[mode] = factor
    modes = torch.multinomial(weights, mixture.n, replacement=True, generator=stream(mixture.seed, "test-rare"))
    return mixture.draw(mixture.n, 5, classes=modes)[0]


def copies(mixture: Mixture) -> Tensor:
    """Training examples, each at most once."""
    return mixture.reference.features.values[::2]


def noise(mixture: Mixture) -> Tensor:
    """Uniform noise in the cube around the real examples, which prefers no mode."""
    real = mixture.reference.features.values
    low, high = real.min(), real.max()
    return low + (high - low) * torch.rand(mixture.n, real.shape[1], generator=stream(mixture.seed, "test-noise"), dtype=torch.float64)


FAULTS: dict[str, Callable[[Mixture], Tensor]] = {
    "none": lambda mixture: mixture.draw(mixture.n, 6)[0],
    "half of the modes": lambda mixture: of_modes(mixture, 0, 1, 2, 3),
    "one mode missing": lambda mixture: of_modes(mixture, 0, 1, 2, 3, 4, 5, 6),
    "one mode rare": lambda mixture: rare(mixture, 7, 0.15),
    "every example five times": lambda mixture: repeated(mixture, 5),
    "all modes narrow": lambda mixture: scaled(mixture, 0.45),
    "two modes narrow": lambda mixture: scaled(mixture, 0.05, 3, 4),
    "copies of the training set": copies,
    "noise": noise,
    "one constant": lambda mixture: mixture.centres[:1].repeat(mixture.n, 1) + 1e-3 * mixture.sigma,
}

RING = Mixture(
    centres=torch.from_numpy(np.stack([f(2 * np.pi * np.arange(8) / 8) for f in (np.cos, np.sin)], axis=1)),
    sigma=0.01,
    n=2600,
    counted=True,
)
"""The ring of ganbench.data.synthetic, with enough examples for 300 of the rarest mode in 8."""
CLASSES = Mixture(centres=torch.eye(8, dtype=torch.float64), sigma=0.25, n=2600, counted=False)
"""Eight classes on the axes of 8 dimensions, sqrt(2) / 0.25 = 5.7 sigma apart: the classifier errs in 0.5 % of cases."""


@cache
def seen(mixture: Mixture, fault: str) -> dict[str, Finding]:
    """What is found on a fault, by measure."""
    return {one.measure: one for one in mixture.findings(FAULTS[fault](mixture))}


def flagged(mixture: Mixture, fault: str) -> set[str]:
    """The measures whose verdict is not "fine"."""
    return {name for name, one in seen(mixture, fault).items() if one.verdict in ("suspicious", "collapsed")}


def within_limits(mixture: Mixture, fault: str) -> bool:
    """Whether every value, of both sides, lies between the smallest and the largest possible one."""
    ends = [
        (value, -np.inf if one.least is None else one.least, np.inf if one.most is None else one.most)
        for one in seen(mixture, fault).values()
        for value in (one.value, one.held_out)
    ]
    return all(value is None or low <= value <= high * (1 + 1e-12) for value, low, high in ends)

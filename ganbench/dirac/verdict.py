"""Does a game reach its equilibrium, circle around it or leave it? (the rule of the verdicts; no torch here)"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Verdict = Literal["converges", "orbits", "diverges"]
AT_REST = 1e-6
"""Distance, as a share of the start's, below which a game has arrived."""
SLOWEST = -0.25
"""Exponent of the steps with which the distance must fall at least: t^(-1/2) is the slowest law of the theory, and an orbit has t^0."""
ENOUGH = 100.0
"""Steps times rate from which verdicts stay: eight revolutions with eigenvalues of i / 2. Measured on the reference games."""
OUTWARD = 1.05
"""Factor by which the distance must have grown."""
ON_CIRCLE = 1e-9
"""Difference of a spectral radius from 1 that is rounding."""
RULE = (
    "A game converges if its root mean square distance from the centre falls at least as steps^(-1/4) from the second quarter of the steps "
    "to the second half, or to a millionth, and if the update's eigenvalues at the centre are not above 1 in size. It diverges if in the "
    "whole second half it is farther out than at the start, and does not come in from three times as far. Everything else orbits, or stays "
    "somewhere else. Adam and RMSprop never converge: at a constant rate they cannot rest."
)
"""In words."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one game under one rule."""

    loss: str
    regulariser: str
    strength: float
    """Of the regulariser; 0 for none."""
    rule: str
    verdict: Verdict
    distance: float
    """Largest distance from the equilibrium in the last quarter of the steps; infinite if numbers overflowed."""
    exponent: float
    """Of the steps, with which the root mean square distance changes from the second quarter of the steps to the second half."""
    theta: float
    """Largest |theta| in the last quarter of the steps."""
    theta_ema: float
    """The same of the moving average of theta."""
    spectral_radius: float | None
    """Factor by which an update multiplies small distances in the long run; None where the update has no derivative."""
    eigenvalues: tuple[complex, complex] | None
    """Of the gradient flow; None where it has no derivative. In units of one over (rate x steps)."""

    @property
    def group(self) -> str:
        """The regulariser with its strength, for a heading."""
        return f"{self.regulariser} {self.strength:g}" if self.strength else self.regulariser

    def row(self) -> dict[str, Any]:
        """As plain values; None where numbers overflowed."""
        named = {name: value for name, value in vars(self).items() if name != "eigenvalues"}
        named = {name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in named.items()}
        for number in (0, 1):
            value = None if self.eigenvalues is None else self.eigenvalues[number]
            named[f"eigenvalue_{number + 1}_real"] = None if value is None else value.real
            named[f"eigenvalue_{number + 1}_imaginary"] = None if value is None else value.imag
        return named


def exponent(radius: npt.NDArray[np.float64]) -> float:
    """Exponent q of t^q with which the root mean square distance changes from the second quarter of the steps to the second half.

    A power law gives its own exponent, since everything in the second window happens at twice the time; an exponential gives a large one.

    >>> round(exponent(1 / np.sqrt(np.arange(1, 100_001))), 3)
    -0.5

    Args:
        radius: Distance after every step, (steps,).
    """
    n = len(radius)
    before, after = (_root_mean_square(part) for part in (radius[n // 4 : n // 2], radius[n // 2 :]))
    return float(np.log2(after) - np.log2(before)) if np.isfinite(after) else np.inf


def _root_mean_square(values: npt.NDArray[np.float64]) -> float:
    """Of values whose squares may be too large or too small for a number."""
    largest = max(float(values.max()), np.finfo(np.float64).tiny)
    return largest * float(np.sqrt(np.square(values / largest).mean())) if np.isfinite(largest) else np.inf


def verdict(near: npt.NDArray[np.float64], far: npt.NDArray[np.float64], *, can_rest: bool, spectral_radius: float | None) -> Verdict:
    """Judges one game under one rule by :data:`RULE`.

    Args:
        near: Distance after every step, (steps + 1,), from the ordinary start.
        far: The same from three times as far.
        can_rest: Whether the rule can settle at a point.
        spectral_radius: Of an update at the equilibrium; None where it has no derivative, and the path alone decides.
    """
    half = len(near) // 2
    stable = can_rest and (spectral_radius is None or spectral_radius <= 1 + ON_CIRCLE)
    if stable and (near[half:].max() < AT_REST * near[0] or exponent(near) <= SLOWEST):
        return "converges"
    comes_in = far[half:].min() < far[0] * (1 - ON_CIRCLE)
    return "diverges" if near[half:].min() > OUTWARD * near[0] and not comes_in else "orbits"

"""Do two computations of one quantity agree?"""

from dataclasses import dataclass

TOLERANCE = 1e-5
"""Relative difference that is still agreement, and the absolute one near 0."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """One quantity, twice."""

    name: str
    ours: float
    theirs: float

    @property
    def holds(self) -> bool:
        """Whether both agree."""
        return abs(self.ours - self.theirs) <= TOLERANCE * max(1.0, abs(self.theirs))

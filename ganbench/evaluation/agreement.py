"""Do two computations of one quantity agree?"""

from dataclasses import dataclass

TOLERANCE = 1e-5
"""Relative difference that is still agreement."""
FLOOR = 1e-9
"""Absolute difference that is, of quantities that may be 0."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """One quantity, twice."""

    name: str
    ours: float
    theirs: float

    @property
    def holds(self) -> bool:
        """Whether both agree."""
        return abs(self.ours - self.theirs) <= max(TOLERANCE * abs(self.theirs), FLOOR)

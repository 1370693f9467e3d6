"""Do two computations of one quantity agree?"""

from dataclasses import dataclass

TOLERANCE = 1e-5
"""Largest relative difference at which two values agree."""
FLOOR = 1e-9
"""Absolute difference that is always accepted, for quantities that may be 0."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """A quantity as computed by ganbench and by another library."""

    name: str
    ours: float
    theirs: float

    @property
    def holds(self) -> bool:
        """Whether both values agree."""
        return abs(self.ours - self.theirs) <= max(TOLERANCE * abs(self.theirs), FLOOR)

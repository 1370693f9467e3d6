"""What does a diagnostic report?"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One number about a generator's health, beside what a perfect generator would show."""

    name: str
    value: float | None
    """None where it is undefined (a divergence over no samples)."""
    perfect: float | None
    """What a perfect generator shows at this n: floor, ceiling or expectation; None where unknown."""
    n: int
    """Generated examples behind the value."""
    note: str = ""

"""Which results of checks are kept, and how does the file of them look?"""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "reports" / "conformance" / "results.csv"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One part of one variant beside one public code."""

    variant: str
    part: str
    """What was compared."""
    code: str
    """Owner and name of the public code."""
    version: str
    """Its commit."""
    difference: float
    """Largest difference of the outputs, as a share of the largest output, in float64."""
    ours: int | None
    """Parameters of our network; None where functions without any were compared."""
    theirs: int | None
    remark: str = ""
    """What differs knowingly, and was set equal or left out for the comparison."""


def read_results(path: Path = RESULTS) -> list[Result]:
    """The kept results, in the order of the file."""
    with path.open(newline="") as file:
        return [_result(row) for row in csv.DictReader(file)]


def _result(row: dict[str, Any]) -> Result:
    sizes = {key: int(row[key]) if row[key] else None for key in ("ours", "theirs")}
    return Result(**{**row, **sizes, "difference": float(row["difference"])})


def write_results(results: Iterable[Result], path: Path = RESULTS) -> None:
    """Writes results, sorted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Result)], lineterminator="\n")
        writer.writeheader()
        for result in sorted(results, key=lambda one: (one.variant, one.part, one.code)):
            writer.writerow({**asdict(result), "difference": f"{result.difference:.1e}"})

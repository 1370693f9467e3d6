"""What is known of a run beside its record? (its gallery, its events and its samples, where its folder is at hand)"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

from ganbench.errors import RequestError
from ganbench.results.events import EventLog
from ganbench.results.gallery import FOLDER, Gallery, read_gallery
from ganbench.results.record import Record

MOST, MOST_IMAGES = 1e150, 2**53
"""Largest number of a log, and of images, that is drawn."""
Series = Mapping[int, float]
"""Values by images seen."""


@dataclass(frozen=True)
class Run:
    """One run for a report."""

    record: Record
    folder: Path | None = None
    """None if the record is all there is."""
    problems: list[str] = field(default_factory=list, compare=False)
    """A line about each file that cannot be read, found when it is asked for."""

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return self.record.spec.seed

    @property
    def how(self) -> str:
        """The seed, with the status of a run that is not done."""
        return f"seed {self.seed}" + ("" if self.record.status == "done" else f" ({self.record.status})")

    @cached_property
    def gallery(self) -> Gallery | None:
        """Its gallery; None without a folder, or if it has none that can be read, which ``problems`` then tells."""
        try:
            return read_gallery(self.folder) if self.folder else None
        except RequestError as error:
            self.problems.append(str(error))
            return None  # pictures are never worth a record

    def score(self, column: tuple[str, str, str] | None) -> float | None:
        """Its final score in a column; None if it has none, or did not finish."""
        found = (one.value for one in self.record.scores if one.column == column)
        return next(found, None) if self.record.status == "done" else None

    def scores(self, metric: str, extractor: str, weights: str) -> Series:
        """A score at every evaluation."""
        return {
            evaluation.images_seen: score.value
            for evaluation in self.record.evaluations
            if evaluation.weights == weights
            for score in evaluation.scores
            if (score.metric, str(score.protocol["extractor"])) == (metric, extractor)
        }

    def ticks(self) -> list[tuple[int, Mapping[str, Any]]]:
        """What the steps logged by ticks, with the number of images seen; of a damaged log what comes before the damage."""
        found = [(event["images_seen"], event.get("logs")) for event in self._events["tick"]]
        return [(seen, logs) for seen, logs in found if isinstance(logs, Mapping) and 0 <= seen <= MOST_IMAGES]

    def logged(self, name: str) -> Series:
        """What the steps logged under a name, by ticks."""
        return _series(self._events["tick"], "logs", name)

    def probed(self, name: str) -> Series:
        """A signal of the networks at the evaluations."""
        return _series(self._events["health"], "signals", name)

    @cached_property
    def _events(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {"tick": [], "health": []}
        events, fault = self._scanned() if self.folder else ([], "")
        if fault:
            self.problems.append(fault)
        for event in events:
            if event["kind"] in found:
                found[event["kind"]].append(event)
        return found

    def _scanned(self) -> tuple[list[dict[str, Any]], str]:
        """The events, of a damaged log those before the damage, and what is wrong with it."""
        assert self.folder is not None
        try:
            return EventLog(self.folder / "events.jsonl").scan()
        except RequestError as error:
            return [], str(error)

    def sample_grid(self) -> Path | None:
        """The last samples of the EMA weights, a PNG of images or an array of points."""
        return self._last("*-ema.*")

    def real_grid(self) -> Path | None:
        """Real examples for comparison."""
        return self._last("real.*")

    def picture(self, name: str) -> Path | None:
        """A picture of the gallery."""
        path = self.folder / FOLDER / name if self.folder else None
        return path if path and _own(path) else None

    def _last(self, pattern: str) -> Path | None:
        found = [path for path in sorted((self.folder / "samples").glob(pattern)) if _own(path)] if self.folder else []
        return found[-1] if found else None


def _own(path: Path) -> bool:
    """Whether a path is an ordinary file, and no link to another one or a pipe."""
    return path.is_file() and not path.is_symlink()


def _series(events: Sequence[Mapping[str, Any]], part: str, name: str) -> dict[int, float]:
    found = {}
    for event in events:
        values = event.get(part)
        value, seen = values.get(name) if isinstance(values, Mapping) else None, event["images_seen"]
        if is_number(value) and 0 <= seen <= MOST_IMAGES:
            found[int(seen)] = float(value)
    return found


def is_number(value: Any) -> TypeGuard[float]:
    """Whether what a log holds is a number that can be drawn and computed with; truth values and integers of hundreds of digits are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST

"""What is known of a run beside its record? (its gallery, its events and its samples, where its folder is at hand)"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError
from ganbench.results.events import EventLog
from ganbench.results.gallery import FOLDER, Gallery, read_gallery
from ganbench.results.record import Record

Series = Mapping[int, float]
"""Values by images seen."""


@dataclass(frozen=True)
class Run:
    """One run for a report."""

    record: Record
    folder: Path | None = None
    """None if the record is all there is."""

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
        """Its gallery; None without a folder, or if it has none that can be read."""
        try:
            return read_gallery(self.folder) if self.folder else None
        except RequestError:
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

    def logged(self, name: str) -> Series:
        """What the steps logged under a name, by ticks."""
        return _series(self._events["tick"], "logs", name)

    def probed(self, name: str) -> Series:
        """A signal of the networks at the evaluations."""
        return _series(self._events["health"], "signals", name)

    @cached_property
    def _events(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {"tick": [], "health": []}
        events = EventLog(self.folder / "events.jsonl").scan()[0] if self.folder else []  # of a damaged log, what comes before the damage
        for event in events:
            if event["kind"] in found:
                found[event["kind"]].append(event)
        return found

    def sample_grid(self) -> Path | None:
        """The last samples of the EMA weights, a PNG of images or an array of points."""
        return self._last("*-ema.*")

    def real_grid(self) -> Path | None:
        """Real examples for comparison."""
        return self._last("real.*")

    def picture(self, name: str) -> Path | None:
        """A picture of the gallery."""
        path = self.folder / FOLDER / name if self.folder else None
        return path if path and path.is_file() else None

    def _last(self, pattern: str) -> Path | None:
        found = sorted((self.folder / "samples").glob(pattern)) if self.folder else []
        return found[-1] if found else None


def _series(events: Sequence[Mapping[str, Any]], part: str, name: str) -> dict[int, float]:
    found = {}
    for event in events:
        values = event.get(part)
        value = values.get(name) if isinstance(values, Mapping) else None
        if isinstance(value, int | float) and math.isfinite(value):
            found[int(event["images_seen"])] = float(value)
    return found

"""Which numbers, texts and images does an event stand for? (the same ones whether the run is followed or replayed)"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeGuard

from ganbench.plan.naming import setup
from ganbench.plan.requests import requested
from ganbench.plan.spec import RunSpec, run_id
from ganbench.sinks.base import Entry, LoggedRun, Setting
from ganbench.text import plain

Event = Mapping[str, Any]


def described(spec: RunSpec) -> LoggedRun:
    """What sinks are told of a run."""
    data = {f"dataset.{key}": value for key, value in asdict(spec.dataset).items() if key not in ("path", "name", "content")}
    flat = {**setup(spec), "dataset": spec.dataset.name, **data, "seed": spec.seed}
    settings = {key: _setting(value) for key, value in flat.items() if value is not None}
    asked = requested(spec.evaluation.metrics, spec.evaluation.extractor)
    measures = tuple(dict.fromkeys(score_tag(one.metric, one.extractor, "ema") for one in asked))
    return LoggedRun(name=spec.slug, run_id=run_id(spec), settings=settings, measures=measures)


def score_tag(metric: str, extractor: str, weights: str) -> str:
    """Tag of a score.

    >>> score_tag("fd", "digits-probe", "ema")
    'score/fd@digits-probe/ema'
    """
    return f"score/{metric}@{extractor}/{weights}"


class Translator:
    """Turns the events of one run into entries; it knows how far the run has come, which not every event says.

    Args:
        folder: The run's folder, whose ``samples`` are shown.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images_seen = 0

    def __call__(self, event: Event) -> Entry:
        """The entry of the next event, in the order of ``events.jsonl``; what a damaged one does not say is left out."""
        seen = event.get("images_seen")
        self.images_seen = seen if isinstance(seen, int) and 0 <= seen < 2**63 else self.images_seen
        part = _PARTS.get(str(event.get("kind")))
        scalars, texts = part(event) if part else ({}, [])
        return Entry(
            images_seen=self.images_seen,
            event=event,
            scalars={plain(tag): float(value) for tag, value in scalars.items() if _is_number(value)},
            texts=tuple((plain(tag), plain(str(text))) for tag, text in texts if text),
            images=self._images(event),
        )

    def _images(self, event: Event) -> dict[str, Path]:
        """The samples of an evaluation, and real examples beside the first one."""
        weights = event.get("weights")
        if event.get("kind") != "evaluation" or weights not in ("raw", "ema"):
            return {}
        named = {f"samples/{weights}": f"{self.images_seen:010d}-{weights}.png"}
        if self.images_seen == 0 and weights == "raw":
            named["samples/real"] = "real.png"
        return {tag: path for tag, name in named.items() if (path := self.folder / "samples" / name).is_file()}


Found = tuple[dict[str, Any], list[tuple[str, Any]]]
"""Numbers by tag, of which some may be undefined, and texts with their tags."""


def _tick(event: Event) -> Found:
    scalars = dict(_mapping(event.get("logs")))
    images, seconds = event.get("images"), event.get("seconds")
    if _is_number(images) and _is_number(seconds) and seconds > 0 and not event.get("warm_up"):
        scalars["speed/train_images_per_s"] = images / seconds
    return scalars, []


def _evaluation(event: Event) -> Found:
    weights = str(event.get("weights"))
    scalars: dict[str, Any] = {}
    for score in _mappings(event.get("scores")):
        tag = score_tag(str(score.get("metric")), str(_mapping(score.get("protocol")).get("extractor")), weights)
        scalars |= {tag: score.get("value"), f"{tag}/ci_low": score.get("ci_low"), f"{tag}/ci_high": score.get("ci_high")}
    for found in _mappings(event.get("diagnostics")):
        scalars[f"diagnostic/{found.get('name')}/{weights}"] = found.get("value")
    return scalars, [(f"note/{weights}", note) for note in _list(event.get("notes"))]


def _health(event: Event) -> Found:
    return {f"health/{name}": value for name, value in _mapping(event.get("signals")).items()}, []


def _end(event: Event) -> Found:
    texts: list[tuple[str, Any]] = [
        (f"alarm/{one.get('rule')}", f"since {one.get('images_seen')} images: {one.get('detail')}")
        for one in _mappings(event.get("alarms"))
    ]
    texts += [("note", note) for note in _list(event.get("notes"))]
    error, divergence = _mapping(event.get("error")), _mapping(event.get("divergence"))
    why = f"{error.get('type')}: {error.get('message')}" if error else divergence.get("detail", "")
    return {}, [*texts, ("end", f"{event.get('status')}{': ' if why else ''}{why}")]


_PARTS = {
    "start": lambda event: ({}, [("start", event.get("time"))]),
    "tick": _tick,
    "evaluation": _evaluation,
    "health": _health,
    "note": lambda event: ({}, [("note", event.get("text"))]),
    "interrupted": lambda event: ({}, [("interrupted", event.get("reason"))]),
    "end": _end,
}
"""What an event says, by its kind."""


def _is_number(value: Any) -> TypeGuard[int | float]:
    """Whether it is a finite number that a float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    yield from (one for one in _list(value) if isinstance(one, Mapping))


def _setting(value: Any) -> Setting:
    return value if isinstance(value, bool | int | float | str) else str(list(value) if isinstance(value, tuple) else value)

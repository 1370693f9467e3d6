"""How is a run's record assembled from its spec and its events?

Spec and events contain everything that a record contains, so a record can be assembled again without torch, the data or the
weights.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ganbench.errors import RequestError
from ganbench.plan.spec import ID_VERSION, RunSpec, run_id
from ganbench.plan.validation import validated
from ganbench.results.record import (
    Alarm,
    Divergence,
    Evaluation,
    Failure,
    Record,
    Status,
    Throughput,
    Timing,
    check_record,
    read_evaluation,
)
from ganbench.results.timings import training_rate
from ganbench.storage import AGAIN

Event = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class End:
    """The fields of a run's last event."""

    time: str
    status: Status
    images_seen: int
    device: str = "cpu"
    threads: int = 1
    deterministic: bool = True
    peak_memory_bytes: int = 0
    divergence: Divergence | None = None
    alarms: tuple[Alarm, ...] = ()
    error: Failure | None = None
    weights_sha256: dict[str, str] = field(default_factory=dict)
    sampling: Throughput | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def evaluations(events: Iterable[Event], where: str) -> tuple[Evaluation, ...]:
    """All evaluations of a run in order, over all its attempts.

    Args:
        events: The lines of ``events.jsonl``.
        where: The file, for error messages.
    """
    of_log = ("kind", "seconds")
    return tuple(
        read_evaluation({key: value for key, value in event.items() if key not in of_log}, where)
        for event in events
        if event["kind"] == "evaluation"
    )


def assembled(spec: RunSpec, events: Iterable[Event], where: str) -> Record:
    """Assembles the record of a run that has ended.

    Args:
        spec: The run.
        events: The lines of ``events.jsonl``; the last one is the run's end.
        where: The file, for error messages.

    Raises:
        RequestError: The events are damaged, or do not contain the final evaluation of a run that is done.
    """
    events = list(events)
    if not events or events[-1]["kind"] != "end":
        raise RequestError(f"{where}: does not say how the run ended; run the same command again")
    end = validated(End, {key: value for key, value in events[-1].items() if key != "kind"}, where)
    record = _record(spec, events, end, where)
    check_record(record, where)
    return record


def unfinished(spec: RunSpec, events: Iterable[Event], where: str, reason: str = "") -> Record | None:
    """The record, which is never written, of a run that a fault of the machine interrupted: what it measured until then, and the reason.

    Args:
        spec: The run.
        events: The lines of ``events.jsonl``.
        where: The file, for error messages.
        reason: Why it was interrupted; empty takes it from the last event.

    Returns:
        None if no reason is given and the last event tells of no interruption.

    Raises:
        RequestError: The events are damaged.
    """
    events = list(events)
    last = events[-1] if events else {}
    if last.get("kind") == "interrupted":
        reason = reason or str(last.get("reason", ""))
    if not reason:
        return None
    series = [event for event in events if event["kind"] in ("tick", "evaluation")]
    end = End(time=str(last.get("time", now())), status="interrupted", images_seen=series[-1]["images_seen"] if series else 0)
    return replace(_record(spec, events, end, where), reason=reason, timing=None)


def _record(spec: RunSpec, events: Sequence[Event], end: End, where: str) -> Record:
    starts, series = [event for event in events if event["kind"] == "start"], evaluations(events, where)
    final = [one for one in series if one.images_seen == _scored(series, end)]
    notes = [str(event.get("text", "")) for event in events if event["kind"] == "note"]
    settings = list(dict.fromkeys(str(event["setting"]) for event in events if event["kind"] == "tick" and "setting" in event))
    if len(settings) > 1:
        notes.append(f"trained under one setting after another, so that no repetition gives its bits: {'; '.join(settings)}")
    of_data = end.provenance.get("dataset", {}).get("notes", ())
    return Record(
        run_id=run_id(spec),
        id_version=ID_VERSION,
        status=end.status,
        spec=spec,
        created=str(starts[0].get("time", "")) if starts else end.time,
        finished=end.time,
        attempts=len(starts),
        images_seen=end.images_seen,
        scores=tuple(score for one in final for score in one.scores),
        diagnostics=tuple(found for one in final if one.weights == "ema" for found in one.diagnostics),
        evaluations=series,
        divergence=end.divergence,
        alarms=end.alarms,
        error=end.error,
        weights_sha256=end.weights_sha256,
        timing=_timing(events, end, where),
        provenance=end.provenance,
        notes=tuple(dict.fromkeys([*(note for one in final for note in one.notes), *notes, *end.notes, *of_data])),
    )


def _scored(series: Sequence[Evaluation], end: End) -> int | None:
    """Images seen at the evaluation that a run's scores are from: the final one, or the last one after the start if it diverged."""
    if end.status != "diverged":
        return end.images_seen if end.status == "done" else None
    return max((one.images_seen for one in series if one.images_seen > 0), default=None)


def _timing(events: Iterable[Event], end: End, where: str) -> Timing:
    """Speed and durations.

    Raises:
        RequestError: An event lacks a number.
    """

    def number(event: Event, key: str) -> Any:
        if isinstance(value := event.get(key), int | float):
            return value
        raise RequestError(f"{where}: damaged, an event of kind {event['kind']!r} has no number {key!r}; {AGAIN}")

    ticks = [event for event in events if event["kind"] == "tick"]
    speeds = [(number(tick, "images"), number(tick, "seconds")) for tick in ticks if not tick.get("warm_up")]
    return Timing(
        device=end.device,
        threads=end.threads,
        deterministic=end.deterministic,
        training=training_rate(speeds),
        sampling=end.sampling,
        training_s=sum(number(tick, "seconds") for tick in ticks),
        evaluation_s=sum(number(event, "seconds") for event in events if event["kind"] == "evaluation"),
        peak_memory_bytes=end.peak_memory_bytes,
    )


def now() -> str:
    """The current time: UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")

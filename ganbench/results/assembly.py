"""How is a run's record assembled from its spec and its events?

Spec and events contain everything that a record contains, so a record can be assembled again without torch, the data or the
weights.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ganbench.plan.spec import ID_VERSION, RunSpec, run_id
from ganbench.plan.validation import validated
from ganbench.results.record import Divergence, Evaluation, Failure, Record, Status, Throughput, Timing, read_evaluation
from ganbench.results.timings import training_rate

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
    error: Failure | None = None
    weights_sha256: dict[str, str] = field(default_factory=dict)
    sampling: Throughput | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


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
        RequestError: The events are damaged.
    """
    events = list(events)
    starts, series = [event for event in events if event["kind"] == "start"], evaluations(events, where)
    end = validated(End, {key: value for key, value in events[-1].items() if key != "kind"}, where)
    final = [one for one in series if one.images_seen == end.images_seen] if end.status == "done" else []
    return Record(
        run_id=run_id(spec),
        id_version=ID_VERSION,
        status=end.status,
        spec=spec,
        created=starts[0]["time"],
        finished=end.time,
        attempts=len(starts),
        images_seen=end.images_seen,
        scores=tuple(score for one in final for score in one.scores),
        diagnostics=tuple(found for one in final if one.weights == "ema" for found in one.diagnostics),
        evaluations=series,
        divergence=end.divergence,
        error=end.error,
        notes=(*dict.fromkeys(note for one in final for note in one.notes), *end.provenance.get("dataset", {}).get("notes", ())),
        weights_sha256=end.weights_sha256,
        timing=_timing(events, end),
        provenance=end.provenance,
    )


def _timing(events: Iterable[Event], end: End) -> Timing:
    ticks = [event for event in events if event["kind"] == "tick"]
    return Timing(
        device=end.device,
        threads=end.threads,
        deterministic=end.deterministic,
        training=training_rate([(tick["images"], tick["seconds"]) for tick in ticks if not tick["warm_up"]]),
        sampling=end.sampling,
        training_s=sum(tick["seconds"] for tick in ticks),
        evaluation_s=sum(event["seconds"] for event in events if event["kind"] == "evaluation"),
        peak_memory_bytes=end.peak_memory_bytes,
    )


def now() -> str:
    """The current time: UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")

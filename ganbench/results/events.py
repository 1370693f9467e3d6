"""How are the events of a run logged? (``events.jsonl``, one event per line)

Every line has a ``kind``: ``start`` (of an attempt), ``tick`` (training), ``evaluation``, ``health`` (signals of the networks), ``note``
(what a reader of the result must know), ``interrupted`` (by a fault of the machine) or ``end``; ``tick``, ``evaluation``, ``health`` and
``end`` have ``images_seen``. A resumed run deletes the lines after its checkpoint and writes them again.

A kill or a full disk can cut the last line short. That line alone may be left out; any other line that cannot be read is a fault.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError
from ganbench.storage import parsed_json, read_bytes, write_text

SEEN = ("tick", "evaluation", "health", "end")
"""Kinds of events that have ``images_seen``."""
KEPT = ("start", "note", "interrupted")
"""Kinds of events that tell of attempts, and are kept when a run resumes from an earlier checkpoint."""


class EventLog:
    """The event log of one run, to which lines are appended.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, kind: str, **fields: Any) -> None:
        """Adds a line; it is passed to the operating system, but not necessarily on the disk, when this returns."""
        line = _line({"kind": kind, **fields}).encode()
        with self.path.open("a+b") as handle:
            if end := handle.tell():
                handle.seek(end - 1)
                if handle.read(1) != b"\n":
                    handle.truncate(_whole_bytes(self.path))  # a line that a kill or a full disk cut short
            handle.write(line)

    def sync(self) -> None:
        """Waits until every line is on the disk."""
        with self.path.open("rb") as handle:
            os.fsync(handle.fileno())

    def position(self) -> dict[str, Any]:
        """Size and hash of the log, for a checkpoint that follows its last line."""
        data = self._bytes()
        return {"log_bytes": len(data), "log_sha256": hashlib.sha256(data).hexdigest()}

    def holds(self, position: dict[str, Any]) -> bool:
        """Whether the log still begins with the lines that it had at a position; True for a position of an old version, which is empty."""
        if "log_bytes" not in position:
            return not self.scan()[1]
        return bool(hashlib.sha256(self._bytes()[: position["log_bytes"]]).hexdigest() == position["log_sha256"])

    def truncate(self, images_seen: int) -> None:
        """Deletes ticks and evaluations after a checkpoint, any end, and unreadable lines; what tells of attempts is kept."""
        kept = []
        for line in self._lines():
            event = _event(line)
            if event and (event["kind"] in KEPT or (event["kind"] != "end" and event["images_seen"] <= images_seen)):
                kept.append(line.decode("utf-8"))  # as it was, since checkpoints know the hash of the lines before them
        if self.path.exists():
            write_text(self.path, "".join(f"{line}\n" for line in kept))

    def scan(self) -> tuple[list[dict[str, Any]], str]:
        """The events before the first line that cannot be read, and what is wrong with that line; empty if nothing is."""
        events: list[dict[str, Any]] = []
        for number, line in enumerate(self._lines(), start=1):
            event = _event(line)
            if event is None:
                return events, f"{self.path}: line {number} is damaged"
            events.append(event)
        return events, ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yields all events.

        Raises:
            RequestError: A line other than an incomplete last one cannot be read.
        """
        events, fault = self.scan()
        if fault:
            raise RequestError(f"{fault}; delete the run's record.json and run the same command again, which mends it")
        yield from events

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All events of one kind, in order; raises as iteration does."""
        return [event for event in self if event["kind"] == kind]

    def _bytes(self) -> bytes:
        return read_bytes(self.path) if self.path.exists() else b""

    def _lines(self) -> list[bytes]:
        """All complete lines."""
        return self._bytes().split(b"\n")[:-1]


def _whole_bytes(path: Path) -> int:
    """Size of a log up to the end of its last complete line."""
    return read_bytes(path).rfind(b"\n") + 1


def _event(line: bytes) -> dict[str, Any] | None:
    """The event in a line; None if it cannot be read."""
    try:
        event = parsed_json(line, "")
    except RequestError:
        return None
    kind, seen = event.get("kind"), event.get("images_seen")
    whole = kind in KEPT or (kind in SEEN and isinstance(seen, int) and not isinstance(seen, bool))
    return event if whole else None


def _line(event: dict[str, Any]) -> str:
    return json.dumps(_finite(event), sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Replaces non-finite numbers, such as the loss of a diverged run, by None, since JSON has no NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value

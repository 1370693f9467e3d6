"""How are the events of a run logged? (``events.jsonl``, one event per line)

Every line has a ``kind``: ``start`` (of an attempt), ``tick`` (training), ``evaluation`` or ``end``; all but
``start`` have ``images_seen``. A resumed run deletes the lines after its checkpoint and writes them again.
"""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganbench.storage import write_text


class EventLog:
    """The event log of one run, to which lines are appended.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, kind: str, **fields: Any) -> None:
        """Adds a line; it is passed to the operating system, but not necessarily on the disk, when this returns."""
        line = _line({"kind": kind, **fields})
        with self.path.open("a+b") as handle:
            if end := handle.tell():
                handle.seek(end - 1)
                line = line if handle.read(1) == b"\n" else "\n" + line  # the previous line is incomplete, because the process was killed
            handle.write(line.encode())

    def sync(self) -> None:
        """Waits until every line is on the disk."""
        with self.path.open("rb") as handle:
            os.fsync(handle.fileno())

    def truncate(self, images_seen: int) -> None:
        """Deletes ticks and evaluations after a checkpoint, and any end; starts are kept, since they count the attempts."""
        kept = [e for e in self if e["kind"] == "start" or (e["kind"] != "end" and e.get("images_seen", 0) <= images_seen)]
        if self.path.exists():
            write_text(self.path, "".join(map(_line, kept)))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yields the events of all complete lines; a line that is incomplete because the process was killed is skipped."""
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All events of one kind, in order."""
        return [event for event in self if event["kind"] == kind]


def _line(event: dict[str, Any]) -> str:
    return json.dumps(_finite(event), sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Replaces non-finite numbers, such as the loss of a diverged run, by None, since JSON has no NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value

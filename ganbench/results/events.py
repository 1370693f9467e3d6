"""What happened during a run, line by line? (``events.jsonl``)

Every line has ``kind``: ``start`` (an attempt), ``tick`` (training), ``evaluation``, ``end``; all but the
first carry ``images_seen``. A resumed run drops the lines behind its checkpoint and writes them again.
"""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganbench.storage import write_text


class EventLog:
    """The events of one run, appended line by line.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, kind: str, **fields: Any) -> None:
        """Adds a line; it is on its way to the disk when this returns."""
        line = _line({"kind": kind, **fields})
        with self.path.open("a+b") as handle:
            if end := handle.tell():
                handle.seek(end - 1)
                line = line if handle.read(1) == b"\n" else "\n" + line  # a kill cut the line before short
            handle.write(line.encode())

    def sync(self) -> None:
        """Returns when every line is on the disk."""
        with self.path.open("rb") as handle:
            os.fsync(handle.fileno())

    def truncate(self, images_seen: int) -> None:
        """Drops ticks and evaluations behind a checkpoint, and an end that was none; starts stay, since they count the attempts."""
        kept = [e for e in self if e["kind"] == "start" or (e["kind"] != "end" and e.get("images_seen", 0) <= images_seen)]
        if self.path.exists():
            write_text(self.path, "".join(map(_line, kept)))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Every whole line; a last line that a kill cut short is left out."""
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
    """JSON has no NaN: the loss of a run that diverges is written as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value

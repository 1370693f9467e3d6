"""What happened during a run, line by line? (``events.jsonl``)

Every line has ``kind``: ``start`` (an attempt), ``tick`` (training), ``evaluation``, ``end``; all but the
first carry ``images_seen``. A resumed run drops the lines behind its checkpoint and writes them again.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganbench.files import write_text


class EventLog:
    """The events of one run, appended line by line.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, kind: str, **fields: Any) -> None:
        """Adds a line; it is on its way to the disk when this returns."""
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({"kind": kind, **fields}, sort_keys=True, ensure_ascii=False) + "\n")

    def truncate(self, images_seen: int) -> None:
        """Drops the ticks and evaluations behind a checkpoint; starts stay, since they count the attempts."""
        kept = [event for event in self if event["kind"] == "start" or event.get("images_seen", 0) <= images_seen]
        if self.path.exists():
            write_text(self.path, "".join(json.dumps(event, sort_keys=True, ensure_ascii=False) + "\n" for event in kept))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Every whole line; a last line that a kill cut short is left out."""
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All events of one kind, in order."""
        return [event for event in self if event["kind"] == kind]

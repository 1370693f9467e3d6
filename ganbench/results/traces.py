"""Which bits did the first steps of a training have, and where do those of another differ first? (small JSON files to commit)"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ganbench.errors import RequestError
from ganbench.plan.validation import validated
from ganbench.storage import read_json, write_text

SCHEMA_VERSION = 1
FOLDER = "traces"
"""Folder of traces in a bank."""
HASH_DIGITS = 12
"""Hexadecimal digits of a tensor's SHA-256 that are kept: 48 bits, so that equal ones are equal tensors."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The first steps of one run."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["trace"] = "trace"
    method: str
    data: str
    key: str
    """Of the recipe, as in the bank's files."""
    seed: int
    environment: str
    """Fingerprint within which the same code gives the same bits."""
    logs: tuple[dict[str, str], ...]
    """By step: losses and gradient norms as hexadecimal floats, so that no digit is lost."""
    tensors: dict[str, dict[str, str]]
    """By number of steps, as text: the hash of every parameter and buffer, of the method ("raw.") and of its EMA generator ("ema.")."""

    @property
    def name(self) -> str:
        """Method, data and seed in words."""
        return f"{self.method} on {self.data}, seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where two traces of one recipe and seed differ first."""

    step: int
    """Number of the first step that differs, counted from 1."""
    what: str
    """The tensor or the logged number."""
    drift: float
    """Largest relative difference between two logged numbers of the same step, over all steps of both."""

    def __str__(self) -> str:
        return f"differs first in step {self.step}, in {self.what}; numbers logged are up to {self.drift:.1g} apart (relative)"


def difference(before: Trace, now: Trace) -> Difference | None:
    """Where two traces differ first; None if all their bits are equal.

    Tensors that only one of them has differ; numbers that only one of them logs do not, since logging changes no bit.
    """
    for step, (old, new) in enumerate(zip(before.logs, now.logs, strict=False), start=1):
        tensors, logged = (trace.tensors.get(str(step), {}) for trace in (before, now)), old.keys() & new.keys()
        what = next(_unequal(*tensors), None) or next((name for name in old if name in logged and old[name] != new[name]), None)
        if what:
            return Difference(step=step, what=what, drift=_drift(before, now))
    if len(before.logs) != len(now.logs):
        return Difference(step=min(len(before.logs), len(now.logs)) + 1, what="the number of steps", drift=_drift(before, now))
    return None


def write_trace(folder: Path, trace: Trace) -> Path:
    """Writes a trace into a folder of traces."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{trace.key}-s{trace.seed}.json"
    head = {key: value for key, value in asdict(trace).items() if key not in ("logs", "tensors")}
    logs = ",\n".join(f"  {json.dumps(one)}" for one in trace.logs)
    tensors = ",\n".join(f"  {json.dumps(number)}: {json.dumps(one)}" for number, one in trace.tensors.items())
    text = json.dumps(head, indent=1).removesuffix("\n}")
    write_text(path, f'{text},\n "logs": [\n{logs}\n ],\n "tensors": {{\n{tensors}\n }}\n}}\n')
    return path


def read_traces(bank: Path) -> dict[tuple[str, int], Trace]:
    """The traces of a bank by the recipe's key and the seed.

    Raises:
        RequestError: One of the files is damaged or of another schema.
    """
    found = {}
    for path in sorted((bank / FOLDER).glob("*.json")):
        data: Mapping[str, Any] = read_json(path)
        if data.get("kind") != "trace" or data.get("schema_version") != SCHEMA_VERSION:
            raise RequestError(f"{path}: is no trace that this ganbench reads; `ganbench gate bank {bank} --suite SUITE` writes them anew")
        trace = validated(Trace, data, str(path))
        found[trace.key, trace.seed] = trace
    return found


def _unequal(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Names whose hashes differ, or that only one side has; where a side has none at all, nothing can be said."""
    if old and new:
        yield from (name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name))


def _drift(before: Trace, now: Trace) -> float:
    """Largest relative difference of logged numbers."""
    worst = 0.0
    for old, new in zip(before.logs, now.logs, strict=False):
        for name in old.keys() & new.keys():
            a, b = float.fromhex(old[name]), float.fromhex(new[name])
            if a != b:
                worst = max(worst, abs(a - b) / max(abs(a), abs(b)))
    return worst

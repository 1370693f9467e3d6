"""Is a file a record as ``ganbench leaderboard add`` writes it?

Records come from strangers: nothing in one is run, and everything is checked that can be. A digest shows damage and careless edits; it is
no signature, and whoever makes up a record can make up its digest as well. Only a repetition shows that a result is true: a run's spec is
in its record, and in the same environment it gives weights with the same hashes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError
from ganbench.plan.spec import ID_VERSION
from ganbench.results.collection import RECORDS, stem
from ganbench.results.record import Record, record_of
from ganbench.storage import AGAIN, json_text, parsed_json, read_bytes

KEPT = (".gitkeep", ".gitignore", "README.md")
"""Files that may stand beside records."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a rule says about a file."""

    rule: str
    """Name of the rule ("intervals")."""
    file: str
    text: str
    refuses: bool = True
    """Whether the record is refused; else somebody should look at it."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A record that may join a leaderboard."""

    file: str
    """Where it is, for messages."""
    record: Record
    fields: dict[str, Any]
    """What its file says, as it was written, so that its digest stays valid."""

    @property
    def name(self) -> str:
        """Name of its file in a repository."""
        return f"{stem(self.record.spec)}.json"


def read_submission(path: Path, where: str, largest_bytes: int) -> Submission:
    """Reads a record, which may be compressed.

    Args:
        path: The file.
        where: How messages call it.
        largest_bytes: Largest size of its content.

    Raises:
        RequestError: It is no whole record of a schema that can be read, or nothing shows that it is unchanged.
    """
    data = read_bytes(path)
    if len(data) > largest_bytes:
        raise RequestError(f"{where}: holds {len(data):,} bytes, and limits.record_bytes allows {largest_bytes:,}")
    fields = parsed_json(data, where)
    record = record_of(fields, where)
    if not record.digest:
        raise RequestError(f"{where}: has no digest, so that nothing shows whether it is unchanged; run it again with today's ganbench")
    if record.id_version != ID_VERSION:
        raise RequestError(f"{where}: its id is of version {record.id_version}, and only version {ID_VERSION} can be checked")
    return Submission(file=where, record=record, fields=fields)


def read_repository(folder: Path, largest_bytes: int) -> tuple[list[Submission], list[Finding]]:
    """Reads all records of a leaderboard's repository, and finds what is none.

    Args:
        folder: The repository.
        largest_bytes: Largest size of a record.
    """
    found: list[Submission] = []
    findings: list[Finding] = []
    records = folder / RECORDS
    if records.is_symlink() or not records.is_dir():
        return [], [Finding(rule="form", file=RECORDS, text="is no folder; a leaderboard's records are in one")]
    for path in sorted(records.iterdir()):
        where = f"{RECORDS}/{path.name}"
        if path.name in KEPT and path.is_file() and not path.is_symlink():
            continue
        if odd := odd_file(path, largest_bytes):
            findings.append(Finding(rule="form", file=where, text=odd))
            continue
        try:
            one = read_submission(path, where, largest_bytes)
        except RequestError as error:
            findings.append(Finding(rule="schema", file=where, text=reason(error, where)))
            continue
        found.append(one)
        findings += [Finding(rule="form", file=where, text=text) for text in _form(one, path)]
    return found, findings


def odd_file(path: Path, largest_bytes: int) -> str:
    """Why something in ``records/`` is no file of a record, without a look into it; empty if it may be one."""
    if path.is_symlink():
        return "is a link, which leads out of the repository; only ordinary files are records"
    if not path.is_file():
        return "is no ordinary file; only ordinary files are records"
    if path.suffix != ".json":
        return "is no .json file; records are plain JSON, one file a run"
    if path.stat().st_size > largest_bytes:
        return f"holds {path.stat().st_size:,} bytes, and limits.record_bytes allows {largest_bytes:,}"
    return ""


def reason(error: RequestError, where: str) -> str:
    """What an error says about a file, without its name and without a remedy that is none here."""
    return str(error).removeprefix(f"{where}: ").removesuffix(f"; {AGAIN}")


def _form(one: Submission, path: Path) -> Iterator[str]:
    """What hides behind equal values: keys that stand twice, blanks, another name."""
    if path.name != one.name:
        yield f"the name of this run's file is {one.name}"
    if path.read_bytes() != json_text(one.fields).encode():
        yield "is not written as `ganbench leaderboard add` writes it, in which nothing can hide; add it with that"

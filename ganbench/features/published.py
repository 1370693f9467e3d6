"""Where do published weights lie?"""

import hashlib
import http.client
import os
import queue
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import platformdirs

from ganbench.errors import DataError

PATIENCE_S = 20.0
"""How long a download server may be silent."""
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file of weights that everybody uses."""

    file: str
    """Name under which it is kept, here and by torch hub."""
    url: str
    sha256: str
    megabytes: int
    """Size, rounded; for people."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A file of weights on this machine."""

    published: Published
    """What was looked for."""
    path: Path
    sha256: str
    """Of the file as it is."""
    named: bool
    """Whether the user named the file itself, and so may mean other weights than the published ones."""

    @property
    def genuine(self) -> bool:
        """Whether these are the published weights."""
        return self.sha256 == self.published.sha256

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of scores must know about the weights."""
        if self.genuine:
            return ()
        return (
            f"weights {str(self.path)!r} are not the published ones (SHA-256 {self.sha256}): "
            "scores are comparable with no published number",
        )


def find(extractor: str, published: Published, given: Path | None = None, alone: bool = True) -> Found:
    """Finds weights, or downloads them to the user's cache.

    Looked at in this order: what was given, ``GANBENCH_WEIGHTS``, the user's cache, torch hub's checkpoints.
    A folder is searched for the published file name. What was found by name must be the published file; a
    file that the user named may be any.

    Args:
        extractor: Who needs the weights, for messages.
        published: What is looked for.
        given: A file, or a folder that may hold the file.
        alone: Whether the extractor needs this one file only, so that a file the user named can be no other.

    Raises:
        DataError: The file is nowhere and cannot be downloaded, or a file of this name has other content.
    """
    if given is not None and not given.expanduser().exists():
        raise DataError(
            f"extractor {extractor!r}: {str(given)!r} does not exist; give --weights {published.file} or a folder that holds it"
        )
    found = _first(published, given, alone)
    if found is None:
        return _downloaded(extractor, published)
    if not found.genuine and not found.named:
        raise DataError(
            f"extractor {extractor!r}: {str(found.path)!r} has SHA-256 {found.sha256} and the published file has {published.sha256}; "
            "delete or replace it, or name it as a file with --weights to use it all the same"
        )
    return found


def status(published: Published, given: Path | None = None) -> Found | None:
    """Where weights are, without loading or downloading anything; None where they are not."""
    return _first(published, given, alone=True)


def cache() -> Path:
    """The folder to which weights are downloaded."""
    return platformdirs.user_cache_path("ganbench") / "weights"


def sha256(path: Path) -> str:
    """Hash of a file's content."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _first(published: Published, given: Path | None, alone: bool) -> Found | None:
    """The first of all places that holds the file."""
    for path, named in _places(published, given, alone):
        if path.is_file():
            return Found(published=published, path=path, sha256=sha256(path), named=named)
    return None


def _places(published: Published, given: Path | None, alone: bool) -> Iterator[tuple[Path, bool]]:
    """Paths at which the file may lie, and whether the user named the very file."""
    from torch import hub

    environment = os.environ.get("GANBENCH_WEIGHTS")
    for place in (given, Path(environment) if environment else None):
        if place is None:
            continue
        place = place.expanduser()
        if place.is_dir():
            yield place / published.file, False
        elif alone or place.name == published.file:
            yield place, True
    yield cache() / published.file, False
    yield Path(hub.get_dir()) / "checkpoints" / published.file, False


def _downloaded(extractor: str, published: Published) -> Found:
    """Downloads the file to the cache, or says on one line what to do without a network."""
    what = f"extractor {extractor!r} needs {published.file} ({published.megabytes} MB, SHA-256 {published.sha256})"
    remedy = f"fetch it elsewhere from {published.url} and name it, or the folder that holds it, with --weights PATH or GANBENCH_WEIGHTS"
    target = cache() / published.file
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(published, partial)
        found = sha256(partial)
        if found != published.sha256:
            raise DataError(f"{what}, and the download has SHA-256 {found}; {remedy}")
        os.replace(partial, target)
    except (OSError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{what}, which is not on this machine and could not be downloaded ({reason}); {remedy}") from None
    finally:
        partial.unlink(missing_ok=True)
    return Found(published=published, path=target, sha256=found, named=False)


def _fetch(published: Published, path: Path) -> None:
    """Copies the file from its server, with progress on standard error."""
    from rich.console import Console
    from rich.progress import wrap_file

    with _opened(published.url) as response, path.open("wb") as handle:
        size = int(response.headers.get("Content-Length") or published.megabytes * 1_000_000)
        with wrap_file(response, size, description=f"downloading {published.file}", console=Console(stderr=True)) as source:
            while block := source.read(_BLOCK_BYTES):
                handle.write(block)


def _opened(url: str) -> Any:
    """An open connection, or an OSError in time.

    Opened from a daemon thread: name resolution obeys no socket timeout.
    """
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=PATIENCE_S))
        except (OSError, http.client.HTTPException) as error:
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=PATIENCE_S)
    except queue.Empty:
        raise TimeoutError(f"no answer in {PATIENCE_S:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer

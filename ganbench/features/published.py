"""Where are published weights found, and how are they verified?"""

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
"""Timeout of a download server, in seconds."""
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published file of weights."""

    file: str
    """File name, here and in torch hub's folder."""
    url: str
    sha256: str
    megabytes: int
    """Rounded size, for messages."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A file of weights on this machine."""

    published: Published
    """The published file that it stands for."""
    path: Path
    sha256: str
    """Hash of the file that was found."""
    named: bool
    """Whether the user named this file, which may then have other weights than the published ones."""

    @property
    def genuine(self) -> bool:
        """Whether these are the published weights."""
        return self.sha256 == self.published.sha256

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on the weights for the reader of scores."""
        if self.genuine:
            return ()
        return (
            f"weights {str(self.path)!r} are not the published ones (SHA-256 {self.sha256}): "
            "scores are comparable with no published number",
        )


def find(extractor: str, published: Published, given: Path | None = None, alone: bool = True) -> Found:
    """Finds weights, or downloads them to the user's cache.

    The locations are, in this order: the given path, ``GANBENCH_WEIGHTS``, the user's cache, torch hub's checkpoints.
    A folder is searched for the published file name. A file found by its name must have the published hash; a
    file that the user named may have any.

    Args:
        extractor: Name of the extractor that needs the weights, for error messages.
        published: The file to find.
        given: A file, or a folder that may contain the file.
        alone: Whether the extractor needs only this file, so that a file named by the user must be meant for it.

    Raises:
        DataError: The file is not found and cannot be downloaded, or a file of this name has another hash.
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
    """Finds weights without loading or downloading them; None if they are not on this machine."""
    return _first(published, given, alone=True)


def cache() -> Path:
    """The folder for downloaded weights."""
    return platformdirs.user_cache_path("ganbench") / "weights"


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _first(published: Published, given: Path | None, alone: bool) -> Found | None:
    """The file at the first location that has it."""
    for path, named in _places(published, given, alone):
        if path.is_file():
            return Found(published=published, path=path, sha256=sha256(path), named=named)
    return None


def _places(published: Published, given: Path | None, alone: bool) -> Iterator[tuple[Path, bool]]:
    """Yields the possible paths of the file, and whether the user named the file itself."""
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
    """Downloads the file to the cache, or raises with the manual remedy."""
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
    """Downloads the file, with progress on standard error."""
    from rich.console import Console
    from rich.progress import wrap_file

    with _opened(published.url) as response, path.open("wb") as handle:
        size = int(response.headers.get("Content-Length") or published.megabytes * 1_000_000)
        with wrap_file(response, size, description=f"downloading {published.file}", console=Console(stderr=True)) as source:
            while block := source.read(_BLOCK_BYTES):
                handle.write(block)


def _opened(url: str) -> Any:
    """Opens a connection within ``PATIENCE_S``, or raises an OSError.

    A daemon thread opens it, because socket timeouts do not apply to name resolution.
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

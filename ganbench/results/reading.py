"""How are many record files read? (on all cores, and a file that cannot be read gives a line)"""

import gc
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError
from ganbench.results.record import Record, read_record

MANY = 400
"""Number of files from which several processes read them; fewer take less time than starting these."""
REPEATED = ("metric", "label", "ci_method", "estimand", "bounds")
"""Fields of scores that thousands of records have in common."""
_KNOWN: dict[Any, Any] = {}
"""What records that this process read have in common."""
ROUNDING = 1e-3
"""Share by which scores of the same weights may differ between environments, in which sums are rounded in another order."""
BATCH = 50
"""Files that a process reads at a time."""


def read_all(files: Sequence[Path]) -> Iterator[tuple[Path, Record | str]]:
    """Reads record files in order; instead of one that cannot be read comes a line that says why."""
    cores = os.cpu_count() or 1
    if len(files) < MANY or cores < 2:
        yield from ((file, _read(file)) for file in files)
        return
    with _no_collection(), ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
        yield from zip(files, pool.map(_read, files, chunksize=BATCH), strict=True)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nobody looks for cycles within the block, nor in processes forked there: records have none, and looking takes a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def told_again(record: Record, where: str, first: Record, place: str) -> str:
    """What is left out of a run that was found twice.

    Args:
        record: The later record.
        where: Its file.
        first: The record of the same run that was found before.
        place: Its file.
    """
    if record == first:
        return f"{where}: the same run as {place}, counted once"
    result = "the same weights and scores" if confirms(record, first) else "another result"
    return f"{where}: run {record.run_id} of {place} again, with {result}; {place} counts"


def confirms(again: Record, first: Record) -> bool:
    """Whether the repetition of a run gave the same final weights and scores, whenever it was made and however long it took."""
    pairs = [(one.column, two.column, one.value, two.value) for one, two in zip(again.scores, first.scores, strict=False)]
    return (
        again.status == first.status
        and bool(again.weights_sha256)
        and again.weights_sha256 == first.weights_sha256
        and len(again.scores) == len(first.scores)
        and all(column == other and math.isclose(value, known, rel_tol=ROUNDING) for column, other, value, known in pairs)
    )


def _read(file: Path) -> Record | str:
    try:
        return share(read_record(file), _KNOWN)
    except RequestError as error:
        return str(error)


def share(record: Record, known: dict[Any, Any]) -> Record:
    """Replaces parts of a record that equal those of earlier ones by theirs, since thousands of records repeat the same protocols.

    Args:
        record: The record, which stays equal to what it was.
        known: Parts of the earlier ones.
    """
    scores = (*record.scores, *(score for evaluation in record.evaluations for score in evaluation.scores))
    diagnostics = (*record.diagnostics, *(found for evaluation in record.evaluations for found in evaluation.diagnostics))
    # equal values in another object, which frozen dataclasses cannot know
    for score in scores:
        object.__setattr__(score, "protocol", known.setdefault(tuple(score.protocol.items()), score.protocol))
        for name in REPEATED:
            value = getattr(score, name)
            object.__setattr__(score, name, known.setdefault(value, value))
        if not score.details:
            object.__setattr__(score, "details", known.setdefault("no details", score.details))
    for found in diagnostics:
        object.__setattr__(found, "name", known.setdefault(found.name, found.name))
        object.__setattr__(found, "note", known.setdefault(found.note, found.note))
    for name, part in record.provenance.items():
        record.provenance[name] = known.setdefault(repr(part), part)
    config = record.spec.variant.config
    object.__setattr__(record.spec.variant, "config", known.setdefault(repr(config), config))
    return record

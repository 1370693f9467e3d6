"""How are many record files read? (on all cores, and a file that cannot be read gives a line)"""

import copyreg
import gc
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from multiprocessing import get_context
from operator import attrgetter
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError
from ganbench.results.record import Diagnostic, Evaluation, Record, Score, read_record

MANY = 400
"""Number of files from which several processes read them; fewer take less time than starting these."""
REPEATED = ("metric", "label", "ci_method", "estimand", "bounds")
"""Fields of scores that thousands of records have in common."""
ROUNDING = 1e-3
"""Share by which scores of the same weights may differ between environments, in which sums are rounded in another order."""
BATCH = 50
"""Files that a process reads at a time."""


def read_all(files: Sequence[Path]) -> Iterator[tuple[Path, Record | str]]:
    """Reads record files in order; instead of one that cannot be read comes a line that says why."""
    cores = os.cpu_count() or 1
    reading = partial(_read, known={})  # of which every batch in another process has its own
    if len(files) < MANY or cores < 2:
        yield from ((file, reading(file)) for file in files)
        return
    with _no_collection(), ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
        yield from zip(files, pool.map(reading, files, chunksize=BATCH), strict=True)


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


def _read(file: Path, known: dict[Any, Any]) -> Record | str:
    try:
        return _shared(read_record(file), known)
    except RequestError as error:
        return str(error)


def _shared(record: Record, known: dict[Any, Any]) -> Record:
    """Replaces parts of a record that equal those of earlier ones by theirs, since thousands of records repeat the same protocols."""
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


_MANY_IN_A_RECORD = (Score, Diagnostic, Evaluation)
_NAMES = {cls: tuple(one.name for one in fields(cls)) for cls in _MANY_IN_A_RECORD}
_GETTERS = {cls: attrgetter(*names) for cls, names in _NAMES.items()}
_SETTERS = {cls: tuple(getattr(cls, name).__set__ for name in names) for cls, names in _NAMES.items()}


def _reduced(one: Any) -> tuple[Any, ...]:
    return _restored, (type(one), _GETTERS[type(one)](one))


def _restored(cls: type[Any], values: tuple[Any, ...]) -> Any:
    made = object.__new__(cls)
    for put, value in zip(_SETTERS[cls], values, strict=True):
        put(made, value)
    return made


for _cls in _MANY_IN_A_RECORD:  # between processes in half the time that the way of dataclasses with slots takes
    copyreg.pickle(_cls, _reduced)

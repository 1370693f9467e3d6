"""How are many record files read? (on all cores, and a file that cannot be read gives a line)"""

import gc
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from ganbench.errors import RequestError
from ganbench.results.record import Record, read_record

MANY = 400
"""Number of files from which several processes read them; fewer take less time than starting these."""
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
    return f"{where}: run {record.run_id} of {place} again, with another result; {place} counts"


def _read(file: Path) -> Record | str:
    try:
        return read_record(file)
    except RequestError as error:
        return str(error)

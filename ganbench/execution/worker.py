"""How is a worker started, and what does it do first?"""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

PARENT_FLAG = "GANBENCH_PARENT"
"""Environment variable with the process id of the matrix that a worker belongs to."""
SLOTS_FLAG = "GANBENCH_RUNS_AT_A_TIME"
"""Environment variable with the number of runs that share the machine, for the record of their timings."""


def command(folder: Path) -> list[str]:
    """What starts a worker on the run of a folder, which holds its spec and its runtime."""
    # -P: a statistics.py beside the suite must not stand in for Python's
    return [sys.executable, "-P", "-m", "ganbench", "run", "--spec", str(folder / "spec.json"), "--out", str(folder)]


def environment(slot: Mapping[str, str], at_a_time: int) -> dict[str, str]:
    """The environment of a worker in one of so many places."""
    return {**os.environ, **slot, PARENT_FLAG: str(os.getpid()), SLOTS_FLAG: str(at_a_time)}


def die_with_parent() -> None:
    """Called by a worker: makes the system kill it when the matrix that started it dies, so that nothing runs unseen.

    State is safe against a kill at any moment. Only Linux offers this; elsewhere an orphan finishes its cell.
    """
    parent = os.environ.get(PARENT_FLAG)
    if parent is None or not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG of <linux/prctl.h>
    if os.getppid() != int(parent):
        os.kill(os.getpid(), signal.SIGKILL)  # it died before the call

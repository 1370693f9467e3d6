"""How is a worker process started and tied to its parent?"""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

PARENT_FLAG = "GANBENCH_PARENT"
"""Environment variable with the process id of the matrix that started the worker."""
SLOTS_FLAG = "GANBENCH_RUNS_AT_A_TIME"
"""Environment variable with the number of runs at a time, which is recorded with their timings."""


def arguments(folder: Path) -> list[str]:
    """What a worker is asked to do: the run in a folder, which contains its spec and runtime settings."""
    return ["run", "--spec", str(folder / "spec.json"), "--out", str(folder)]


def command(folder: Path) -> list[str]:
    """The command that starts a worker for the run in a folder."""
    # -P, so that a statistics.py beside the suite does not shadow Python's
    return [sys.executable, "-P", "-m", "ganbench", *arguments(folder)]


def environment(slot: Mapping[str, str], at_a_time: int) -> dict[str, str]:
    """The environment of a worker in one of ``at_a_time`` slots."""
    return {**os.environ, **slot, PARENT_FLAG: str(os.getpid()), SLOTS_FLAG: str(at_a_time)}


def die_with_parent() -> None:
    """Called by a worker: has the operating system kill it when the matrix that started it dies, so that no orphan keeps running.

    A run's files survive a kill at any moment. Only Linux supports this; on other systems an orphan finishes its run.
    """
    parent = os.environ.get(PARENT_FLAG)
    if parent is None or not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG of <linux/prctl.h>
    if os.getppid() != int(parent):
        os.kill(os.getpid(), signal.SIGKILL)  # the parent died before the call

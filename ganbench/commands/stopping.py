"""How does a signal stop a command? (SIGTERM, as a batch system or a shutdown sends it, ends it as Ctrl-C does)"""

import os
import signal
import sys
import threading
from typing import Any

stopped: list[int] = []
"""Signals that asked this process to stop."""
_AGAIN_S = 0.01


def hear() -> None:
    """Turns SIGTERM and Ctrl-C into a KeyboardInterrupt wherever they come."""
    for number in (signal.SIGTERM, signal.SIGINT):
        if number == signal.SIGTERM or signal.getsignal(number) != signal.SIG_IGN:  # a shell's background job ignores Ctrl-C
            signal.signal(number, _interrupt)
    sys.unraisablehook = _repeat


def ignore() -> None:
    """Ignores further signals, since a second Ctrl-C finds nothing left to stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, _: object) -> None:
    stopped.append(number)
    raise KeyboardInterrupt


def _repeat(lost: Any) -> None:
    """Repeats an interruption that came in a destructor or another callback, where Python prints exceptions and goes on."""
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), signal.SIGTERM))
    again.daemon = True
    again.start()

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys, time
from ganbench.commands import stopping
stopping.hear()
class Deaf:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):
            pass
try:
    Deaf()
    time.sleep(20)
except KeyboardInterrupt:
    stopping.ignore()
    print("heard", len(stopping.stopped))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interruption_in_a_destructor_is_heard_and_prints_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout.strip(), done.stderr) == ("heard 2", "")

"""How does a worker start without loading everything anew? (a process that has loaded it once, and forks for every worker)

Loading torch takes seconds, more than a short run trains. The template loads what every run needs, starts no thread, trains nothing and
opens no device; a worker forked from it has its own environment, session, log and exit code, and does what any other worker would.
"""

import gc
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ganbench.execution.worker import PARENT_FLAG, die_with_parent
from ganbench.registry import DATASETS, DIAGNOSTICS

USABLE = sys.platform == "linux"
"""Whether torch survives a fork here; on other systems libraries of the system start threads when they are loaded."""
COMMAND = (sys.executable, "-P", "-m", "ganbench.execution.template")
MODULES = (
    *("ganbench.cli", "ganbench.commands.run", "ganbench.pipeline.cell", "ganbench.features.probe", "scipy.linalg", "typer.rich_utils"),
    *(f"ganbench.metrics.{name}" for name in ("classifier", "frechet", "kernel", "manifold")),
)
"""What a run imports in any case, or in most."""
TICK_S = 0.02
"""How often the template looks for workers that have ended."""


class Forked:
    """A worker that a template has forked; stands where a :class:`subprocess.Popen` could.

    Args:
        template: The template.
        pid: Process id of the worker.
    """

    def __init__(self, template: "Template", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._template = template

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the worker runs."""
        if self.returncode is None:
            self.returncode = self._template.ended(self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Waits for the exit code.

        Raises:
            subprocess.TimeoutExpired: The worker still runs.
        """
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() >= end:
                raise subprocess.TimeoutExpired("worker", timeout)
            time.sleep(TICK_S)
        return code

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless the worker has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills the worker."""
        self.send_signal(signal.SIGKILL)


class Template:
    """Starts the template process, which is ready some seconds later.

    Args:
        env: Environment in which it loads torch, which reads its number of threads then.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            COMMAND,
            bufsize=0,  # so that what was written and not yet read is seen
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**env, PARENT_FLAG: str(os.getpid())},
            start_new_session=True,
        )
        self._codes: dict[int, int] = {}

    def start(self, arguments: Sequence[str], env: Mapping[str, str], log: Path) -> Forked | None:
        """Forks a worker; waits until the template is ready.

        Args:
            arguments: Of the command ``ganbench``.
            env: The worker's environment.
            log: File to which it appends what it prints.

        Returns:
            The worker, or None if the template has died, as on a system on which it cannot fork.
        """
        try:
            self._write({"arguments": list(arguments), "env": dict(env), "log": str(log), "cwd": os.getcwd()})
            while (said := self._read()) is not None:
                if "started" in said:
                    return Forked(self, int(said["started"]))
        except OSError:
            return None
        return None

    def ended(self, pid: int) -> int | None:
        """The exit code of a worker, or None while it runs; those of a template that has died died with it."""
        while pid not in self._codes and self._ready():
            if self._read() is None:
                return -signal.SIGKILL
        return self._codes.pop(pid, None)

    def close(self) -> None:
        """Ends the template; workers must have ended."""
        self._process.kill()
        self._process.communicate()

    def _ready(self) -> bool:
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def _write(self, request: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")

    def _read(self) -> dict[str, int] | None:
        """The next message, of which ends of workers are kept; None if the template is gone."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            return None
        said: dict[str, int] = json.loads(line)
        if "ended" in said:
            self._codes[said["ended"]] = said["code"]
        return said


@contextmanager
def template(runs: int, threads: int) -> Iterator[Template | None]:
    """A template within the block, where it pays and workers survive being forked: several of them with one thread each.

    Args:
        runs: Number of workers that will be started.
        threads: CPU threads of each; the pool of threads that a library has for several is missing in a fork.
    """
    if not USABLE or runs < 2 or threads > 1:
        yield None
        return
    found = Template({**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))})
    try:
        yield found
    finally:
        found.close()


def serve() -> None:
    """What the template does: it loads, then forks for every line of stdin, and writes a line for every start and end."""
    die_with_parent()
    replies, requests = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(0), "rb", buffering=0)
    os.dup2(2, 1)  # what imports print is no message
    _load()
    if threading.active_count() > 1 or len(os.listdir("/proc/self/task")) > 1:
        return  # a thread would be missing in the workers, and what it holds would stay locked
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every page that workers share
    running: set[int] = set()
    while True:
        for pid in tuple(running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                running.remove(pid)
                print(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}), file=replies, flush=True)
        if not select.select([requests], [], [], TICK_S)[0]:
            continue
        line = requests.readline()
        if not line:
            return
        child = os.fork()
        if child == 0:
            replies.close()
            requests.close()
            _become(**json.loads(line))
        running.add(child)
        print(json.dumps({"started": child}), file=replies, flush=True)


def _load() -> None:
    """Imports what runs need, and does once what is slow only the first time: constructing Adam imports torch's compiler.

    What others have registered is loaded by the workers, since nobody knows what it does when it is imported.
    """
    for name in MODULES:
        import_module(name)
    for registry in (DATASETS, DIAGNOSTICS):
        for name in registry.builtins:
            registry.load(name)
    torch = import_module("torch")
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])


def _become(arguments: Sequence[str], env: Mapping[str, str], log: str, cwd: str) -> None:
    """In the child: is the command ``ganbench`` until it ends."""
    code = 1
    try:
        os.setsid()
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update({**env, PARENT_FLAG: str(os.getppid())})
        _connect(log)
        sys.argv = ["ganbench", *arguments]
        import_module("ganbench.cli").main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # taking torch down in order takes half a second


def _connect(log: str) -> None:
    """Connects stdin with nothing, stdout and stderr with the end of a file."""
    nothing, file = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for source, target in ((nothing, 0), (file, 1), (file, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(file)


if __name__ == "__main__":
    serve()

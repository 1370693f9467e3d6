"""Runs small enough to be carried out many times in a test."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganbench.data.dataset import Dataset
from ganbench.data.loading import load_dataset
from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec, TrainingSpec, run_id
from ganbench.plan.variant_config import variant_spec
from ganbench.registry import VARIANTS
from ganbench.results.record import Record, Score, read_record

IMAGES = DatasetSpec(name="digits", resolution=8)
POINTS = DatasetSpec(name="ring8")

TinySpec = Callable[..., RunSpec]
LONG = (
    "test_interval_coverage_n2000.py",
    "test_families_coverage.py",
    "test_cifar10_probe.py",
    "test_learning.py",
    "test_networks.py",
    "test_wheel.py",
)
"""Files of tests that take tens of seconds each; they begin, so that none is left to one worker at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Workers of pytest-xdist hand over how many tests a plain run leaves out, which they otherwise keep to themselves."""
    if items and hasattr(items[0].config, "workeroutput"):
        items[0].config.workeroutput["deselected"] = len(items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    reporter = node.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and (left_out := getattr(node, "workeroutput", {}).get("deselected")):
        reporter.stats["deselected"] = [SimpleNamespace()] * left_out  # the last line counts them


def tiny(variant: str) -> dict[str, Any]:
    """Settings of a few thousand weights, which a registered variant's class says."""
    return dict(VARIANTS.load(variant).tiny) if variant in VARIANTS.targets else {}


def build_spec(variant: str = "dcgan", dataset: DatasetSpec = IMAGES, *, config: dict[str, Any] | None = None, **fields: Any) -> RunSpec:
    """A run of twelve steps on 8x8 digits or on points; ``config`` and ``fields`` replace parts of it."""
    spec = RunSpec(
        variant=variant_spec(variant, {**tiny(variant), **(config or {})}, "test"),
        dataset=dataset,
        seed=0,
        budget_images=12 * 16,
        training=TrainingSpec(batch_size=16, ema_halflife_images=50),
        evaluation=EvaluationSpec(extractor="pixels" if dataset == IMAGES else "identity", metrics=("fd",), n_fake=80, n_real=200),
    )
    return replace(spec, **fields)


@pytest.fixture(scope="session")
def tiny_spec() -> TinySpec:
    """Builds tiny runs: ``tiny_spec("wgan", POINTS, seed=3, config={"critic_steps": 2})``."""
    return build_spec


GOLDEN = Path(__file__).parent / "golden" / "record-v1.json"


def honest_record(seed: int = 0, fd: float = 4.0, **changes: Any) -> Record:
    """The golden record with all that a run leaves behind today, of a seed, with an FD at its end."""
    golden = read_record(GOLDEN)
    spec = replace(golden.spec, seed=seed)
    end = golden.images_seen
    series = tuple(
        replace(
            one, scores=tuple(_of_value(score, fd) if score.metric == "fd" and one.images_seen == end else score for score in one.scores)
        )
        for one in golden.evaluations
    )
    hashes = {name: f"{seed:02x}{number:02x}" * 16 for number, name in enumerate(("raw", "ema"))}
    provenance = {
        "packages": {"ganbench": "0.1.0", "torch": "2.9.0", "python": "3.11.0"},
        "hardware": {"cpu": "A processor"},
        "fingerprint": "0123456789ab",
        "variant_source_sha256": "ef" * 32,
        "dataset": {"fingerprint": "cd" * 32},
    }
    fields = {"spec": spec, "run_id": run_id(spec), "evaluations": series, "weights_sha256": hashes, "provenance": provenance, **changes}
    if "scores" not in changes:
        fields["scores"] = tuple(score for one in fields["evaluations"] if one.images_seen == end for score in one.scores)
    return replace(golden, **fields)


def _of_value(score: Score, value: float) -> Score:
    return replace(score, value=value, ci_low=value - 0.05, ci_high=value + 0.05)


@pytest.fixture(scope="session")
def honest() -> Callable[..., Record]:
    """Makes records that pass all checks of a leaderboard: ``honest(seed=1, fd=3.0, attempts=0)``."""
    return honest_record


@pytest.fixture(scope="session")
def tiny_data() -> Callable[[DatasetSpec], Dataset]:
    """Loads the data of a tiny run, once a session."""
    return lru_cache(lambda spec: load_dataset(spec, Path()))


@pytest.fixture(scope="session")
def tiny_trainer(tiny_data: Callable[[DatasetSpec], Dataset]) -> Callable[..., Any]:
    """Builds a trainer at step 0 on a device; with ``cls``, of that class; with ``ranks``, of one among several."""
    import torch

    from ganbench import seeding
    from ganbench.distributed import ALONE, Ranks
    from ganbench.training.building import build
    from ganbench.training.trainer import Trainer
    from ganbench.training.variant import Variant

    def start(spec: RunSpec, cls: type[Variant] | None = None, ranks: Ranks = ALONE, on: str = "cpu", engine: str = "eager") -> Trainer:
        data, device = tiny_data(spec.dataset), torch.device(on)
        variant = build(spec, data, device)
        if cls is not None:
            with seeding.global_stream(spec.seed, "init"):
                variant = cls(variant.config, data.shape)
        return Trainer(variant, data, spec, device, ranks, engine)

    return start


# Importing torch takes seconds and commands are many: this process imports once and forks for every command.
# What the child runs is `ganbench.cli.main` with file descriptors, environment, working directory, session and exit code of its own.
# A matrix's workers are forked too. That commands and workers start of themselves, and what they import, is tested where
# `python -m ganbench` starts afresh: test_cli_light.py, and at the end of test_cli_taken_folders.py a matrix.
SERVER = '''
import gc, json, os, signal, subprocess, sys, time
import torch, torch.distributed
import ganbench.cli, ganbench.commands.doctor, ganbench.commands.generate, ganbench.commands.list, ganbench.commands.plan
import ganbench.commands.run, ganbench.commands.score, ganbench.evaluation.score, ganbench.execution.local, ganbench.pipeline.cell
import ganbench.features.inception, ganbench.features.plain, ganbench.features.random_conv, ganbench.features.probe
import ganbench.data.bundled, ganbench.report.terminal, ganbench.report.figures, ganbench.matrix
import ganbench.evaluation.diagnosis, ganbench.report.diagnosis, ganbench.report.pairs, sklearn.cluster
import ganbench.metrics.classifier, ganbench.metrics.frechet, ganbench.metrics.kernel, ganbench.metrics.manifold
import rich.table, rich.progress, typer.rich_utils
gc.freeze()
replies = os.fdopen(os.dup(1), "w")


def become(arguments, out, err, cwd, env, script):
    """In a child: is that command until it ends."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it and hands that down
    for target, number in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, err)):
        os.dup2(number, target)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    torch.set_num_threads(int(env["OMP_NUM_THREADS"]))  # what a process of its own would read when torch is loaded
    sys.argv = ["ganbench", *arguments]
    code = 99
    try:
        if script is None:
            ganbench.cli.main()
        else:
            exec(script, {"__name__": "__main__"})
            code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # taking torch down again would take half a second


class Worker:
    """Stands in for subprocess.Popen where a matrix starts a worker."""

    def __init__(self, command, stdin, stdout, stderr, env, start_new_session):
        assert command[:4] == [sys.executable, "-P", "-m", "ganbench"] and start_new_session
        sys.stdout.flush()
        sys.stderr.flush()
        self.returncode = None
        self.pid = os.fork()
        if self.pid == 0:
            become(command[4:], stdout.fileno(), stderr.fileno(), os.getcwd(), env, None)

    def poll(self):
        if self.returncode is None:
            child, status = os.waitpid(self.pid, os.WNOHANG)
            if child:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout):
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("worker", timeout)
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, which):
        if self.poll() is None:
            os.kill(self.pid, which)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class ForkedWorkers:
    """The subprocess module as a matrix sees it."""

    Popen, DEVNULL, TimeoutExpired = Worker, subprocess.DEVNULL, subprocess.TimeoutExpired


ganbench.execution.local.subprocess = ForkedWorkers
ganbench.execution.template.USABLE = False  # this process is a template already


def start(request):
    child = os.fork()
    if child:
        return child
    out, err = (os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for name in ("out", "err"))
    become(request["arguments"], out, err, request["cwd"], request["env"], request["script"])


def wait(request):
    end = time.monotonic() + request["timeout_s"]
    while time.monotonic() < end:
        child, status = os.waitpid(request["wait"], os.WNOHANG)
        if child:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)


for line in iter(sys.stdin.readline, ""):
    request = json.loads(line)
    print(json.dumps(wait(request) if "wait" in request else start(request)), file=replies, flush=True)
'''


@dataclass
class Forked:
    """A process that the fork server started."""

    pid: int
    _ask: Callable[[dict[str, Any]], int | None]
    _code: int | None = None

    def poll(self) -> int | None:
        """Exit code; None while it runs, negative where a signal ended it."""
        if self._code is None:
            self._code = self._ask({"wait": self.pid, "timeout_s": 0.001})
        return self._code

    def wait(self, timeout_s: float = 240.0) -> int:
        """Its exit code, once it ended; it must end in time."""
        if self._code is None:
            self._code = self._ask({"wait": self.pid, "timeout_s": timeout_s})
        if self._code is None:
            self.send_signal(9)
            raise AssertionError(f"not ended within {timeout_s} s")
        return self._code

    def send_signal(self, which: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, which)


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Forked]]:
    """Starts ``ganbench ARGUMENTS``, or a ``script`` with these arguments, in a process forked from one that has torch loaded."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SERVER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def ask(request: dict[str, Any]) -> int | None:
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        answer: int | None = json.loads(stdout.readline())
        return answer

    def start(
        *arguments: object, cwd: Path, out: Path, err: Path, env: Mapping[str, str] | None = None, script: str | None = None
    ) -> Forked:
        request = {
            "arguments": [str(argument) for argument in arguments],
            "script": script,
            "cwd": str(cwd),
            "env": {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
            "out": str(out),
            "err": str(err),
        }
        pid = ask(request)
        assert pid is not None
        return Forked(pid, ask)

    yield start
    stdin.close()
    process.wait(20)
    stdout.close()


@pytest.fixture(scope="session")
def inception_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dictionary of the FID's Inception in its published form, with random weights that keep the scale of the maps."""
    import torch

    from ganbench.features.inception_network import Definition

    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in Definition().state_dict().items() if "num_batches" not in key}
    tensors = {}
    for key, shape in shapes.items():
        drawn = torch.randn(shape, generator=generator)
        if key.endswith(("conv.weight", "fc.weight")):
            tensors[key] = drawn * (2 / shape[1:].numel()) ** 0.5
        elif key.endswith(("bn.weight", "running_var")):
            tensors[key] = 0.75 + drawn.abs() / 3
        else:
            tensors[key] = drawn / 10
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(tensors, path)
    return path

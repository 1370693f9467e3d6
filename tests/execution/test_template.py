"""Does a worker that is forked from the template do what one of its own process does, and end as it does?"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganbench.execution import template as module
from ganbench.execution.template import Template, template
from ganbench.execution.worker import arguments, command
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.results.folders import claim
from ganbench.results.record import read_record

pytestmark = pytest.mark.skipif(not module.USABLE, reason="workers are forked on Linux alone")
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
CPU = Runtime(device="cpu")


@pytest.fixture(scope="module")
def forks() -> Iterator[Template]:
    with template(2, 1) as found:
        assert found is not None
        yield found


def claimed(folder: Path, spec: RunSpec) -> Path:
    claim(folder, spec, CPU)
    return folder


def test_a_forked_worker_gives_the_bits_of_one_of_its_own(forks: Template, tiny_spec: Callable[..., RunSpec], tmp_path: Path) -> None:
    spec = tiny_spec("wgan_gp")
    own, forked = (claimed(tmp_path / name, spec) for name in ("own", "forked"))
    subprocess.run(command(own), env=ENV, check=True, capture_output=True)
    worker = forks.start(arguments(forked), ENV, forked / "log.txt")
    assert worker is not None and worker.wait(60) == 0
    first, second = (read_record(folder / "record.json") for folder in (own, forked))
    assert first.weights_sha256 == second.weights_sha256 and first.status == second.status == "done"
    assert [score.value for score in first.scores] == [score.value for score in second.scores]
    assert first.provenance["fingerprint"] == second.provenance["fingerprint"]
    assert (forked / "log.txt").read_text() == f"{spec.slug}: done\n"


def test_workers_have_their_own_environment_log_and_exit_code(forks: Template, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("before\n")
    bad = forks.start(["run", "nosuch"], {**ENV, "COLUMNS": "70"}, tmp_path / "bad")
    good = forks.start(["list", "suites"], ENV, tmp_path / "good")
    assert bad is not None and good is not None
    assert (good.wait(60), bad.wait(60)) == (0, 2)
    assert (tmp_path / "bad").read_text().startswith("before\nganbench: unknown suite 'nosuch'")
    assert "quickstart" in (tmp_path / "good").read_text()
    assert good.poll() == 0, "and it stays so"


def slow(tiny_spec: Callable[..., RunSpec], folder: Path) -> Path:
    return claimed(folder, tiny_spec("gan", DatasetSpec(name="ring8"), budget_images=10**9))


def training(folder: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (folder / "events.jsonl").exists() and '"tick"' in (folder / "events.jsonl").read_text():
            return
        time.sleep(0.05)
    raise AssertionError("it did not begin to train")


def test_a_worker_that_is_asked_to_stop_writes_a_checkpoint_and_a_killed_one_says_so(
    forks: Template, tiny_spec: Callable[..., RunSpec], tmp_path: Path
) -> None:
    folders = [slow(tiny_spec, tmp_path / name) for name in ("asked", "killed")]
    asked, killed = (forks.start(arguments(folder), ENV, folder / "log.txt") for folder in folders)
    assert asked is not None and killed is not None
    for folder in folders:
        training(folder)
    asked.send_signal(signal.SIGTERM)
    killed.kill()
    assert killed.wait(30) == -signal.SIGKILL
    assert asked.wait(30) == 130
    assert any((folders[0] / "checkpoints").iterdir())


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_nothing_is_left_when_the_matrix_dies(tiny_spec: Callable[..., RunSpec], tmp_path: Path) -> None:
    folder = slow(tiny_spec, tmp_path / "run")
    code = (
        "import os, sys, json, time; from pathlib import Path; from ganbench.execution.template import Template;"
        "found = Template({**os.environ}); worker = found.start(json.loads(sys.argv[1]), {**os.environ}, Path(sys.argv[2]));"
        "print(found._process.pid, worker.pid, flush=True); time.sleep(600)"
    )
    words = [sys.executable, "-c", code, json.dumps(arguments(folder)), str(folder / "log.txt")]
    matrix = subprocess.Popen(words, env=ENV, stdout=subprocess.PIPE, text=True)
    assert matrix.stdout is not None
    pids = [int(word) for word in matrix.stdout.readline().split()]
    training(folder)
    matrix.kill()
    matrix.communicate()
    end = time.monotonic() + 30
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def test_a_template_that_cannot_be_used_starts_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    with template(2, 1) as found:
        assert found is not None and found.start(["list", "suites"], ENV, tmp_path / "log") is None


@pytest.mark.parametrize(("runs", "threads", "usable"), [(1, 1, True), (2, 2, True), (2, 1, False)])
def test_there_is_none_where_it_does_not_pay_or_would_lose_threads(
    monkeypatch: pytest.MonkeyPatch, runs: int, threads: int, usable: bool
) -> None:
    monkeypatch.setattr(module, "USABLE", usable)
    with template(runs, threads) as found:
        assert found is None

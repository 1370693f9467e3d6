import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganbench.plan.runtime import Runtime
from ganbench.results.folders import read_records
from ganbench.results.record import Record, read_record

Command = Callable[..., Any]


def by_class(out: Path) -> dict[str, Record]:
    return {record.spec.variant.name.rpartition(":")[2]: record for record in read_records(out) if record.spec.seed == 0}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory, methods: Path, ganbench_in: Command) -> tuple[Path, list[str], Any]:
    """A matrix of one run that raises, one that cannot be built, one that diverges and one that is healthy; two workers."""
    folder = tmp_path_factory.mktemp("matrix")
    names = ", ".join(f'"{methods}:{name}"' for name in ("Raises", "Unbuildable", "Diverges", "Healthy"))
    (folder / "suite.toml").write_text(
        f'name = "mixed"\n[[matrix]]\nvariants = [{names}]\ndatasets = ["ring8"]\nseeds = [0]\nbudget_images = 512\n'
        'training = { batch_size = 64 }\nevaluation = { extractor = "identity", metrics = ["fd"], n_fake = 64, n_real = 64 }\n'
    )
    arguments = ["run", "suite.toml", "--out", "out", "--workers", "2", "--device", "cpu", "--json"]
    return folder, arguments, ganbench_in(folder, *arguments)


Matrix = tuple[Path, list[str], Any]


def test_a_matrix_finishes_the_others_and_exits_1(matrix: Matrix) -> None:
    folder, _, result = matrix
    assert result.code == 1, result.err
    found = by_class(folder / "out")
    assert {name: record.status for name, record in found.items()} == {
        "Raises": "failed",
        "Unbuildable": "failed",
        "Diverges": "diverged",
        "Healthy": "done",
    }
    assert len(read_records(folder / "out")) == 4


def test_a_failure_is_recorded_with_type_message_stage_and_command(matrix: Matrix) -> None:
    found = by_class(matrix[0] / "out")
    raised, unbuilt = found["Raises"].error, found["Unbuildable"].error
    assert raised is not None and unbuilt is not None
    assert (raised.type, raised.message, raised.stage) == ("ArithmeticError", "the third step\nis too much", "training")
    assert (unbuilt.type, unbuilt.stage) == ("LookupError", "setting up")
    assert "methods.py" in raised.traceback or "generator_step" in raised.traceback
    assert raised.command.startswith("ganbench run --spec runs/methods-Raises")
    assert found["Raises"].scores == ()


def test_a_divergence_is_a_result_without_scores(matrix: Matrix) -> None:
    diverged = by_class(matrix[0] / "out")["Diverges"]
    assert diverged.divergence is not None and diverged.error is None
    assert diverged.divergence.kind == "nonfinite"
    assert "step 3" in diverged.divergence.detail  # steps count from 0, and the fourth is the first that is not finite
    assert diverged.scores == () and diverged.weights_sha256 == {}
    assert diverged.evaluations  # what it scored before stays


def test_what_is_human_goes_to_stderr_and_failures_are_grouped_there(matrix: Matrix) -> None:
    _, _, result = matrix
    data = json.loads(result.out)
    assert (data["schema_version"], data["suite"], len(data["records"])) == (1, "mixed", 4)
    assert "1 failed with ArithmeticError: the third step" in result.err
    assert "1 failed with LookupError: no such layer" in result.err
    assert "\x1b" not in result.err  # no terminal, no escape codes
    assert "Traceback" not in result.err


def test_the_printed_command_reproduces_the_failure(matrix: Matrix, ganbench: Command) -> None:
    folder, _, result = matrix
    printed = [line.strip() for line in result.err.splitlines() if line.strip().startswith("reproduce in out: ") and "Raises" in line]
    assert len(printed) == 1
    words = shlex.split(printed[0].removeprefix("reproduce in out: "))
    assert words[0] == "ganbench"
    again = ganbench(*words[1:], cwd=folder / "out")
    assert again.code == 1
    record = read_record(folder / "out" / words[words.index("--out") + 1] / "record.json")
    first = by_class(folder / "out")["Raises"]
    assert record.run_id == first.run_id
    assert record.error is not None and first.error is not None
    assert (record.error.type, record.error.message) == (first.error.type, first.error.message)


def copied(matrix: Matrix, tmp_path: Path) -> Path:
    """The finished matrix in a folder of this test's own, without what the test above may have added."""
    shutil.copytree(matrix[0], tmp_path / "copy", ignore=shutil.ignore_patterns("*-again"))
    return tmp_path / "copy"


def test_a_finished_matrix_runs_nothing_again_and_prints_the_same_table(
    matrix: Matrix, ganbench: Command, tmp_path: Path, tree: Callable[[Path], Any]
) -> None:
    folder = copied(matrix, tmp_path)
    before = tree(folder)
    again = ganbench(*matrix[1], cwd=folder)
    assert again.code == 1  # its failures are still failures
    assert json.loads(again.out) == json.loads(matrix[2].out)
    assert tree(folder) == before
    first = matrix[2].err
    assert again.err.splitlines() == first[first.index("ring8: scores") :].splitlines()


def test_only_what_is_missing_runs_and_retry_failed_runs_failures_alone(matrix: Matrix, ganbench: Command, tmp_path: Path) -> None:
    folder = copied(matrix, tmp_path)
    out = folder / "out"
    before = {record.run_id: record for record in read_records(out)}
    lost = by_class(out)["Healthy"]
    shutil.rmtree(out / "runs" / lost.spec.slug)
    again = ganbench(*matrix[1], "--workers", "1", "--retry-failed", cwd=folder, env={"MENDED": "1"})
    assert again.code == 1  # Unbuildable still fails
    assert "3 of 4 runs to do" in again.err
    after = {record.run_id: record for record in read_records(out)}
    changed = {record.spec.variant.name.rpartition(":")[2] for record in after.values() if record != before[record.run_id]}
    assert changed == {"Raises", "Unbuildable", "Healthy"}
    mended = by_class(out)["Raises"]
    assert mended.status == "done" and mended.error is None and mended.attempts == 2
    # trained again, by one worker instead of two
    assert after[lost.run_id].weights_sha256 == lost.weights_sha256
    assert after[lost.run_id].evaluations[-1].scores[0].value == lost.evaluations[-1].scores[0].value


def test_a_diverged_run_alone_exits_0(matrix: Matrix, ganbench: Command, tmp_path: Path) -> None:
    spec = by_class(matrix[0] / "out")["Diverges"].spec
    source = matrix[0] / "out" / "runs" / spec.slug / "spec.json"
    result = ganbench("run", "--spec", source, "--out", "cell", "--device", "cpu")
    assert result.code == 0
    assert read_record(tmp_path / "cell" / "record.json").status == "diverged"


def test_a_cell_prints_its_record_alone_on_stdout_and_is_not_run_twice(matrix: Matrix, ganbench: Command, tmp_path: Path) -> None:
    first = by_class(matrix[0] / "out")["Healthy"]
    source = matrix[0] / "out" / "runs" / first.spec.slug / "spec.json"
    result = ganbench("run", "--spec", source, "--out", "cell", "--device", "cpu", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["weights_sha256"] == first.weights_sha256
    written = (tmp_path / "cell" / "record.json").read_bytes()
    again = ganbench("run", "--spec", source, "--out", "cell", "--device", "cpu", "--json")
    assert again.code == 0
    assert json.loads(again.out) == json.loads(result.out)
    assert (tmp_path / "cell" / "record.json").read_bytes() == written


def test_a_cell_refuses_a_folder_that_is_anothers(matrix: Matrix, ganbench: Command, tmp_path: Path, tree: Callable[[Path], Any]) -> None:
    folder = copied(matrix, tmp_path)
    found = by_class(folder / "out")
    healthy, diverged = (folder / "out" / "runs" / found[name].spec.slug for name in ("Healthy", "Diverges"))
    before = tree(folder)
    theirs = f"belongs to run {found['Diverges'].run_id}"
    assert theirs in ganbench("run", "--spec", healthy / "spec.json", "--out", diverged).one_line()
    assert tree(folder) == before
    (diverged / "record.json").unlink()
    assert "belongs to another run" in ganbench("run", "--spec", healthy / "spec.json", "--out", diverged).one_line()
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo.txt").write_text("mine")
    assert "is not empty" in ganbench("run", "--spec", healthy / "spec.json", "--out", "holiday").one_line()
    assert tree(tmp_path / "holiday") == {"photo.txt": b"mine"}


def wait_for(condition: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended and was not yet waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends workers with their parent")
def test_interrupted_and_killed_matrices_leave_no_worker_and_go_on(
    methods: Path, suite: Callable[..., Path], ganbench: Command, forked: Command, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    # 400 steps of 2,048 points: 20 s of sleep while the gate is there, under a second without; a tick is two steps
    suite(variants=f'["{methods}:Slow"]', budget_images=2_048 * 400, training="{ batch_size = 2_048 }")
    arguments = ["run", "suite.toml", "--out", "out", "--device", "cpu"]

    def ticks() -> int:
        logs = list((tmp_path / "out").glob("runs/*/events.jsonl"))
        return sum(line.count('"kind": "tick"') for log in logs for line in log.read_text().splitlines())

    def begun() -> tuple[Any, int]:
        """A matrix whose worker has trained since, and that worker's process id."""
        before = ticks()
        process = forked(*arguments, cwd=tmp_path, env={"GATE": str(gate)}, out=tmp_path / "out.txt", err=tmp_path / "err.txt")
        wait_for(lambda: process.poll() is None and ticks() > before + 2)
        marker = next((tmp_path / "out").glob("runs/*/running"))
        return process, json.loads(marker.read_text())["pid"]

    matrix, worker = begun()
    assert alive(worker)
    matrix.send_signal(signal.SIGINT)
    assert matrix.wait(60) == 130
    said = (tmp_path / "err.txt").read_text()
    last = said.splitlines()[-1]
    assert last == "interrupted: 0 of 1 runs finished; the same command goes on with the rest"
    assert "Traceback" not in said
    assert not alive(worker)
    assert list((tmp_path / "out").glob("runs/*/checkpoints/0*/state.pt"))
    assert not list((tmp_path / "out").glob("runs/*/running"))

    matrix, worker = begun()
    matrix.send_signal(signal.SIGKILL)
    assert matrix.wait(60) == -signal.SIGKILL
    wait_for(lambda: not alive(worker), 10)

    planned = json.loads(ganbench("plan", "suite.toml", "--out", "out", "--json").out)
    assert [cell["state"] for cell in planned["cells"]] == ["continues"]
    gate.unlink()
    result = ganbench(*arguments, env={"GATE": str(gate)})
    assert result.code == 0, result.err
    (record,) = read_records(tmp_path / "out")
    assert (record.status, record.attempts, record.images_seen) == ("done", 3, 2_048 * 400)


def test_a_run_that_another_process_holds_is_refused(matrix: Matrix, ganbench: Command, tmp_path: Path) -> None:
    from ganbench.results.folders import claim, running

    spec = by_class(matrix[0] / "out")["Healthy"].spec
    folder = tmp_path / "held"
    claim(folder, spec, Runtime())
    with running(folder):
        said = ganbench("run", "--spec", folder / "spec.json", "--out", folder, "--device", "cpu").one_line()
        assert "another process is working on this run" in said and str(os.getpid()) in said
        assert not (folder / "record.json").exists()
    assert ganbench("run", "--spec", folder / "spec.json", "--out", folder, "--device", "cpu").code == 0


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, methods: Path, ganbench_in: Command, write_suite: Callable[..., Path]) -> Matrix:
    """A matrix of two seeds that find the disk full, one that is killed, and a healthy one."""
    folder = tmp_path_factory.mktemp("faulty")
    write_suite(folder, variants=f'["{methods}:Full", "{methods}:Killed", "{methods}:Healthy"]', name="suite.toml")
    arguments = ["run", "suite.toml", "--out", "out", "--workers", "2", "--device", "cpu"]
    return folder, arguments, ganbench_in(folder, *arguments)


def test_faults_of_the_machine_are_no_results_and_the_same_command_mends_them(faulty: Matrix, ganbench: Command, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(faulty[0], folder)
    first = faulty[2]
    assert first.code == 1 and "Traceback" not in first.err
    assert {record.spec.variant.name for record in read_records(folder / "out")} == {"methods.py:Healthy"}
    full = "the disk is full (No space left on device)"
    assert f"1 interrupted: {full}; the same command goes on with it" in first.err
    assert "1 interrupted: killed by SIGKILL, by hand or for lack of memory; the same command goes on with it" in first.err
    table = " ".join(first.err.split())
    assert "1 methods.py:Healthy" in table and "methods.py:Full" in table and "2 methods.py" not in table  # ranked alone
    planned = json.loads(ganbench("plan", "suite.toml", "--out", "out", "--json", cwd=folder).out)["cells"]
    assert [(cell["state"], cell["reason"]) for cell in planned] == [
        ("interrupted", full),
        ("interrupted", "killed by SIGKILL, by hand or for lack of memory"),
        ("done", ""),
    ]
    said = ganbench("plan", "suite.toml", "--out", "out", cwd=folder).err
    assert f"methods.py:Full, seed 0: interrupted, {full}" in said and "2 of 3 to run" in said
    again = ganbench(*faulty[1], cwd=folder, env={"MENDED": "1"})
    assert again.code == 0, again.err
    found = by_class(folder / "out")
    assert {name: (record.status, record.attempts) for name, record in found.items()} == {
        "Full": ("done", 2),
        "Killed": ("done", 2),
        "Healthy": ("done", 1),
    }


def test_a_worker_says_a_fault_of_the_machine_in_one_line(faulty: Matrix, ganbench: Command, tmp_path: Path) -> None:
    shutil.copytree(next((faulty[0] / "out").glob("runs/*Full*")), tmp_path / "cell")
    result = ganbench("run", "--spec", "cell/spec.json", "--out", "cell")
    assert result.code == 1
    assert result.err == "ganbench: the disk is full (No space left on device); mend that, and the same command goes on\n"


def test_a_second_runner_says_which_runs_another_process_is_at_and_exits_0(faulty: Matrix, ganbench: Command, tmp_path: Path) -> None:
    from ganbench.results.folders import running

    folder = tmp_path / "copy"
    shutil.copytree(faulty[0], folder)
    held = [path for path in sorted((folder / "out" / "runs").iterdir()) if "Healthy" not in path.name]
    with running(held[0]), running(held[1]):
        result = ganbench(*faulty[1], cwd=folder)
        planned = json.loads(ganbench("plan", "suite.toml", "--out", "out", "--json", cwd=folder).out)["cells"]
    assert result.code == 0, result.err
    told = [line for line in result.err.splitlines() if "is at it" in line]
    assert told == [f"{path.name}: process {os.getpid()} is at it" for path in held]
    assert [cell["state"] for cell in planned] == ["running", "running", "done"]


def test_a_damaged_record_is_listed_by_every_command_and_the_rest_is_shown(matrix: Matrix, ganbench: Command, tmp_path: Path) -> None:
    folder = copied(matrix, tmp_path)
    path = folder / "out" / "runs" / by_class(folder / "out")["Diverges"].spec.slug / "record.json"
    path.write_bytes(path.read_bytes()[:-20] + b"\xff")
    result = ganbench(*matrix[1], cwd=folder)
    assert result.code == 1 and "Traceback" not in result.err
    (line,) = [line for line in result.err.splitlines() if line.startswith("left out: ")]
    assert str(path.relative_to(folder)) in line and "damaged" in line
    assert len(json.loads(result.out)["records"]) == 3 and "methods.py:Healthy" in result.err
    planned = json.loads(ganbench("plan", "suite.toml", "--out", "out", "--json", cwd=folder).out)
    assert sorted(cell["state"] for cell in planned["cells"]) == ["damaged", "done", "failed", "failed"] and len(planned["faults"]) == 1


def test_a_generator_of_another_shape_is_refused_before_anything_is_written(
    ganbench: Command, suite: Callable[..., Path], methods: Path, tmp_path: Path, tree: Callable[[Path], Any]
) -> None:
    suite(variants=f'["{methods}:Healthy", "{methods}:Narrow"]')
    before = tree(tmp_path)
    line = ganbench("run", "suite.toml", "--out", "out").one_line()
    assert "methods.py:Narrow: generates examples of 3, and those of ring8 are 2" in line
    assert tree(tmp_path) == before

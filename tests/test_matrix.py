"""Do specs become records, whatever the executor?"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ganbench
from ganbench import matrix
from ganbench.errors import Interrupted, MachineFault, RequestError
from ganbench.execution.executor import Change, Job
from ganbench.execution.reporter import Reporter
from ganbench.matrix import carry_out
from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec, read_spec, run_id
from ganbench.plan.suite import load_suite
from ganbench.results.folders import claim, run_folder, running
from ganbench.results.record import Record
from ganbench.statistics.leaderboard import leaderboards

POINTS = DatasetSpec(name="ring8")
CPU = Runtime(device="cpu")


class Here:
    """An executor that carries out one job at each look, in this process; it loses the jobs of one seed."""

    def __init__(self, lost: int = -1) -> None:
        self.lost, self.waiting, self.cancelled = lost, list[Job](), False

    def submit(self, job: Job) -> None:
        assert read_spec(job.folder) == job.spec  # a worker finds all it needs in the folder
        self.waiting.append(job)

    def poll(self) -> Sequence[Change]:
        if not self.waiting:
            return []
        job = self.waiting.pop(0)
        if job.spec.seed != self.lost:
            run_cell(job.spec, job.folder, job.runtime)
        return [Change(job=job, state="started"), Change(job=job, state="ended", detail="the machine went away")]

    def cancel(self) -> None:
        self.cancelled = True


class Told(Reporter):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def started(self, spec: RunSpec) -> None:
        self.lines.append(("started", spec.seed))

    def event(self, spec: RunSpec, event: Mapping[str, Any]) -> None:
        self.lines.append((event["kind"], spec.seed))

    def finished(self, spec: RunSpec, record: Record | None, detail: str) -> None:
        self.lines.append(("finished", spec.seed, record and record.status, detail))


def jobs(tiny_spec: Callable[..., RunSpec], out: Path, seeds: Sequence[int]) -> list[Job]:
    specs = [tiny_spec("gan", POINTS, seed=seed) for seed in seeds]
    return [Job(spec=spec, runtime=CPU, folder=run_folder(out, spec)) for spec in specs]


def test_another_executor_needs_no_change_elsewhere(tiny_spec: Callable[..., RunSpec], tmp_path: Path) -> None:
    told, submitted = Told(), jobs(tiny_spec, tmp_path, [0, 1])
    records = carry_out(submitted, Here(), told)
    assert [record and (record.run_id, record.status) for record in records] == [(run_id(job.spec), "done") for job in submitted]
    first = [line for line in told.lines if line[1] == 0]
    assert first[0] == ("started", 0) and first[-1] == ("finished", 0, "done", "")
    assert [line[0] for line in first[1:-1]][0] == "start" and [line[0] for line in first[1:-1]][-1] == "end"


def test_a_suite_runs_on_an_executor_of_ones_own(ganbench_suite: Path, tmp_path: Path) -> None:
    found = ganbench.run(ganbench_suite, tmp_path / "out", only=["seed=1"], runtime=CPU, executor=Here())
    assert [record.spec.seed for record in found.records] == [1] and found.missing == 0


def test_a_job_that_is_lost_costs_no_other_its_record(tiny_spec: Callable[..., RunSpec], tmp_path: Path) -> None:
    told = Told()
    records = carry_out(jobs(tiny_spec, tmp_path, [0, 1, 2]), Here(lost=1), told)
    assert [record and (record.status, record.reason) for record in records] == [
        ("done", ""),
        ("interrupted", "the machine went away"),
        ("done", ""),
    ]
    assert ("finished", 1, "interrupted", "") in told.lines


def test_an_interrupted_run_is_shown_and_never_ranked_and_the_same_request_ends_it(ganbench_suite: Path, tmp_path: Path) -> None:
    found = ganbench.run(ganbench_suite, tmp_path / "out", runtime=CPU, executor=Here(lost=1))
    assert [record.spec.seed for record in found.records] == [0]
    (stopped,) = found.interrupted
    assert (stopped.spec.seed, stopped.status, stopped.reason, found.missing) == (1, "interrupted", "the machine went away", 1)
    (board,) = leaderboards([*found.records, *found.interrupted])
    assert [(row.rank is not None, len(row.records)) for row in board.rows] == [(True, 2)]
    again = ganbench.run(ganbench_suite, tmp_path / "out", runtime=CPU, executor=Here())
    assert [record.status for record in again.records] == ["done", "done"] and again.missing == 0
    assert set(ganbench.load_results(tmp_path / "out")["status"]) == {"done"}


def test_runs_that_another_process_carries_out_are_left_to_it(ganbench_suite: Path, tmp_path: Path) -> None:
    _, specs = load_suite(str(ganbench_suite))
    claim(run_folder(tmp_path / "out", specs[0]), specs[0], CPU)
    with running(run_folder(tmp_path / "out", specs[0])):
        found = ganbench.run(ganbench_suite, tmp_path / "out", runtime=CPU, executor=Here())
    assert [record.spec.seed for record in found.records] == [1] and found.missing == 0
    assert found.elsewhere == {specs[0].slug: f"process {os.getpid()}"}


def test_a_run_that_another_process_took_in_the_meantime_is_no_failure(ganbench_suite: Path, tmp_path: Path) -> None:
    class Late(Here):
        """By the time that its first job starts, another process holds the run; so the job ends without a record."""

        def poll(self) -> Sequence[Change]:
            if self.waiting and self.waiting[0].spec.seed == 0:
                held.enter_context(running(self.waiting[0].folder))
                self.lost = 0
            return super().poll()

    with ExitStack() as held:
        found = ganbench.run(ganbench_suite, tmp_path / "out", runtime=CPU, executor=Late())
    assert [record.spec.seed for record in found.records] == [1]
    assert list(found.elsewhere.values()) == [f"process {os.getpid()}"] and found.interrupted == ()


def test_a_disk_without_room_for_the_checkpoints_is_told_before_anything_is_written(
    ganbench_suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganbench.matrix.free_bytes", lambda _: matrix.FLOOR_BYTES - 1)
    with pytest.raises(RequestError, match="16 MiB are free, and 2 runs need about 1[6-9] MiB.*name a folder on another disk"):
        ganbench.run(ganbench_suite, tmp_path / "new", runtime=CPU)
    assert not (tmp_path / "new").exists()


def test_a_fault_of_the_machine_in_the_parent_stops_its_workers(tiny_spec: Callable[..., RunSpec], tmp_path: Path) -> None:
    class Full(Here):
        def poll(self) -> Sequence[Change]:
            raise OSError(28, "No space left on device")

    executor = Full()
    with pytest.raises(MachineFault, match="No space left on device; 0 of 1 runs finished; mend that, and the same command goes on"):
        carry_out(jobs(tiny_spec, tmp_path, [0]), executor, Told())
    assert executor.cancelled


def test_a_worker_that_cannot_even_log_on_a_full_disk_has_that_reason(
    tiny_spec: Callable[..., RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganbench.matrix.free_bytes", lambda _: 4_096)
    (record,) = carry_out(jobs(tiny_spec, tmp_path, [1]), Here(lost=1), Told())
    assert record is not None and record.reason == "the disk is full (the machine went away)"


def test_a_damaged_record_is_listed_and_the_rest_is_shown(ganbench_suite: Path, tmp_path: Path) -> None:
    first = ganbench.run(ganbench_suite, tmp_path / "out", runtime=CPU, executor=Here())
    path = run_folder(tmp_path / "out", first.specs[0]) / "record.json"
    path.write_text(path.read_text()[:-9])
    found = ganbench.run(ganbench_suite, tmp_path / "out", runtime=CPU, executor=Here())
    assert [record.spec.seed for record in found.records] == [1] and found.missing == 0
    (fault,) = found.faults
    assert str(path) in fault and "move it away and run the same command again" in fault
    with pytest.warns(UserWarning, match="left out .*record.json: damaged"):
        assert set(ganbench.load_results(tmp_path / "out")["seed"]) == {1}
    path.unlink()
    again = ganbench.run(ganbench_suite, tmp_path / "out", runtime=CPU, executor=Here())
    assert [record.weights_sha256 for record in again.records] == [record.weights_sha256 for record in first.records]


def test_ctrl_c_cancels_what_was_submitted(tiny_spec: Callable[..., RunSpec], tmp_path: Path) -> None:
    class Impatient(Told):
        def started(self, spec: RunSpec) -> None:
            if spec.seed == 1:
                raise KeyboardInterrupt

    executor = Here()
    with pytest.raises(Interrupted, match="1 of 2 runs finished"):
        carry_out(jobs(tiny_spec, tmp_path, [0, 1]), executor, Impatient())
    assert executor.cancelled


def test_python_does_what_the_command_does(ganbench_suite: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []

    def watch(suite: str, total: int, missing: Sequence[RunSpec], places: int) -> Reporter:
        seen.append((suite, total, len(missing)))
        return Reporter()

    ask: dict[str, Any] = {"out": tmp_path / "out", "runtime": replace(CPU, tick_images=64, checkpoint_s=0.0), "workers": 2, "watch": watch}
    first = ganbench.run(ganbench_suite, **ask)
    assert [(record.status, record.spec.seed) for record in first.records] == [("done", 0), ("done", 1)] and first.missing == 0
    again = ganbench.run(ganbench_suite, **ask)
    assert again.records == first.records
    assert seen == [("small", 2, 2)]  # the second time there was nothing to do
    assert len(ganbench.load_results(tmp_path / "out")) == 4  # raw and EMA of two seeds
    # what a runtime says reaches the workers, whose ticks are of 64 images: 512 in eight of them
    log = (run_folder(tmp_path / "out", first.specs[0]) / "events.jsonl").read_text()
    assert log.count('"kind": "tick"') == 8
    with pytest.raises(RequestError, match="did you mean"):
        ganbench.run(ganbench_suite, tmp_path / "out", settings="evaluation.metrics=['fdd']")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"workers": -1}, "workers = -1: at least one run"),
        ({"workers": 0}, "workers = 0: at least one run"),
        ({"runtime": replace(CPU, threads=0)}, "runtime: threads = 0: must be at least 1"),
        ({"only": "variant=nobody"}, "unknown variant in --only 'nobody'"),
    ],
    ids=["workers-1", "workers0", "threads0", "only"],
)
def test_a_wrong_value_is_told_before_anything_is_written(ganbench_suite: Path, tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError) as told:
        ganbench.run(ganbench_suite, tmp_path / "new", **given)
    assert str(told.value).startswith(words)
    assert not (tmp_path / "new").exists()


@pytest.fixture
def ganbench_suite(tmp_path: Path) -> Path:
    """A suite of two tiny runs."""
    path = tmp_path / "suite.toml"
    path.write_text(
        'name = "small"\n[[matrix]]\nvariants = ["wgan"]\ndatasets = ["ring8"]\npresets = ["points"]\nseeds = [0, 1]\nbudget_images = 512\n'
        'training = { batch_size = 64 }\nevaluation = { extractor = "identity", metrics = ["fd"], n_fake = 64, n_real = 64 }\n'
    )
    return path

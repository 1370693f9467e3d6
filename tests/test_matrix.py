"""Do specs become records, whatever the executor?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ganbench
from ganbench.errors import Interrupted, RequestError
from ganbench.execution.executor import Change, Job
from ganbench.execution.reporter import Reporter
from ganbench.matrix import carry_out
from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec, read_spec, run_id
from ganbench.results.folders import run_folder
from ganbench.results.record import Record

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
    assert [record is not None for record in records] == [True, False, True]
    assert ("finished", 1, None, "the machine went away; the same command goes on from its checkpoint") in told.lines


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
        ({"runtime": replace(CPU, threads=0)}, "runtime: threads = 0: input should be greater than or equal to 1"),
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

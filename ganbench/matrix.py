"""How are the runs of a suite carried out? (from the command line and from Python)"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ganbench.errors import Interrupted, RequestError
from ganbench.execution.executor import Executor, Job
from ganbench.execution.local import LocalExecutor
from ganbench.execution.reporter import Reporter
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec, run_id
from ganbench.plan.suite import load_suite
from ganbench.plan.validation import validated
from ganbench.results.events import EventLog
from ganbench.results.folders import check_owner, claim, finished, record_in, run_folder, write_manifest
from ganbench.results.record import Record
from ganbench.storage import writable_folder

POLL_S = 0.1
"""Time between two polls of the jobs."""


Watch = Callable[[str, int, Sequence[RunSpec], int], Reporter]
"""Makes a reporter from the suite's name, its number of runs, the missing runs, and the number of runs at a time."""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The runs of a suite, and the records of those that have ended."""

    suite: str
    out: Path
    specs: tuple[RunSpec, ...]
    records: tuple[Record, ...]
    """Records of the runs that have ended, in the order of the specs."""

    @property
    def missing(self) -> int:
        """Number of runs that died without a record; the same request resumes them."""
        return len(self.specs) - len(self.records)


def run(
    suite: str | Path,
    out: str | Path = "runs",
    *,
    settings: str | Sequence[str] = (),
    only: str | Sequence[str] = (),
    workers: int | None = None,
    runtime: Runtime | None = None,
    retry_failed: bool = False,
    executor: Executor | None = None,
    watch: Watch = lambda suite, total, missing, places: Reporter(),
) -> Matrix:
    """Runs the missing cells of a suite; a run that fails or dies does not stop the others.

    >>> import tempfile
    >>> found = run("quickstart", tempfile.mkdtemp(), only=["variant=gan", "dataset=ring8", "seed=0"], settings=["budget_images=640"])
    >>> [record.status for record in found.records], found.missing
    (['done'], 0)

    Args:
        suite: A registered suite, or the path of a TOML file.
        out: Folder of the results; runs that are already there are kept or resumed.
        settings: Changes of the suite, ``key.path=value``; one or several.
        only: Filters on the runs, ``variant=a,b``; one or several.
        workers: Number of runs at a time; None takes one per GPU, or one per CPU core.
        runtime: Runtime settings of the runs.
        retry_failed: Whether failed runs are run again.
        executor: Executor of the runs; None runs them on this computer.
        watch: Makes a reporter once the missing runs are known.

    Returns:
        All runs and the records of those that have ended.

    Raises:
        RequestError: The request is invalid, or a run cannot start; nothing was run.
        Interrupted: Ctrl-C was pressed; the workers were asked to write checkpoints.
    """
    folder, how = Path(out), _checked(runtime or Runtime(), workers)
    loaded, specs = load_suite(str(suite), *([given] if isinstance(given, str) else given for given in (settings, only)))
    there = {run_id(spec): record for spec in specs if (record := finished(folder, spec))}
    done = {key: record for key, record in there.items() if not (retry_failed and record.status == "failed")}
    missing = [spec for spec in specs if run_id(spec) not in done]
    if missing:
        _prepare(loaded.name, specs, missing, folder, how)
        places = _places(how, workers, len(missing))
        jobs = [Job(spec=spec, runtime=how, folder=run_folder(folder, spec)) for spec in missing]
        with watch(loaded.name, len(specs), missing, len(places)) as reporter:
            done |= {record.run_id: record for record in carry_out(jobs, executor or LocalExecutor(places), reporter) if record}
    return Matrix(
        suite=loaded.name, out=folder, specs=tuple(specs), records=tuple(done[run_id(spec)] for spec in specs if run_id(spec) in done)
    )


def _checked(runtime: Runtime, workers: int | None) -> Runtime:
    """The runtime settings, whose values may be out of range if they come from Python."""
    if workers is not None and workers < 1:
        raise RequestError(f"workers = {workers}: at least one run goes at a time; leave it out for one per GPU or CPU core")
    return validated(Runtime, {field.name: getattr(runtime, field.name) for field in fields(Runtime)}, "runtime")


def _prepare(suite: str, specs: Sequence[RunSpec], missing: Sequence[RunSpec], out: Path, runtime: Runtime) -> None:
    """Checks all runs before anything is written, then writes the manifest."""
    from ganbench.environment import chosen_device
    from ganbench.pipeline.check import check

    chosen_device(runtime.device)
    for spec in {run_id(replace(spec, seed=0)): spec for spec in missing}.values():  # one seed is enough for the checks
        check(spec, runtime)
    for spec in missing:
        check_owner(run_folder(out, spec), spec)
    writable_folder(out / "runs")
    write_manifest(out, suite, specs)
    for spec in missing:
        (run_folder(out, spec) / "record.json").unlink(missing_ok=True)  # only present with retry_failed


def _places(runtime: Runtime, workers: int | None, jobs: int) -> list[dict[str, str]]:
    from ganbench.environment import slots

    return slots(runtime, workers, jobs)


@dataclass(kw_only=True)
class _Followed:
    """A running job, and the number of its events that were reported."""

    job: Job
    known: int = 0
    size: int = -1
    """Size of the event file when it was last read."""

    def tell(self, reporter: Reporter) -> None:
        """Reports the events that the job has written since the last call."""
        log = EventLog(self.job.folder / "events.jsonl")
        size = log.path.stat().st_size if log.path.exists() else 0
        if size == self.size:
            return
        events = list(log)
        for event in events[min(self.known, len(events)) :]:
            reporter.event(self.job.spec, event)
        self.known, self.size = len(events), size


def carry_out(jobs: Sequence[Job], executor: Executor, reporter: Reporter) -> list[Record | None]:
    """Submits jobs and waits for all of them.

    Args:
        jobs: The jobs; their folders are missing, empty, or belong to the same runs.
        executor: Executor of the jobs.
        reporter: Receives the events.

    Returns:
        Records in the order in which the jobs ended; None for a job that died without a record.

    Raises:
        Interrupted: Ctrl-C was pressed; the jobs were asked to write checkpoints.
    """
    records: list[Record | None] = []
    running: dict[Path, _Followed] = {}
    try:
        for job in jobs:
            claim(job.folder, job.spec, job.runtime)
            executor.submit(job)
        while len(records) < len(jobs):
            for change in executor.poll():
                if change.state == "started":
                    running[change.job.folder] = _Followed(job=change.job)
                    reporter.started(change.job.spec)
                    continue
                running.pop(change.job.folder).tell(reporter)
                record = record_in(change.job.folder, change.job.spec)
                detail = "" if record else f"{change.detail}; the same command goes on from its checkpoint"
                reporter.finished(change.job.spec, record, detail)
                records.append(record)
            for followed in running.values():
                followed.tell(reporter)
            if len(records) < len(jobs):
                time.sleep(POLL_S)
    except KeyboardInterrupt:
        executor.cancel()
        raise Interrupted(f"{len(records)} of {len(jobs)} runs finished; the same command goes on with the rest") from None
    return records

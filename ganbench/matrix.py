"""How are the runs of a suite carried out? (from the command line and from Python)"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from ganbench.data.loading import outlined
from ganbench.errors import Interrupted, MachineFault, RequestError
from ganbench.execution.executor import Change, Executor, Job
from ganbench.execution.local import LocalExecutor
from ganbench.execution.reporter import Reporter
from ganbench.execution.template import template
from ganbench.plan.runtime import Runtime, check_device
from ganbench.plan.spec import RunSpec, run_id
from ganbench.plan.suite import load_suite
from ganbench.plan.validation import validated
from ganbench.report.notebook import NotebookProgress, in_notebook
from ganbench.results.assembly import now
from ganbench.results.events import EventLog
from ganbench.results.folders import check_owner, claim, finished, holder, interruption, record_in, run_folder, write_manifest
from ganbench.results.record import Record
from ganbench.storage import check_folder, free_bytes, sweep, writable_folder

POLL_S = 0.1
"""Time between two polls of the jobs."""


FLOOR_BYTES = 16 * 2**20
"""Free space that a matrix needs besides its checkpoints: logs, samples, tables and figures of two small runs on digits take 1.3 MiB."""


FULL_BYTES = 2**20
"""Free space below which a disk counts as full: a worker that ends on such a disk could not even log why."""


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
    interrupted: tuple[Record, ...] = ()
    """Runs that a fault of the machine ended, with what they measured until then and the reason; the same request goes on with them."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """By slug, the runs that another process is carrying out, and which process."""
    faults: tuple[str, ...] = ()
    """A line about each record that cannot be read; its run is neither shown nor repeated."""

    def _repr_html_(self) -> str:
        from ganbench.report.boards import tables
        from ganbench.report.presented import Tables
        from ganbench.statistics.leaderboard import leaderboards

        return Tables(tables(leaderboards([*self.records, *self.interrupted])))._repr_html_()

    @property
    def missing(self) -> int:
        """Number of runs that were interrupted; the same request resumes them."""
        return len(self.interrupted)


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
    watch: Watch | None = None,
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
        watch: Makes a reporter once the missing runs are known; None shows the progress in a notebook, and elsewhere nothing.

    Returns:
        All runs and the records of those that have ended.

    Raises:
        RequestError: The request is invalid, or a run cannot start; nothing was run.
        Interrupted: Ctrl-C was pressed; the workers were asked to write checkpoints.
        MachineFault: A fault of the machine stopped the matrix itself; its workers were asked to write checkpoints.
    """
    folder, how = Path(out), _checked(runtime or Runtime(), workers)
    loaded, specs = load_suite(str(suite), *([given] if isinstance(given, str) else given for given in (settings, only)))
    sweep(folder)
    there, faults = _there(folder, specs)
    known = {key: record for key, record in there.items() if not (record and retry_failed and record.status == "failed")}
    missing = [spec for spec in specs if run_id(spec) not in known]
    elsewhere = {spec.slug: who for spec in missing if (who := holder(run_folder(folder, spec)))}
    ours = [spec for spec in missing if spec.slug not in elsewhere]
    if ours:
        with template(len(ours) if executor is None else 0, how.threads) as forks:  # it loads while the runs are checked
            places = _prepare(loaded.name, specs, ours, folder, how, workers)
            jobs = [Job(spec=spec, runtime=how, folder=run_folder(folder, spec)) for spec in ours]
            with (watch or _watched)(loaded.name, len(specs), ours, len(places)) as reporter:
                ended = carry_out(jobs, executor or LocalExecutor(places, forks), reporter)
        known |= {record.run_id: record for record in ended if record}
        elsewhere |= {spec.slug: holder(run_folder(folder, spec)) or "another process" for spec in ours if run_id(spec) not in known}
    found = [record for spec in specs if (record := known.get(run_id(spec)))]
    return Matrix(
        suite=loaded.name,
        out=folder,
        specs=tuple(specs),
        records=tuple(record for record in found if record.status != "interrupted"),
        interrupted=tuple(record for record in found if record.status == "interrupted"),
        elsewhere=elsewhere,
        faults=tuple(faults),
    )


def _watched(suite: str, total: int, missing: Sequence[RunSpec], places: int) -> Reporter:
    """Shows the progress where nobody asked for another way."""
    return NotebookProgress(missing) if in_notebook() else Reporter()


def _there(out: Path, specs: Sequence[RunSpec]) -> tuple[dict[str, Record | None], list[str]]:
    """By run, the records that are there already, None where one cannot be read; and a line about each of the latter."""
    there: dict[str, Record | None] = {}
    faults = []
    for spec in specs:
        try:
            if record := finished(out, spec):
                there[run_id(spec)] = record
        except RequestError as error:
            there[run_id(spec)] = None
            faults.append(str(error))
    return there, faults


def _checked(runtime: Runtime, workers: int | None) -> Runtime:
    """The runtime settings, whose values may be out of range if they come from Python."""
    if workers is not None and workers < 1:
        raise RequestError(f"workers = {workers}: at least one run goes at a time; leave it out for one per GPU or CPU core")
    return validated(Runtime, {field.name: getattr(runtime, field.name) for field in fields(Runtime)}, "runtime")


def _prepare(
    suite: str, specs: Sequence[RunSpec], missing: Sequence[RunSpec], out: Path, runtime: Runtime, workers: int | None
) -> list[dict[str, str]]:
    """Checks all runs before anything is written, then writes the manifest; returns the slots in which they run."""
    check_device(runtime.device)
    check_folder(out / "runs", "--out")
    for spec in missing:
        check_owner(run_folder(out, spec), spec)
    for data in dict.fromkeys(spec.dataset for spec in missing if spec.dataset.path is not None):
        outlined(data)  # what its headers and labels refuse, before torch is imported
    from ganbench.environment import chosen_device, slots
    from ganbench.pipeline.check import check

    chosen_device(runtime.device)
    unlike = {run_id(replace(spec, seed=0)): spec for spec in missing}  # one seed is enough for the checks
    sizes = {key: check(spec, runtime) for key, spec in unlike.items()}
    places = slots(runtime, workers, len(missing))
    _check_space(out, [sizes[run_id(replace(spec, seed=0))] for spec in missing], len(places))
    writable_folder(out / "runs")
    write_manifest(out, suite, specs)
    for spec in missing:
        (run_folder(out, spec) / "record.json").unlink(missing_ok=True)  # only present with retry_failed
    return places


def _check_space(out: Path, checkpoints: Sequence[int], places: int) -> None:
    """Raises unless the disk has room for the checkpoints, of given sizes, of all runs.

    A run leaves one checkpoint behind; while it trains there are three for a moment, two kept and one being written.
    """
    needed = FLOOR_BYTES + sum(checkpoints) + 2 * places * max(checkpoints, default=0)
    free = free_bytes(out)
    if free < needed:
        raise RequestError(
            f"{out}: {free / 2**20:,.0f} MiB are free, and {len(checkpoints)} runs need about {needed / 2**20:,.0f} MiB, mostly for "
            f"checkpoints; free some space, or name a folder on another disk with --out"
        )


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
        events = log.scan()[0]  # what is damaged behind them, the worker finds and mends
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
        Records in the order in which the jobs ended: of status ``interrupted`` for a job that died without one, None for a job that
        another process is carrying out.

    Raises:
        Interrupted: Ctrl-C was pressed; the jobs were asked to write checkpoints.
        MachineFault: A fault of the machine stopped this process; the jobs were asked to write checkpoints.
    """
    records: list[Record | None] = []
    running: dict[Path, _Followed] = {}
    try:
        _follow(jobs, executor, reporter, records, running)
    except KeyboardInterrupt:
        executor.cancel()
        raise Interrupted(f"{len(records)} of {len(jobs)} runs finished; the same command goes on with the rest") from None
    except (OSError, MemoryError) as error:
        executor.cancel()
        raise MachineFault(
            f"{str(error) or 'out of memory'}; {len(records)} of {len(jobs)} runs finished; mend that, and the same command goes on"
        ) from error
    except BaseException:
        executor.cancel()
        raise
    return records


def _follow(
    jobs: Sequence[Job], executor: Executor, reporter: Reporter, records: list[Record | None], running: dict[Path, _Followed]
) -> None:
    """Submits all jobs, and adds their records in the order in which they end."""
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
            record, who = _outcome(change)
            reporter.finished(change.job.spec, record, f"{who} is at it" if who else "")
            records.append(record)
        for followed in running.values():
            followed.tell(reporter)
        if len(records) < len(jobs):
            time.sleep(POLL_S)


def _outcome(change: Change) -> tuple[Record | None, str]:
    """The record of a job that has ended, or None and the process that has taken the run over."""
    folder, spec = change.job.folder, change.job.spec
    record = record_in(folder, spec)
    if record is not None:
        return record, ""
    if who := holder(folder):
        return None, who
    stopped = interruption(folder, spec)
    if stopped is None or stopped.reason not in change.detail:  # the worker could not say why, or had no time to
        full = free_bytes(folder) < FULL_BYTES
        reason = f"the disk is full ({change.detail})" if full else change.detail
        log = EventLog(folder / "events.jsonl")
        with suppress(OSError):
            if log.path.exists():
                log.append("interrupted", time=now(), reason=reason)
        stopped = interruption(folder, spec, reason)
    return stopped, ""

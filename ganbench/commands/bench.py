"""What does ``ganbench bench`` do? (it times training, sampling or scoring, and compares timings with earlier ones)"""

from __future__ import annotations  # torch and what needs it are imported only to check types

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ganbench.commands.output import PlainConsole, print_json
from ganbench.errors import RequestError
from ganbench.plan.bench import EVERY, bench_specs
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec
from ganbench.plan.workload import Timed, Workload
from ganbench.report.markdown import to_markdown
from ganbench.report.speed import change_table, named, speed_tables
from ganbench.report.terminal import to_terminal
from ganbench.results.timing_record import FOLDER, TimingRecord, read_timings, signed, timings_of, write_timing
from ganbench.statistics.speed import change, counterpart
from ganbench.storage import write_text

if TYPE_CHECKING:
    from ganbench.timing.measure import Case


class Bench:
    """Timings that are shown, written and compared as they come.

    Args:
        how: What becomes of them.
        console: Console of messages and tables.
    """

    def __init__(self, how: Timed, console: PlainConsole) -> None:
        self.records: list[TimingRecord] = []
        self.left_out: list[str] = []
        self._earlier = None if how.compare is None else read_timings(how.compare)  # refused before anything is timed
        self._out, self._as_json, self._console = how.out, how.as_json, console

    def add(self, record: TimingRecord) -> None:
        """Takes a timing, and writes it."""
        self.records.append(signed(record))
        if self._out is not None:
            write_timing(self._out, record)
        unit = "examples" if record.task == "score" else "images"
        self._console.say(f"{record.name}: {record.rate.median:,.4g} {unit} a second", "dim")

    def leave_out(self, what: str) -> None:
        """Says what could not be timed, and why."""
        self.left_out.append(what)

    def end(self) -> None:
        """Shows tables, verdicts and what was left out, and sets the exit code."""
        if self._as_json:
            print_json({"schema_version": 1, "timings": [asdict(record) for record in self.records]})
        if self.records:
            self._console.print(to_terminal(speed_tables(self.records), self._console.width))
        if self._earlier is not None:
            pairs = []
            for record, name in zip(self.records, named(self.records), strict=True):
                earlier = counterpart(record, self._earlier)
                if earlier is None:
                    self._console.say(f"{name}: not among the earlier timings", "yellow")
                else:
                    pairs.append((f"{name}, {record.setting['precision']}", change(earlier, record)))
            if pairs:
                self._console.print(to_terminal([change_table(pairs)], self._console.width))
        for what in self.left_out:
            self._console.say(f"left out: {what}", "red")
        if self._out is not None and self.records:
            page = self._out / "timings.md"
            write_text(page, to_markdown(speed_tables(timings_of(self._out)[0]), "timings"))
            self._console.say(f"wrote {len(self.records)} records to {self._out / FOLDER}, and {page}")
        if self.left_out:
            raise typer.Exit(1)


def bench_variants(
    task: str,
    variants: Sequence[str],
    work: Workload,
    how: Timed,
    runtime: Runtime,
    settings: Sequence[str],
    console: PlainConsole,
) -> None:
    """Times the training or the sampling of variants, one after another."""
    if task == "sample" and (work.precision, runtime.engine) != ("fp32", "eager"):
        raise RequestError("--precision and --engine are of training steps; samples are always drawn in float32: leave them out")
    bench, specs = Bench(how, console), bench_specs(variants, work, settings)
    import torch

    from ganbench.environment import configure
    from ganbench.pipeline.check import check_method, real_data
    from ganbench.pipeline.faults import machine_fault
    from ganbench.pipeline.fitting import that_fits
    from ganbench.plan.variant_config import class_target
    from ganbench.timing.generation import sampling_case
    from ganbench.timing.measure import timed
    from ganbench.timing.training import training_case
    from ganbench.training.arithmetic import check_precision
    from ganbench.training.building import build
    from ganbench.training.trainer import Trainer

    device = configure(runtime)
    data = real_data(specs[0], runtime)
    fitting = []
    for spec in specs:
        check_precision(spec.training.precision, device)
        Trainer.check(spec, data)
        try:
            check_method(spec, build(spec, data, torch.device("cpu")))
        except RequestError as error:
            if EVERY not in variants:
                raise
            bench.leave_out(f"{spec.variant.name}: {error}")
        else:
            fitting.append(spec)
    for spec in fitting:

        def case(spec: RunSpec = spec) -> Case:
            if task == "sample":
                return sampling_case(spec, data, device, spec.variant.name)
            return training_case(spec, data, device, runtime.tick_images, spec.variant.name, runtime.engine)

        try:
            bench.add(timed(case(), runtime, device, how.seconds, class_target(spec.variant).source))
        except RequestError as error:
            bench.leave_out(f"{spec.variant.name}: {error}")
        except Exception as error:
            if (fault := machine_fault(error)) is None:
                raise
            if task == "train" and fault.startswith("out of memory"):
                size, said = that_fits(spec, data, device)
                fault += f"; {said}" + (f": --batch {size}" if size else "")
            bench.leave_out(f"{spec.variant.name}: {fault}")
    bench.end()


def bench_scores(metrics: str, sizes: str, width: int, how: Timed, runtime: Runtime, console: PlainConsole) -> None:
    """Times scores from features, for several numbers of examples."""
    from ganbench.plan.facts import facts
    from ganbench.registry import METRICS

    if runtime.engine != "eager":
        raise RequestError("--engine is of training steps; leave it out")
    bench, wanted = Bench(how, console), [name.strip() for name in metrics.split(",")]
    for name in wanted:
        METRICS.target(name)
        found = facts(name)
        if others := {*found.needs_real, *found.needs_fake, *found.needs_held_out} - {"moments", "features"}:
            raise RequestError(f"--metrics {name}: needs {', '.join(sorted(others))}, and what is timed here has features alone")
    numbers = [_count(part) for part in sizes.split(",")]
    from ganbench.environment import configure
    from ganbench.timing import scoring
    from ganbench.timing.measure import timed

    device = configure(runtime)
    for n in numbers:
        bench.add(timed(scoring.scoring_case(wanted, n, width, device), runtime, device, how.seconds, Path(scoring.__file__)))
    bench.end()


def _count(text: str) -> int:
    digits = text.strip().replace("_", "")
    if not (digits.isascii() and digits.isdigit()) or int(digits) < 10:
        raise RequestError(f"--n {text.strip()}: write numbers of examples from 10 on with commas between, such as 5_000,10_000")
    return int(digits)

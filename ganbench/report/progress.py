"""What is shown while a matrix runs? (live progress bars in a terminal, one line per event elsewhere)"""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from ganbench.execution.reporter import Reporter
from ganbench.plan.naming import names
from ganbench.plan.spec import RunSpec
from ganbench.report.table import number
from ganbench.results.record import Record


class MatrixProgress(Reporter):
    """Shows the progress of a matrix; a context manager.

    Args:
        console: Console to print to.
        specs: Runs that will be carried out.
    """

    def __init__(self, console: Console, specs: Sequence[RunSpec]) -> None:
        self._console = console
        self._runs = len(specs)
        self._names = {
            spec.slug: f"{name} on {spec.dataset.name}, seed {spec.seed}" for spec, name in zip(specs, names(specs), strict=True)
        }
        self._ended = 0
        self._start = time.monotonic()
        self._seen: dict[str, int] = {}
        self._tasks: dict[str, TaskID] = {}
        bar = BarColumn(bar_width=24)
        shown = (TextColumn("{task.description}", markup=False), bar, TextColumn("{task.percentage:>3.0f}%"))
        times = (TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}", style="dim", markup=False))
        self._progress = Progress(*shown, *times, console=console, disable=not console.is_terminal, transient=True)
        images = sum(spec.budget_images for spec in specs)  # for the remaining time
        self._all = self._progress.add_task(f"0 of {self._runs} runs", total=images, note="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def started(self, spec: RunSpec) -> None:
        """See :class:`Reporter`."""
        self._tasks[spec.slug] = self._progress.add_task(f"  {self._names[spec.slug]}", total=spec.budget_images, note="starting")
        self._line(f"started   {self._names[spec.slug]}")

    def event(self, spec: RunSpec, event: Mapping[str, Any]) -> None:
        """See :class:`Reporter`."""
        if event["kind"] == "note":
            self._line(f"note      {self._names[spec.slug]}: {event['text']}")
        if "images_seen" not in event:
            return
        seen = min(event["images_seen"], spec.budget_images)
        self._seen[spec.slug] = seen
        self._progress.update(self._all, completed=sum(self._seen.values()))
        self._progress.update(self._tasks[spec.slug], completed=seen)
        if event["kind"] == "evaluation" and event["weights"] == "ema":
            score = event["scores"][0]
            note = f"{score['label']} {number(score['value'])}"
            self._progress.update(self._tasks[spec.slug], note=note)
            self._line(f"evaluated {self._names[spec.slug]} at {event['images_seen']:,} of {spec.budget_images:,} images: {note}")

    def finished(self, spec: RunSpec, record: Record | None, detail: str) -> None:
        """See :class:`Reporter`."""
        self._ended += 1
        self._seen[spec.slug] = spec.budget_images
        self._progress.remove_task(self._tasks[spec.slug])
        self._progress.update(self._all, completed=sum(self._seen.values()), description=f"{self._ended} of {self._runs} runs")
        said = detail or (self._outcome(record) if record else "")
        status = record.status if record else "elsewhere"
        colour = {"done": "green", "diverged": "yellow", "elsewhere": "yellow"}.get(status, "red")
        if self._console.is_terminal:
            self._console.print(Text.assemble((f"{status:<9}", colour), f" {self._names[spec.slug]}  ", (said, "dim")))
        else:
            self._line(f"{status:<9} {self._names[spec.slug]}: {said}")

    def _outcome(self, record: Record) -> str:
        if record.status == "interrupted":
            return f"{record.reason}; the same command goes on"
        if record.error:
            return f"{record.error.type}: {record.error.message}".splitlines()[0]
        if record.divergence:
            return f"after {record.divergence.images_seen:,} images: {record.divergence.detail}"
        ema = [score for score in record.scores if score.protocol["weights"] == "ema"]
        return ", ".join(f"{score.label} {number(score.value)}" for score in ema[:1])

    def _line(self, text: str) -> None:
        """Outside a terminal: prints one line per event, with the time since the start and the number of runs that ended."""
        if not self._console.is_terminal:
            self._console.print(
                f"{time.monotonic() - self._start:6.1f} s  {self._ended}/{self._runs}  {text}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )

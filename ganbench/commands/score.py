"""What do ``ganbench score`` and ``ganbench stats`` do? (they score sets, and write statistics of their features)"""

from collections.abc import Callable
from pathlib import Path

import typer
from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ganbench.commands.checks import check_score, check_statistics
from ganbench.commands.output import PlainConsole, print_json
from ganbench.evaluation.settings import Looks, Settings
from ganbench.plan.metric_names import NO_NETWORK
from ganbench.report.table import MISSING, number
from ganbench.results.record import Diagnostic, Score


def run_score(
    fake: str,
    real: str | None,
    held_out: str | None,
    metrics: str | None,
    verify: str | None,
    settings: Settings,
    threads: int | None,
    as_json: bool,
    console: PlainConsole,
) -> None:
    """Scores a set, prints the results, and exits with 1 if a metric or the verification failed."""
    names = None if metrics is None else metrics.split(",")
    check_score({"generated": fake, "real": real, "held-out": held_out}, names, verify, settings)
    from ganbench.evaluation.score import score

    set_threads(threads)
    with progress_on(console) as progress:
        chosen = {**vars(settings), "verify": verify is not None}
        result = score(fake, real, names, held_out=held_out, meter=meter(progress), **chosen)
    if not result.scores and not result.failures:
        return  # printed by the first rank only
    if as_json:
        print_json(result.to_json())
    else:
        if result.scores:
            console.print(table(result.scores))
            for score_ in result.scores:
                if score_.details:
                    parts = ", ".join(f"{name} {number(value)}" for name, value in score_.details.items())
                    console.say(f"{score_.label}: {parts}", "dim")
        if result.diagnostics:
            console.print(diagnostics_table(result.diagnostics))
    for line in result.warnings:
        console.say(f"note: {line}", "yellow")
    for line in result.failures:
        console.say(f"failed: {line}", "red")
    for agreement in result.agreements:
        console.say(f"torch-fidelity: {agreement.name} {agreement.theirs:.9g}, here {agreement.ours:.9g}")
    if result.failures:
        raise typer.Exit(1)


def run_stats(source: str, out: Path, settings: Looks, threads: int | None, console: PlainConsole) -> None:
    """Writes mean and covariance of the features of one or more sets together."""
    sources = source.split(",")
    check_statistics(sources, out, settings)
    from ganbench.evaluation.statistics import make_statistics

    set_threads(threads)
    with progress_on(console) as progress:
        made = make_statistics(sources, out, meter=meter(progress), **vars(settings))
    for line in made.warnings:
        console.say(f"note: {line}", "yellow")
    if made.n:  # printed by the first rank only
        console.say(f"{out}: mean and covariance of {made.n:,} examples, {made.width:,} features")


def set_threads(count: int | None) -> None:
    """Sets the number of CPU threads of this process; None keeps torch's default."""
    if count is not None:
        import torch

        torch.set_num_threads(count)


def table(scores: tuple[Score, ...]) -> Table:
    """Scores as a table for a terminal; an extractor common to all scores is named above instead of in every row."""
    extractors = {str(score.protocol["extractor"]) for score in scores}
    shared = f"·{next(iter(extractors))}" if len(extractors - {NO_NETWORK}) == 1 == len(extractors) else None
    grid = Table(
        title=f"features: {shared.removeprefix('·')}" if shared else None,
        title_justify="left",
        title_style="dim",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("score", "value", "95 % interval", "perfect at\nthis n", "real", "generated", "s"):
        grid.add_column(heading, justify="left" if heading == "score" else "right", no_wrap=True)
    arrows = {True: " ↑", False: " ↓", None: ""}
    for score in scores:
        grid.add_row(
            (score.label.replace(shared, "") if shared else score.label) + arrows[score.higher_is_better],
            Text(number(score.value), style="bold"),
            f"[{number(score.ci_low)}, {number(score.ci_high)}]",
            MISSING if score.perfect is None else number(score.perfect),
            f"{score.n_real:,}" if score.n_real else MISSING,
            f"{score.n_fake:,}",
            f"{score.seconds:.1f}",
        )
    for column in grid.columns[:3]:  # on a narrow terminal the other columns shrink, so that no number is cut
        column.min_width = max((len(str(cell)) for cell in column.cells), default=0)
    return grid


def diagnostics_table(findings: tuple[Diagnostic, ...]) -> Table:
    """Diagnostics as a table for a terminal."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("diagnostic", "value", "perfect at\nthis n"):
        grid.add_column(heading, justify="left" if heading == "diagnostic" else "right", no_wrap=True)
    for finding in findings:
        values = (MISSING if value is None else number(value) for value in (finding.value, finding.perfect))
        grid.add_row(finding.name.replace("_", " ") + (f" ({finding.note})" if finding.note else ""), *values)
    return grid


class Rate(ProgressColumn):
    """Progress column with the number of examples per second."""

    def render(self, task: Task) -> Text:
        """The rate; empty until it is known."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="dim")


def progress_on(console: PlainConsole) -> Progress:
    """The progress of passes over sets, shown in a terminal alone."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class _Meter:
    """A progress meter, shown as one line."""

    def __init__(self, progress: Progress, name: str, total: int) -> None:
        self.progress, self.task = progress, progress.add_task(name, total=total)

    def advance(self, examples: int) -> None:
        """Reports that the features of this many more examples are done."""
        self.progress.advance(self.task, examples)


def meter(progress: Progress) -> Callable[[str, int], _Meter]:
    """A function that opens a progress meter for a name and a total."""
    return lambda name, total: _Meter(progress, name, total)

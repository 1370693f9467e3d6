"""Which verbs are there?

Everything human goes to stderr; ``--json`` prints the machine form on stdout. Exit codes: 0 fine, 1 a run
failed, 2 the request was wrong (one line), 130 interrupted in a state that the same command goes on from.
Bodies import what they need, so that ``--help`` and ``list`` never load torch.
"""

import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from ganbench import __version__
from ganbench.commands.options import with_options
from ganbench.errors import Diverged, Interrupted, RequestError
from ganbench.evaluation.settings import Looks, Place, Settings
from ganbench.plan.runtime import OnCpu, Runtime

app = typer.Typer(
    name="ganbench", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Train, score and compare GANs."
)
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of its signal, as shells have it."""
console = Console(stderr=True, markup=False, emoji=False, width=None if sys.stderr.isatty() else 160)  # a log file has no width to respect


class Kind(StrEnum):
    """What can be listed."""

    variants = "variants"
    datasets = "datasets"
    extractors = "extractors"
    metrics = "metrics"
    diagnostics = "diagnostics"
    suites = "suites"
    presets = "presets"


class Template(StrEnum):
    """What can be begun with a template."""

    variant = "variant"
    metric = "metric"
    extractor = "extractor"
    dataset = "dataset"
    diagnostic = "diagnostic"


Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change the suite: training.batch_size=32, seeds=[0], config.dcgan.latent_dim=64."),
]
Only = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE,...", help="Keep a part of the suite: variant=dcgan,wgan, dataset=digits, seed=0.")
]
Out = Annotated[Path, typer.Option(help="Folder of the results; the same one continues.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Runs at a time; one a CPU core or GPU by default.")]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Run failed cells again.")]
Json = Annotated[bool, typer.Option("--json", help="Print the machine form on stdout.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Keep no features.")]
AllThreads = Annotated[int | None, typer.Option(min=1, help="CPU threads; all by default.")]


@app.callback(invoke_without_command=True)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    """Train, score and compare GANs."""
    if version:
        typer.echo(f"ganbench {__version__}")
        raise typer.Exit


@app.command()
@with_options
def quickstart(
    runtime: OnCpu,
    out: Out = Path("runs/quickstart"),
    workers: Workers = None,
    retry_failed: Retry = False,
    as_json: Json = False,
) -> None:
    """Train four variants on bundled data, score and compare them: minutes on two CPU cores, no downloads."""
    from ganbench.commands.run import run_suite

    run_suite("quickstart", out, [], [], workers, runtime, retry_failed, as_json, console)


@app.command("list")
def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    name: Annotated[str | None, typer.Argument(help="One of them: its options with their sources, its facts or its budgets.")] = None,
    as_json: Json = False,
) -> None:
    """List what is registered: name, one line, origin; or show one of it."""
    from ganbench.commands.list import list_registry

    list_registry(kind.value, name, as_json)


@app.command()
def new(
    kind: Annotated[Template, typer.Argument(help="What to begin.")],
    name: Annotated[str, typer.Argument(help="Its name: MyIdea or my_idea.")],
    out: Annotated[Path | None, typer.Option(help="The file; my_idea.py by default. Nothing is overwritten.")] = None,
) -> None:
    """Write a commented file that works at once: a variant, metric, extractor, data set or diagnostic of your own."""
    from ganbench.commands.new import write_template

    write_template(kind.value, name, out, console)


@app.command()
def plan(
    suite: Annotated[str, typer.Argument(help="A registered suite or a TOML file.")],
    out: Out = Path("runs"),
    changes: Changes = None,
    only: Only = None,
    as_json: Json = False,
) -> None:
    """Show the matrix of a suite: what is there, what will run, how long it may take. Changes nothing."""
    from ganbench.commands.plan import show_plan

    show_plan(suite, out, changes or [], only or [], as_json, console)


@app.command()
@with_options
def run(
    context: typer.Context,
    runtime: Runtime,
    suite: Annotated[str | None, typer.Argument(help="A registered suite or a TOML file.")] = None,
    spec: Annotated[Path | None, typer.Option(help="One cell instead: the spec.json of a run, with --out as its folder.")] = None,
    out: Out = Path("runs"),
    changes: Changes = None,
    only: Only = None,
    workers: Workers = None,
    retry_failed: Retry = False,
    as_json: Json = False,
) -> None:
    """Run what is missing of a suite and print the leaderboard; goes on past failures."""
    from ganbench.commands.run import run_one, run_suite

    if (suite is None) == (spec is None):
        raise RequestError("give either a suite or --spec; `ganbench list suites` shows the registered suites")
    if spec is not None:
        if changes or only or workers or retry_failed:
            raise RequestError("--spec runs one cell as it is written; --set, --only, --workers and --retry-failed go with a suite")
        by_hand = {name: value for name, value in vars(runtime).items() if _is_given(context, name)}
        run_one(spec, out, by_hand, as_json, console)
    else:
        run_suite(str(suite), out, changes or [], only or [], workers, runtime, retry_failed, as_json, console)


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@app.command()
@with_options
def score(
    settings: Settings,
    fake: Annotated[str, typer.Argument(help="Folder, zip, npz, npy, run directory, program, data set (NAME:SPLIT) or module:callable.")],
    real: Annotated[str | None, typer.Option(help="Reference: like FAKE, or a statistics file.")] = None,
    metrics: Annotated[str | None, typer.Option(help="Comma-separated: fid,kid,is,precision,fd@dinov2-vitl14, my.py:METRIC, ...")] = None,
    held_out: Annotated[str | None, typer.Option(help="Real examples that the generator was not trained on.")] = None,
    verify: Annotated[str | None, typer.Option(metavar="torch-fidelity", help="Recompute with it and fail beyond 1e-5.")] = None,
    no_cache: NoCache = False,
    threads: AllThreads = None,
    as_json: Json = False,
) -> None:
    """Score generated examples against real ones: FID, KID, IS, precision, recall and more, each with its interval."""
    from ganbench.commands.score import run_score

    run_score(fake, real, held_out, metrics, verify, replace(settings, use_cache=not no_cache), threads, as_json, console)


Run = Annotated[str, typer.Argument(help="Directory of a run, OUT/runs/NAME; EMA weights, or NAME:raw for those as trained.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Of the latents; the run's own by default, which gives the examples that it scored.")]


@app.command()
@with_options
def generate(
    run: Run,
    place: Place,
    out: Annotated[Path, typer.Option(help="Folder of the images.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Number of examples.")] = 64,
    truncation: Annotated[float | None, typer.Option(help="Less variety for more fidelity, where the method defines it.")] = None,
    classes: Annotated[str | None, typer.Option(help="Only these, comma-separated, in equal shares.")] = None,
    seed: Seed = None,
    threads: AllThreads = None,
) -> None:
    """Draw examples from a run's newest checkpoint: PNG files, or one npy of points."""
    from ganbench.commands.generate import run_generate

    run_generate(run, out, n, seed, truncation, classes, place, threads, console)


@app.command()
@with_options
def latents(
    run: Run,
    place: Place,
    out: Annotated[Path, typer.Option(help="Folder of the figures.")],
    rows: Annotated[int, typer.Option(min=1, help="Latents, pairs or directions that are followed.")] = 8,
    columns: Annotated[int, typer.Option(min=2, help="Images on a way.")] = 9,
    seed: Seed = None,
    threads: AllThreads = None,
) -> None:
    """Draw a run's latent space: interpolation, style mixing, truncation and SeFa directions, with numbers."""
    from ganbench.commands.generate import run_latents

    run_latents(run, out, seed, rows, columns, place, threads, console)


@app.command()
@with_options
def stats(
    settings: Looks,
    sources: Annotated[str, typer.Argument(help="Sets like score's FAKE, comma-separated; statistics of ganbench are merged.")],
    out: Annotated[Path, typer.Option(help="The npz file to write.")],
    no_cache: NoCache = False,
    threads: AllThreads = None,
) -> None:
    """Write mean and covariance of features, for score's --real; other tools read mu and sigma."""
    from ganbench.commands.score import run_stats

    run_stats(sources, out, replace(settings, use_cache=not no_cache), threads, console)


@app.command()
@with_options
def doctor(
    weights: Annotated[Path | None, typer.Option(help="File of an extractor's weights, or a folder that holds published ones.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Where data sets lie; else GANBENCH_DATA, else the user's cache.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of the feature cache; else GANBENCH_CACHE, else the user's.")] = None,
    as_json: Json = False,
) -> None:
    """Say what is installed, which weights and data are there, what will not work and how to mend it."""
    from ganbench.commands.doctor import examine

    examine(weights, data_root, cache, as_json, console)


UsageError: Any = typer.BadParameter.__base__
"""What typer raises for a wrong command line: click's class, or that of the click inside typer."""


def main() -> NoReturn:
    """Runs the command line; every expected error is one line and an exit code."""
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:
            raise KeyboardInterrupt  # typer makes an exit code of it, without a word
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except UsageError as error:
        _fail(f"{error.format_message()} See `{error.ctx.command_path if error.ctx else 'ganbench'} --help`.")
    except RequestError as error:
        _fail(str(error))
    except Diverged as error:
        _fail(str(error), code=1)
    except (Interrupted, KeyboardInterrupt, typer.Abort) as error:
        console.print(
            f"interrupted: {str(error) or 'the same command goes on'}", style="yellow", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int = 2) -> NoReturn:
    console.print(f"ganbench: {' '.join(message.split())}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)

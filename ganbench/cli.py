"""Which commands does the command line have?

Messages for people go to stderr; ``--json`` prints results as JSON on stdout. Exit codes: 0 success, 1 a run
or metric failed or the gate says REGRESSED, 2 the request is invalid (one line), 3 the gate says INCONCLUSIVE, 130 interrupted in a state
from which the same command resumes. Functions import what they need when called, so that ``--help`` and ``list`` never import torch.
"""

import os
import sys
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ganbench import __version__
from ganbench.commands import stopping
from ganbench.commands.arguments import AllThreads, Changes, FailOn, Json, Log, NoCache, Only, Out, Retry, Trust, Workers
from ganbench.commands.bench_app import bench
from ganbench.commands.board_app import leaderboard, submit_check
from ganbench.commands.completion import metrics_option, name_argument, set_argument, set_option, suite_argument
from ganbench.commands.gate_app import gate
from ganbench.commands.leaving_app import LEAVING
from ganbench.commands.looking_app import LOOKING
from ganbench.commands.options import with_options
from ganbench.commands.output import PlainConsole
from ganbench.errors import Diverged, GanbenchError, Interrupted, MachineFault, RequestError
from ganbench.evaluation.settings import Looks, Place, Settings
from ganbench.plan.runtime import OnCpu, Runtime

app = typer.Typer(name="ganbench", no_args_is_help=True, pretty_exceptions_enable=False, help="Train, score and compare GANs.")
app.add_typer(bench)
app.add_typer(gate, name="gate")
app.add_typer(leaderboard)
app.command("submit-check", hidden=True)(submit_check)
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 plus the number of the signal, as in shells."""
console = PlainConsole(stderr=True)


class Kind(StrEnum):
    """Kinds of names that can be listed."""

    variants = "variants"
    datasets = "datasets"
    extractors = "extractors"
    metrics = "metrics"
    diagnostics = "diagnostics"
    suites = "suites"
    presets = "presets"
    games = "games"
    publications = "publications"
    sinks = "sinks"


class Template(StrEnum):
    """Kinds of plug-ins that have a template."""

    variant = "variant"
    metric = "metric"
    extractor = "extractor"
    dataset = "dataset"
    diagnostic = "diagnostic"


@app.callback(invoke_without_command=True)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
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
    """Train four variants on bundled data, score and compare them; takes minutes on two CPU cores, no downloads."""
    from ganbench.commands.run import run_suite

    run_suite("quickstart", out, [], [], workers, runtime, retry_failed, as_json, console)


@app.command("list")
def list_(
    kind: Annotated[Kind, typer.Argument(help="Kind to list.")],
    name: Annotated[str | None, name_argument(help="Show only this one: its options with their sources, its facts or budgets.")] = None,
    as_json: Json = False,
) -> None:
    """List what is registered, with a one-line description each, or show one in detail."""
    from ganbench.commands.list import list_registry

    list_registry(kind.value, name, as_json)


@app.command()
def new(
    kind: Annotated[Template, typer.Argument(help="Kind of plug-in.")],
    name: Annotated[str, typer.Argument(help="Name of the plug-in: MyIdea or my_idea.")],
    out: Annotated[Path | None, typer.Option(help="File to write; default: my_idea.py. Never overwrites a file.")] = None,
) -> None:
    """Write a commented file to start from, for your own variant, metric, extractor, data set or diagnostic."""
    from ganbench.commands.new import write_template

    write_template(kind.value, name, out, console)


@app.command()
def plan(
    suite: Annotated[str, suite_argument(help="Registered suite or TOML file.")],
    out: Out = Path("runs"),
    changes: Changes = None,
    only: Only = None,
    as_json: Json = False,
) -> None:
    """Show the runs of a suite: which are done, which are missing, and how long they may take. Changes nothing."""
    from ganbench.commands.plan import show_plan

    show_plan(suite, out, changes or [], only or [], as_json, console)


@app.command()
@with_options
def run(
    context: typer.Context,
    runtime: Runtime,
    suite: Annotated[str | None, suite_argument(help="Registered suite or TOML file.")] = None,
    spec: Annotated[Path | None, typer.Option(help="Run one cell, not a suite: the spec.json of a run, with --out as its folder.")] = None,
    out: Out = Path("runs"),
    changes: Changes = None,
    only: Only = None,
    workers: Workers = None,
    retry_failed: Retry = False,
    log: Log = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Run the missing cells of a suite and print the leaderboard; failures do not stop the other cells."""
    from ganbench.commands.run import run_one, run_suite

    if (suite is None) == (spec is None):
        raise RequestError("give either a suite or --spec; `ganbench list suites` shows the registered suites")
    if spec is not None:
        if changes or only or workers or retry_failed or log:
            raise RequestError("--spec runs one cell as it is written; --set, --only, --workers, --retry-failed and --log go with a suite")
        by_hand = {name: value for name, value in vars(runtime).items() if _is_given(context, name)}
        run_one(spec, out, by_hand, trust, as_json, console)
    else:
        run_suite(str(suite), out, changes or [], only or [], workers, runtime, retry_failed, as_json, console, log)


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option was given on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@app.command()
@with_options
def score(
    settings: Settings,
    fake: Annotated[str, set_argument(help="Folder, zip, npz, npy, run directory, program, data set (NAME:SPLIT) or module:callable.")],
    real: Annotated[str | None, set_option(help="Reference set: like FAKE, or a statistics file.")] = None,
    metrics: Annotated[str | None, metrics_option(help="Comma-separated: fid,kid,is,precision,fd@pixels, my.py:METRIC, ...")] = None,
    held_out: Annotated[str | None, set_option(help="Held-out set: real examples that the generator was not trained on.")] = None,
    verify: Annotated[str | None, typer.Option(metavar="torch-fidelity", help="Recompute with it; fail if 1e-5 apart.")] = None,
    no_cache: NoCache = False,
    threads: AllThreads = None,
    as_json: Json = False,
) -> None:
    """Score generated examples against real ones: FID, KID, IS, precision, recall and more, with 95 % intervals."""
    from ganbench.commands.score import run_score

    run_score(fake, real, held_out, metrics, verify, replace(settings, use_cache=not no_cache), threads, as_json, console)


@app.command()
@with_options
def diagnose(
    settings: Settings,
    fake: Annotated[str | None, set_argument(help="Run directory, or samples from anywhere: as for FAKE of score.")] = None,
    real: Annotated[str | None, set_option(help="Real examples, the training set at best: like FAKE.")] = None,
    held_out: Annotated[str | None, set_option(help="Other real examples; default: a random half of the real set.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for diagnosis.md, diagnosis.json and pairs.png.")] = None,
    fail_on: FailOn = None,
    rules: Annotated[bool, typer.Option("--rules", help="Print the rules of the verdicts, with their sources, and exit.")] = False,
    no_cache: NoCache = False,
    threads: AllThreads = None,
    as_json: Json = False,
) -> None:
    """Look for mode collapse, repetition and copies: every diagnostic beside its value on held-out real examples."""
    from ganbench.commands.diagnose import print_rules, run_diagnose

    if rules:
        print_rules(as_json)
        return
    if fake is None or real is None:
        what = "FAKE, the generated examples" if fake is None else "--real, the real examples to compare with"
        raise RequestError(f"diagnose lacks {what}; write ganbench diagnose {fake or 'FAKE'} --real REAL, or --rules for the rules alone")
    run_diagnose(fake, real, held_out, out, fail_on and fail_on.value, replace(settings, use_cache=not no_cache), threads, as_json, console)


for command in (*LOOKING, *LEAVING):
    app.command()(command)


Run = Annotated[str, typer.Argument(help="Directory of a run, OUT/runs/NAME, with its EMA weights; NAME:raw for its raw weights.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of the latents; default: the run's own, which gives the scored examples.")]


@app.command()
@with_options
def generate(
    run: Run,
    place: Place,
    out: Annotated[Path, typer.Option(help="Folder for the examples.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Number of examples.")] = 64,
    truncation: Annotated[float | None, typer.Option(help="Below 1: less diversity, more fidelity, if the method defines it.")] = None,
    classes: Annotated[str | None, typer.Option(help="Generate only these classes, comma-separated, with equal probabilities.")] = None,
    seed: Seed = None,
    threads: AllThreads = None,
) -> None:
    """Generate examples with a run's newest checkpoint, as PNG files or as one npy of points."""
    from ganbench.commands.checks import check_drawing

    if truncation is not None and not truncation > 0:  # "not >" also refuses nan
        raise RequestError(f"--truncation {truncation:g}: must be above 0; 1 leaves StyleGANs' images as they are, 0.5 to 0.8 is usual")
    check_drawing(run, out, place.device)
    from ganbench.commands.generate import run_generate

    run_generate(run, out, n, seed, truncation, classes, place, threads, console)


@app.command()
@with_options
def latents(
    run: Run,
    place: Place,
    out: Annotated[Path, typer.Option(help="Folder for the figures.")],
    rows: Annotated[int, typer.Option(min=1, help="Rows of a figure: number of latents, pairs or directions.")] = 8,
    columns: Annotated[int, typer.Option(min=2, help="Number of images along each path.")] = 9,
    seed: Seed = None,
    threads: AllThreads = None,
) -> None:
    """Draw and measure a run's latent space: interpolation, style mixing, truncation and SeFa directions."""
    from ganbench.commands.checks import check_drawing

    check_drawing(run, out, place.device)
    from ganbench.commands.generate import run_latents

    run_latents(run, out, seed, rows, columns, place, threads, console)


@app.command()
@with_options
def stats(
    settings: Looks,
    sources: Annotated[str, set_argument(help="Sets as for FAKE of score, comma-separated; statistics files of ganbench are merged.")],
    out: Annotated[Path, typer.Option(help="npz file to write.")],
    no_cache: NoCache = False,
    threads: AllThreads = None,
) -> None:
    """Write mean and covariance of features to a file, for --real of score; other tools read its mu and sigma."""
    from ganbench.commands.score import run_stats

    run_stats(sources, out, replace(settings, use_cache=not no_cache), threads, console)


@app.command()
@with_options
def doctor(
    weights: Annotated[Path | None, typer.Option(help="File of an extractor's weights, or folder with the published files.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of data sets; default: GANBENCH_DATA, else the user's cache.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of the feature cache; default: GANBENCH_CACHE, else the user's cache.")] = None,
    as_json: Json = False,
) -> None:
    """Check which packages, weights and data are installed, and say how to get what is missing."""
    from ganbench.commands.doctor import examine

    examine(weights, data_root, cache, as_json, console)


UsageError: Any = typer.BadParameter.__base__
"""The exception that typer raises for an invalid command line: click's, or that of the copy of click in typer."""


def main() -> NoReturn:
    """Runs the command line; every error of a request, a run or the machine is printed as one line and sets the exit code."""
    stopping.hear()
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:
            raise KeyboardInterrupt  # typer turns it into an exit code without a message
        sys.stdout.flush()  # here, so that a full disk is noticed
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except UsageError as error:
        said = error.format_message().rstrip()
        if not said:
            sys.exit(2)  # of a group without a command, whose help was printed
        _fail(f"{said}{'' if said.endswith(('.', '?', '!')) else '.'} See `{error.ctx.command_path if error.ctx else 'ganbench'} --help`.")
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _close_output()
        sys.exit(1)  # as typer does where it notices first
    except (Diverged, MachineFault) as error:
        _fail(str(error), code=1)
    except (Interrupted, KeyboardInterrupt, typer.Abort) as error:
        _end(str(error))
    except ImportError:
        if not stopping.stopped:
            raise
        _end("")  # compiled modules turn an interruption of their import into an ImportError
    except GanbenchError as error:
        _fail(str(error))
    except OSError as error:
        _close_output()
        _fail(f"{error}; check that path and the disk, then repeat the command")
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and type(error).__name__ != "OutOfMemoryError" and "allocate memory" not in str(error):
            raise
        why = str(error).partition("\n")[0]
        _fail(f"out of memory{f' ({why})' if why else ''}; take fewer examples at a time, or a machine with more")
    sys.exit(code if isinstance(code, int) else 0)


def _end(why: str) -> NoReturn:
    """Ends an interrupted command."""
    stopping.ignore()
    console.say(f"interrupted: {why or 'the same command goes on'}", "yellow")
    sys.exit(INTERRUPTED)


def _close_output() -> None:
    """Has what is still to be printed go nowhere, since the interpreter would complain at its end about output that fails again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int = 2) -> NoReturn:
    console.say(f"ganbench: {' '.join(message.split())}", "red")
    sys.exit(code)

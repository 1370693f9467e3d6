"""Which commands does ``ganbench gate`` have?"""

from pathlib import Path
from typing import Annotated

import typer

from ganbench.commands.arguments import Json, Workers
from ganbench.commands.completion import suite_option
from ganbench.commands.options import with_options
from ganbench.commands.output import PlainConsole
from ganbench.errors import RequestError
from ganbench.plan.runtime import Runtime

gate = typer.Typer(invoke_without_command=True, help="Has training become worse? PASS (exit 0), REGRESSED (1) or INCONCLUSIVE (3).")
Bank = Annotated[Path, typer.Argument(metavar="BANK", help="Folder of a bank.")]
Suite = Annotated[str | None, suite_option(metavar="SUITE", help="Suite whose recipes are those of the bank: run what is missing.")]
Recipes = Annotated[list[str] | None, typer.Option("--recipe", metavar="NAME", help="Only this recipe of the bank, as 'dcgan on digits'.")]


@gate.callback()
@with_options
def verdict(
    context: typer.Context,
    runtime: Runtime,
    baseline: Annotated[Path | None, typer.Option(metavar="BANK", help="The bank that the candidate is held against.")] = None,
    candidate: Annotated[Path | None, typer.Option(metavar="DIR", help="Runs in question: --out of a `run`, logged runs, a file.")] = None,
    suite: Suite = None,
    neutral: Annotated[bool, typer.Option("--neutral", help="The change claims equal bits: compare traces first. Takes --suite.")] = False,
    recipe: Recipes = None,
    renamed: Annotated[
        list[str] | None, typer.Option("--as", metavar="NEW=OLD", help="The candidate's method NEW stands for the bank's OLD.")
    ] = None,
    speed: Annotated[bool, typer.Option("--speed", help="A loss of speed counts for the verdict.")] = False,
    page: Annotated[Path | None, typer.Option("--markdown", metavar="FILE", help="Also write the tables as Markdown.")] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Hold the runs of a candidate against a bank: PASS (exit 0), REGRESSED (1) or INCONCLUSIVE (3)."""
    if context.invoked_subcommand is not None:
        return
    if baseline is None or candidate is None:
        raise RequestError("give --baseline BANK and --candidate DIR; `ganbench gate bank DIR --out BANK` makes a bank")
    from ganbench.commands.gate import show_verdict

    pairs = dict(_pair(given) for given in renamed or ())
    asked = {"suite": suite, "neutral": neutral, "recipes": tuple(recipe or ()), "renamed": pairs, "speed": speed, "workers": workers}
    show_verdict(baseline, candidate, asked, page, runtime, as_json, PlainConsole(stderr=True))


def _pair(given: str) -> tuple[str, str]:
    new, equals, old = given.rpartition("=")
    if not (new and equals and old):
        raise RequestError(f"--as {given}: takes NEW=OLD, the candidate's method and the bank's, as --as my_dcgan=dcgan")
    return new, old


@gate.command("bank")
@with_options
def bank(
    runtime: Runtime,
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Runs: --out of `run`, logged runs, or the bank itself.")],
    out: Annotated[Path | None, typer.Option(metavar="BANK", help="Folder of the bank, made or extended; default: the first DIR.")] = None,
    suite: Annotated[str | None, suite_option(metavar="SUITE", help="Suite of the runs: also trace the first steps of two seeds.")] = None,
    measure: Annotated[str | None, typer.Option(help="What decides, as fd@digits-probe; default: each recipe's first.")] = None,
) -> None:
    """Make or extend a bank: the runs of a baseline as small files to commit, and what is asked of candidates."""
    from ganbench.commands.gate import make_bank

    make_bank(folders, out or folders[0], suite, measure, runtime, PlainConsole(stderr=True))


@gate.command("power")
def power(
    bank: Bank,
    recipe: Recipes = None,
    simulations: Annotated[int, typer.Option(min=100, help="Simulated candidates of each kind.")] = 1_000,
    as_json: Json = False,
) -> None:
    """Simulate how often the gate errs with a bank, and which changes it can see."""
    from ganbench.commands.gate import show_power

    show_power(bank, tuple(recipe or ()), simulations, as_json, PlainConsole(stderr=True))

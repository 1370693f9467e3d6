"""Which commands only look, at results or at theory, and run nothing?"""

from pathlib import Path
from typing import Annotated

import typer

from ganbench.commands.arguments import Json
from ganbench.commands.completion import games_argument
from ganbench.commands.output import PlainConsole


def report(
    sources: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders given as --out of `run`, folders of record files, or record files.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    title: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="BANK", help="Also hold the runs against a bank, and show the verdict of the gate.")
    ] = None,
) -> None:
    """Write one page, tables, figures and records of results from anywhere; runs nothing."""
    from ganbench.commands.report import run_report

    run_report(sources, out, title, baseline, PlainConsole(stderr=True))


def compare(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="--out of a `run`, a bank, logged runs, or one file of these.")],
    now: Annotated[Path, typer.Argument(metavar="NOW", help="Likewise.")],
    measures: Annotated[
        list[str] | None, typer.Option("--measure", metavar="NAME", help="As fd@digits-probe, or all; default: each recipe's first.")
    ] = None,
    page: Annotated[Path | None, typer.Option("--markdown", metavar="FILE", help="Also write the tables as Markdown.")] = None,
    as_json: Json = False,
) -> None:
    """Show how two sets of results differ: recipe by recipe, with intervals and effect sizes; runs nothing."""
    from ganbench.commands.compare import show_comparison

    show_comparison(before, now, measures or [], page, as_json, PlainConsole(stderr=True))


def dirac(
    games: Annotated[str, games_argument(help="Registered set of losses and regularisers, or file.py:NAME of your own.")] = "reference",
    step_size: Annotated[float, typer.Option(help="Learning rate.")] = 0.2,
    steps: Annotated[int, typer.Option(min=200, max=20_000, help="Updates of the discriminator.")] = 1_200,
    strength: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Strength of a regulariser: r1=1, noise=0.5; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for a figure (PNG, SVG) and the numbers (CSV, JSON).")] = None,
    as_json: Json = False,
) -> None:
    """Judge losses, regularisers and update rules on the smallest GAN, whose theory is known: do they converge?"""
    from ganbench.commands.checks import check_dirac

    strengths = check_dirac(games, step_size, strength or [], out)
    from ganbench.commands.dirac import run_dirac

    run_dirac(games, step_size, steps, strengths, out, as_json, PlainConsole(stderr=True))


LOOKING = (report, compare, dirac)
"""In the order of the help."""

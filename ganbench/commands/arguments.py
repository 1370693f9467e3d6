"""Which options do several commands share?"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ganbench.commands.completion import sinks_option

Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change the suite: training.batch_size=32, seeds=[0], config.dcgan.latent_dim=64."),
]
Only = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE,...", help="Keep only part of the suite: variant=dcgan,wgan, dataset=digits, seed=0.")
]
Out = Annotated[Path, typer.Option(help="Folder of the results; runs that are already there are kept or resumed.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Number of runs at a time; default: one per GPU, or per CPU core.")]
Log = Annotated[
    str | None, sinks_option("--log", metavar="SINK[=PLACE],...", help="Also send events to: tensorboard, wandb, mlflow, own.py:MySink.")
]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Repeat runs that failed.")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON on stdout.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither read nor write cached features.")]
AllThreads = Annotated[int | None, typer.Option(min=1, help="Number of CPU threads; default: all.")]


class Alarm(StrEnum):
    """Verdicts of a diagnosis that can make the command fail."""

    suspicious = "suspicious"
    collapsed = "collapsed"


FailOn = Annotated[Alarm | None, typer.Option(help="Exit with 1 if the verdict is this or worse.")]


class Format(StrEnum):
    """How tables are written on stdout."""

    terminal = "terminal"
    markdown = "markdown"
    csv = "csv"
    latex = "latex"
    html = "html"


Trust = Annotated[bool, typer.Option("--trust", help="With --spec RECORD: let a method that is a Python file run.")]

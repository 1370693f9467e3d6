"""Which commands carry results out of the suite?"""

from pathlib import Path
from typing import Annotated

import typer

from ganbench.commands.arguments import AllThreads
from ganbench.commands.completion import sinks_option
from ganbench.commands.output import PlainConsole


def export(
    what: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's directory, RUN:raw for its raw weights; for parquet what `report` takes.")
    ],
    to: Annotated[str, typer.Option(metavar="FORMAT", help="safetensors, torchscript, torch.export, onnx; parquet for all results.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write.")],
    data_root: Annotated[Path | None, typer.Option(help="Folder of data sets; default: GANBENCH_DATA, else the user's cache.")] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Let the code of a method that is a Python file run.")] = False,
    threads: AllThreads = None,
) -> None:
    """Write a run's generator to a file that `score` takes, or all results as Parquet."""
    from ganbench.commands.export import run_export

    run_export(what, to, out, data_root, trust, threads, PlainConsole(stderr=True))


def replay(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of runs, or folders given as --out of `run`.")],
    to: Annotated[str, sinks_option(metavar="SINK[=PLACE],...", help="tensorboard, wandb, mlflow, own.py:MySink.")],
) -> None:
    """Send the events of runs that are there to TensorBoard, Weights & Biases or MLflow, as `run --log` does live."""
    from ganbench.commands.replay import run_replay

    run_replay(folders, to, PlainConsole(stderr=True))


LEAVING = (export, replay)
"""In the order of the help."""

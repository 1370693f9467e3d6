"""Which names does a shell offer while a command is typed? (registered ones; what they stand for is not imported)"""

import glob
from collections.abc import Callable
from functools import partial

import typer

SPLITS = ("train", "test")
"""Of the data sets that ``NAME:SPLIT`` names."""

Offer = Callable[[str], list[str]]
"""From the incomplete word, the words that it may become."""


def known(kind: str) -> list[str]:
    """All names of a kind: the registered ones, of metrics also those of the literature, as ``list`` shows them."""
    from ganbench.commands.list import REGISTRIES
    from ganbench.plan.metric_names import STANDARD

    return [*REGISTRIES[kind].names(), *(STANDARD if kind == "metrics" else ())]


def one(kind: str, *others: str) -> Offer:
    """Offers the names of a kind, and other words that stand for some of them."""

    def offer(incomplete: str) -> list[str]:
        return [name for name in (*known(kind), *others) if name.startswith(incomplete)]

    return offer


def several(kind: str) -> Offer:
    """Offers the names of a kind for the last item of a list with commas, those left out that it has already."""

    def offer(incomplete: str) -> list[str]:
        before, comma, _ = incomplete.rpartition(",")
        given = before.split(",")
        return [word for name in known(kind) if name not in given and (word := f"{before}{comma}{name}").startswith(incomplete)]

    return offer


def sets(incomplete: str) -> list[str]:
    """Offers the registered data sets with their splits, and nothing where a file or folder begins so, which shells offer then."""
    if not incomplete or glob.glob(f"{glob.escape(incomplete)}*"):
        return []
    return [word for name in known("datasets") for split in SPLITS if (word := f"{name}:{split}").startswith(incomplete)]


def of_kind(context: typer.Context, incomplete: str) -> list[str]:
    """Offers the names of the kind that stands before, after ``ganbench list``."""
    kind = context.params.get("kind")
    return one(str(kind))(incomplete) if kind else []


name_argument = partial(typer.Argument, autocompletion=of_kind)
suite_argument, suite_option = (partial(make, autocompletion=one("suites")) for make in (typer.Argument, typer.Option))
set_argument, set_option = (partial(make, autocompletion=sets) for make in (typer.Argument, typer.Option))
variants_argument = partial(typer.Argument, autocompletion=one("variants", "all"))
games_argument = partial(typer.Argument, autocompletion=one("games"))
sinks_option = partial(typer.Option, autocompletion=several("sinks"))
metrics_option = partial(typer.Option, autocompletion=several("metrics"))

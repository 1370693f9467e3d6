"""Which commands does ``ganbench leaderboard`` have? (folders of runs in place of a command are shown)"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ganbench.commands.arguments import Format, Json
from ganbench.commands.completion import metrics_option
from ganbench.commands.output import PlainConsole

SHOW = "show"
"""The command that folders alone stand for."""


class FoldersOrCommand(TyperGroup):
    """A group of commands in which anything that is no command's name begins the arguments of ``show``.

    ``ganbench leaderboard runs`` is ``ganbench leaderboard show runs``; a folder that has the name of a command is reached as ``./init``.
    """

    default = SHOW

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts ``show`` before what is neither a command nor the group's own help; a shell that asks for the first word is offered all."""
        known = {*self.commands, *ctx.help_option_names}
        whole = args[0] in known if args else ctx.resilient_parsing
        return super().parse_args(ctx, args if whole else [self.default, *args])


leaderboard = typer.Typer(
    name="leaderboard",
    cls=FoldersOrCommand,
    subcommand_metavar="DIR... | COMMAND [ARGS]...",
    help="Print the tables of finished runs again: `ganbench leaderboard DIR...`. Or keep a public leaderboard, a repository of records.",
)
Board = Annotated[Path, typer.Argument(metavar="DIR", help="The leaderboard's repository.")]


@leaderboard.command(SHOW)
def show(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders given as --out of `run`, shown together.")],
    columns: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="Only these columns (fd,failed), or all; default: those that fit.")
    ] = None,
    metrics: Annotated[str | None, metrics_option(metavar="NAME,...", help="Only these metrics, as fd,recall or fd@digits-probe.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How the tables are written.")] = Format.terminal,
    as_json: Json = False,
) -> None:
    """Print the tables of finished runs again, on stdout, from their records alone; `show` may be left out."""
    from ganbench.commands.leaderboard import show_leaderboard

    show_leaderboard(folders, columns, metrics, form, as_json, PlainConsole(stderr=True))


@leaderboard.command("init")
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or a repository without files.")],
    name: Annotated[str | None, typer.Option(help="Title of the leaderboard; default: the folder's name.")] = None,
    url: Annotated[str, typer.Option(help="Address of the site, as https://someone.github.io/board/.")] = "",
    contact: Annotated[str, typer.Option(help="Where submitters find the maintainers.")] = "",
    like: Annotated[list[Path] | None, typer.Option(metavar="RUNS", help="Accept the protocols of these results alone.")] = None,
) -> None:
    """Write the skeleton of a public leaderboard: settings, instructions, a workflow that checks and publishes."""
    from ganbench.commands.board import init_board

    init_board(folder, name, url, contact, like or [], PlainConsole(stderr=True))


@leaderboard.command("add")
def add(
    folder: Board,
    sources: Annotated[list[Path], typer.Argument(metavar="RUNS...", help="--out of a `run`, folders of records, or record files.")],
) -> None:
    """Check records, and copy those that pass into the repository; git is left to you."""
    from ganbench.commands.board import add_records

    add_records(folder, sources, PlainConsole(stderr=True))


@leaderboard.command("submit-check")
def submit_check(
    folder: Board,
    sources: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUNS...]", help="Results that may join it; default: check its own records.")
    ] = None,
    base: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The repository before a submission: check what is new, by its settings.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check records: schema, protocol, duplicates, bands, plausibility. Exit 1 if one is refused."""
    from ganbench.commands.board import check_board

    check_board(folder, sources or [], base, as_json, PlainConsole(stderr=True))


@leaderboard.command("build")
def build(
    folder: Board,
    out: Annotated[Path, typer.Option(metavar="SITE", help="Folder of the site; its releases are kept.")] = Path("site"),
    release: Annotated[str | None, typer.Option(metavar="NAME", help="Also make a release, as v1.0, which never changes.")] = None,
) -> None:
    """Write the static site, and with --release a state with a permalink and a citation."""
    from ganbench.commands.board import build_board

    build_board(folder, out, release, PlainConsole(stderr=True))

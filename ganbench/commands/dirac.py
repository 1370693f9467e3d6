"""What does ``ganbench dirac`` do? (it judges losses, regularisers and update rules on the smallest GAN)"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.commands.output import PlainConsole, print_json
from ganbench.dirac.checking import check_games
from ganbench.dirac.game import GameSet
from ganbench.dirac.judging import STARTS, judged
from ganbench.dirac.linear import field_on
from ganbench.dirac.rules import RULES
from ganbench.dirac.simulation import EMA_HALFLIFE_STEPS, Paths, simulate
from ganbench.dirac.verdict import ENOUGH, RULE, Outcome
from ganbench.errors import RequestError, UnknownName
from ganbench.registry import GAMES
from ganbench.report.dirac import SMALLEST, SYMBOLS, eigenvalue_table, legend, verdict_table
from ganbench.report.terminal import to_terminal
from ganbench.storage import writable_folder, write_json, write_text
from ganbench.text import cell

DRAWN = (0, 1, 5)
"""Rules whose paths are drawn, by their number."""
AVERAGED = 1
"""The rule whose moving average is shown, by its number."""
GRID = 11
"""Arrows in a row of a vector field."""


def run_dirac(
    name: str, h: float, steps: int, strengths: Sequence[tuple[str, float]], out: Path | None, as_json: bool, console: PlainConsole
) -> None:
    """Plays every game under every rule, prints the verdicts, and writes them with a figure into a folder.

    Args:
        name: Registered set of games, or ``path/to/file.py:NAME``.
        h: Learning rate.
        steps: Updates of the discriminator.
        strengths: Regularisers' names with new strengths.
        out: Folder, or None to write nothing.
        as_json: Whether to print JSON instead of tables.
        console: Console of messages.

    Raises:
        RequestError: There is no such set of games, it cannot be played, or it has no such regulariser.
    """
    games = GAMES.load(name)
    if not isinstance(games, GameSet):
        raise RequestError(f"{name}: is no set of games, but {type(games).__name__}; write one with ganbench.dirac.game.GameSet")
    check_games(games)
    games = strengthened(games, strengths)
    paths = simulate(games, RULES, h, steps, STARTS)
    outcomes = judged(games, RULES, h, paths)
    document = {
        "schema_version": 1,
        "games": name,
        "step_size": h,
        "steps": steps,
        "start": list(STARTS[0]),
        "far_start": list(STARTS[1]),
        "ema_halflife_steps": EMA_HALFLIFE_STEPS,
        "verdict_rule": RULE,
        "notes": {**{one.name: one.note for one in games.losses}, **{one.name: one.note for one in games.regularisers}},
        "rules": {rule.name: rule.about for rule in RULES},
        "outcomes": [one.row() for one in outcomes],
    }
    if as_json:
        print_json(document)
    else:
        show(games, outcomes, h, steps)
    if steps * h < ENOUGH:
        console.say(f"few steps for a rate of {h:g}: verdicts may be others with --steps {math.ceil(ENOUGH / h):,} or more", "yellow")
    if out is not None:
        writable_folder(out)
        write_json(out / "dirac.json", document)
        write_text(out / "dirac.csv", as_csv(outcomes))
        for path in draw(games, outcomes, paths, h, out):
            console.say(f"{path}")
        console.say(f"{out / 'dirac.csv'}\n{out / 'dirac.json'}")


def strengthened(games: GameSet, strengths: Sequence[tuple[str, float]]) -> GameSet:
    """A set of games in which some regularisers have other strengths.

    Raises:
        RequestError: There is no such regulariser, or it has no strength.
    """
    new = dict(strengths)
    known = {one.name: one for one in games.regularisers}
    able = [name for name, one in known.items() if one.has_strength]
    for name in new:
        if name not in able:
            raise UnknownName("regulariser with a strength", name, able)
    return replace(games, regularisers=tuple(replace(one, strength=new.get(one.name, one.strength)) for one in games.regularisers))


def show(games: GameSet, outcomes: Sequence[Outcome], h: float, steps: int) -> None:
    """Prints both tables on stdout."""
    rules = "; ".join(f"{' '.join(rule.heading.split())}: {rule.about}" for rule in RULES)
    average = (
        f"EMA: largest |theta| of its moving average in the last quarter, with a half-life of {EMA_HALFLIFE_STEPS:g} steps, "
        f"under {RULES[AVERAGED].name} updates; 0 below {SMALLEST:g}."
    )
    notes = [legend(steps, h, math.hypot(*STARTS[0])), f"{rules}.", average, RULE, games.note]
    headings = {rule.name: rule.heading for rule in RULES}
    table = verdict_table(outcomes, headings, RULES[AVERAGED].name, [note for note in notes if note])
    page = PlainConsole(stderr=False)
    page.print(to_terminal([table, eigenvalue_table(outcomes)], page.width))


def as_csv(outcomes: Sequence[Outcome]) -> str:
    """One line for every game under every rule."""
    rows: list[dict[str, Any]] = [{key: cell(value) for key, value in one.row().items()} for one in outcomes]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def draw(games: GameSet, outcomes: Sequence[Outcome], paths: Paths, h: float, out: Path) -> list[Path]:
    """Draws every game's vector field with the paths of a few rules; returns the files."""
    from ganbench.report.dirac_figure import REACH, Panel, panels_figure, save

    line = np.linspace(-REACH, REACH, GRID)
    along, up = field_on(games, line)
    found = {(one.loss, one.regulariser, one.rule): one for one in outcomes}
    rules = [RULES[k] for k in DRAWN]
    panels = [
        Panel(
            row=loss.name,
            column=found[loss.name, one.name, RULES[0].name].group,
            field=(along[:, :, i, j], up[:, :, i, j]),
            paths={RULES[k].name: (paths.theta[:, k, 0, i, j], paths.psi[:, k, 0, i, j]) for k in DRAWN},
            average=float(paths.ema[-1, AVERAGED, 0, i, j]),
            symbols={rule.name: SYMBOLS[found[loss.name, one.name, rule.name].verdict] for rule in rules},
        )
        for i, loss in enumerate(games.losses)
        for j, one in enumerate(games.regularisers)
    ]
    meanings = ", ".join(f"{symbol} {word}" for word, symbol in SYMBOLS.items())
    title = f"Dirac-GAN, {len(paths.theta) - 1:,} steps at a rate of {h:g}: {meanings}"
    return save(panels_figure(panels, title, RULES[AVERAGED].name), out, "dirac")

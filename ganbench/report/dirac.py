"""How are the verdicts on Dirac-GANs shown? (a table of verdicts, and one of eigenvalues)"""

from collections.abc import Mapping, Sequence

from ganbench.dirac.verdict import Outcome, Verdict
from ganbench.report.table import Cell, Column, Table

SYMBOLS: Mapping[Verdict, str] = {"converges": "↓", "orbits": "○", "diverges": "↑"}
SMALLEST, LARGEST = 0.01, 100.0
"""Distances below and above have no number."""


def verdict_table(outcomes: Sequence[Outcome], headings: Mapping[str, str], averaged: str, notes: Sequence[str]) -> Table:
    """Verdicts and distances, one row for each game, one column for each rule, and the moving average of theta last.

    Args:
        outcomes: Of all games, in the order of the rows.
        headings: Heading of every rule, in the order of the columns.
        averaged: The rule whose moving average is shown.
        notes: Below the table.
    """
    rows: list[tuple[Cell, ...]] = []
    for group, games in _games(outcomes).items():
        rows.append((Cell(value=f"{group}:"), *[Cell(value="")] * (len(headings) + 1)))
        for loss, by_rule in games.items():
            cells = [Cell(value=f"{_distance(by_rule[rule].distance)}{SYMBOLS[by_rule[rule].verdict]}") for rule in headings]
            rows.append((Cell(value=loss), *cells, Cell(value=_distance(by_rule[averaged].theta_ema) or "0")))
    columns = (Column(heading="loss"), *(Column(heading=one) for one in headings.values()), Column(heading="EMA"))
    return Table(title="Dirac-GAN: which games converge?", columns=columns, rows=tuple(rows), notes=tuple(notes))


def eigenvalue_table(outcomes: Sequence[Outcome]) -> Table:
    """Eigenvalues of the gradient flow at the equilibrium: losses are rows, regularisers are columns."""
    groups = _games(outcomes)
    firsts = {group: {loss: next(iter(by_rule.values())) for loss, by_rule in games.items()} for group, games in groups.items()}
    losses = list(next(iter(firsts.values())))
    rows = [(Cell(value=loss), *(_pair(firsts[group][loss].eigenvalues) for group in firsts)) for loss in losses]
    return Table(
        title="Eigenvalues of the gradient flow at the centre",
        columns=(Column(heading="loss"), *(Column(heading=group.replace(" ", "\n")) for group in firsts)),
        rows=tuple(rows),
        notes=("In units of 1 / (rate x steps).",),
    )


def legend(steps: int, h: float, start: float) -> str:
    """What symbols and numbers of the table say."""
    meanings = ", ".join(f"{symbol} {word}" for word, symbol in SYMBOLS.items())
    return (
        f"{meanings}; the number is the largest distance of (theta, psi) from the centre in the last quarter of {steps:,} steps at a "
        f"rate of {h:g}, from a start {start:.2g} away; none below {SMALLEST:g} and above {LARGEST:g}."
    )


def _games(outcomes: Sequence[Outcome]) -> dict[str, dict[str, dict[str, Outcome]]]:
    """Outcomes by regulariser with its strength, by loss, and by rule."""
    found: dict[str, dict[str, dict[str, Outcome]]] = {}
    for one in outcomes:
        found.setdefault(one.group, {}).setdefault(one.loss, {})[one.rule] = one
    return found


def _distance(value: float) -> str:
    """Two digits, without the zero before the point; empty if too small or too large to matter."""
    if not SMALLEST <= value < LARGEST:
        return ""
    return (f"{value:.2f}" if value < 0.995 else f"{value:.1f}" if value < 9.95 else f"{value:.0f}").removeprefix("0")


def _pair(both: tuple[complex, complex] | None) -> Cell:
    """Two eigenvalues: a conjugate pair, or two real numbers, one to a line."""
    if both is None:
        return Cell(value=None, note="the penalty has no derivative at the centre")
    if both[0].imag:
        real = "" if abs(both[0].real) < 0.005 else _signed(both[0].real)
        return Cell(value=f"{real}±{_short(both[0].imag)}i")
    return Cell(value=f"{_signed(both[0].real)}\n{_signed(both[1].real)}")


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else ''}{_short(abs(value))}"


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else f"{value:.2f}"

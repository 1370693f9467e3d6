"""How is a diagnosis presented? (findings, verdicts and rules, for a terminal and as Markdown)"""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from ganbench.diagnostics.rules import RULES, SIGMAS, Rule
from ganbench.report.markdown import to_markdown
from ganbench.report.table import Cell, Column, Table, number
from ganbench.results.diagnosis import Diagnosis, Finding
from ganbench.storage import write_json, write_text
from ganbench.text import plain

STYLES = {"fine": "green", "suspicious": "bold yellow", "collapsed": "bold red", None: "dim"}
WIDTH = 80
"""Number of characters of a line of the rules."""
SHOWN = 30
"""Largest number of modes in a table."""
PAGE, DATA, PICTURE = "diagnosis.md", "diagnosis.json", "pairs.png"
"""Names of the files of a diagnosis."""


def shown(measure: str) -> str:
    """A measure's name as people read it.

    >>> shown("bins_jsd")
    'bins jsd'
    """
    return measure.replace("_", " ")


def about(diagnosis: Diagnosis) -> list[str]:
    """What was compared with what, one line each."""
    return [
        f"{diagnosis.n:,} generated examples against {diagnosis.n_reference:,} real ones; features: {diagnosis.extractor['extractor']}",
        f"held-out: {diagnosis.held_out_is}",
    ]


def judged(diagnosis: Diagnosis) -> list[Finding]:
    """The findings of a table: those with a value on either side."""
    return [one for one in diagnosis.findings if one.value is not None or one.held_out is not None]


def reasons(diagnosis: Diagnosis) -> list[str]:
    """Why the verdict is not "fine": the findings that say so, the worst first."""
    found = [one for one in diagnosis.findings if one.why]
    return [f"{shown(one.measure)}: {one.why}" for one in sorted(found, key=lambda one: one.verdict != "collapsed")]


def remarks(diagnosis: Diagnosis) -> list[str]:
    """Notes on the findings, and what was not judged and why; measures with the same note share a line."""
    lines: dict[str, list[str]] = {}
    for one in diagnosis.findings:
        if one.note:
            lines.setdefault(one.note, []).append(shown(one.measure))
    noted = [f"{', '.join(names)}: {note}" for note, names in lines.items()]
    wanting: dict[str, list[str]] = {}
    for name, needs in diagnosis.left_out:
        wanting.setdefault(needs, []).append(shown(name))
    return noted + [f"left out: {', '.join(names)}, for want of {needs}" for needs, names in wanting.items()]


def cells(one: Finding) -> tuple[Cell, ...]:
    """The row of a finding."""
    values = {"not measured": one.value, "not measured on held-out examples": one.held_out, "not known of a perfect generator": one.perfect}
    numbers = (Cell(value=value, note=why if value is None else "") for why, value in values.items())
    judged = Cell(value=one.verdict, note="" if one.verdict else "no rule is about it")
    return Cell(value=shown(one.measure)), *numbers, _range(one), judged


def _written(value: float) -> str:
    """A number with about three digits, and without decimals if it is whole."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e7 else number(value)


COLUMNS = tuple(
    Column(heading=heading, written=_written) for heading in ("diagnostic", "generated", "held-out", "perfect", "range", "verdict")
)


def _range(one: Finding) -> Cell:
    """The smallest and the largest possible value."""
    low, high = ("" if end is None else _written(end) for end in (one.least, one.most))
    known = f"{low} to {high}" if low and high else f"from {low}" if low else None
    return Cell(value=known, note="" if known else "any value is possible")


def to_terminal(diagnosis: Diagnosis) -> RenderableType:
    """A diagnosis for a terminal of 80 characters."""
    grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1, 0, 0))
    for column in COLUMNS:
        grid.add_column(column.heading, justify="left" if column in (COLUMNS[0], COLUMNS[-1]) else "right", no_wrap=True)
    for one in judged(diagnosis):
        *texts, verdict = (cell.shown(column) for cell, column in zip(cells(one), COLUMNS, strict=True))
        grid.add_row(*texts, Text(verdict, style=STYLES[one.verdict]))
    return Group(*(Text(plain(line), style="dim") for line in about(diagnosis)), grid)


def verdict_lines(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    """The verdict and its reasons, each line with its style."""
    return [(f"verdict: {diagnosis.verdict}", STYLES[diagnosis.verdict]), *((f"  {line}", "") for line in reasons(diagnosis))]


def markdown_page(diagnosis: Diagnosis, heading: str) -> str:
    """A diagnosis and the rules as one Markdown document."""
    notes = [f"{line}." for line in reasons(diagnosis)]
    notes += [f"{line}." for line in (*about(diagnosis), *remarks(diagnosis))]
    notes += [f"Note: {line}." for line in diagnosis.warnings]
    findings = Table(
        title=f"Verdict: {diagnosis.verdict}",
        columns=COLUMNS,
        rows=tuple(cells(one) for one in judged(diagnosis)),
        notes=tuple(notes),
    )
    shares = Table(
        title="Modes and classes",
        columns=tuple(Column(heading=heading) for heading in ("mode", "expected", "generated", "ratio")),
        rows=tuple(
            (
                Cell(value=one.name),
                Cell(value=f"{100 * one.expected:.3g} %"),
                Cell(value=f"{one.generated:,}"),
                Cell(value=one.ratio, low=one.low, high=one.high),
            )
            for one in sorted(diagnosis.shares, key=lambda one: one.ratio)[:SHOWN]
        ),
        notes=(f"The ratio of shares, with its 95 % interval; the lowest first, {SHOWN} at most.",),
    )
    pairs = Table(
        title="Nearest training examples",
        columns=tuple(Column(heading=heading) for heading in ("set", "example", "training example", "distance", "of its neighbour's")),
        rows=tuple(
            (
                Cell(value=side),
                Cell(value=f"{pair.example:,}"),
                Cell(value=f"{pair.training:,}"),
                Cell(value=pair.distance),
                Cell(value=pair.ratio, note="" if pair.ratio is not None else "the training example has an exact copy"),
            )
            for side, some in (("generated", diagnosis.pairs), ("held-out", diagnosis.held_out_pairs))
            for pair in some
        ),
        notes=("The last column is the distance over that of the training example to its nearest other training example.",),
    )
    rules = Table(
        title="Rules",
        columns=tuple(Column(heading=heading) for heading in ("diagnostic", "suspicious", "collapsed", "noise", "source")),
        rows=tuple(
            tuple(Cell(value=text, note="" if text else "never by this rule") for text in (shown(rule.measure), *_words(rule), rule.source))
            for rule in RULES
        ),
        notes=(_GUARD,),
    )
    return to_markdown([findings, *([shares] if diagnosis.shares else []), pairs, rules], heading)


_GUARD = (
    f"A rule speaks only if the number also lies more than {SIGMAS:g} times the noise, its standard deviation for perfect generators, "
    "from that of a perfect generator; n is the number of examples."
)
_CLOSED = {"occupancy": "closed form, of a number of covered modes", "chi-square": "closed form, of a divergence of histograms"}


def _limit(rule: Rule, value: float) -> str:
    """A threshold of a rule, in words."""
    if rule.compares == "difference":
        return f"{abs(value):.3g} or more {'below' if rule.worse == 'low' else 'above'} held-out"
    side = "at most" if rule.worse == "low" else "at least"
    return f"{side} {100 * value:.4g} % of held-out" if rule.compares == "ratio" else f"{side} {value:.3g}"


def _words(rule: Rule) -> tuple[str, str | None, str]:
    """Both thresholds and the noise of a rule, in words."""
    noise = _CLOSED[rule.noise] if isinstance(rule.noise, str) else f"{rule.noise:g}/√n" if rule.noise else "none"
    return _limit(rule, rule.suspicious), None if rule.collapsed is None else _limit(rule, rule.collapsed), noise


def rule_lines(rules: Iterable[Rule] = RULES) -> list[str]:
    """All rules as text of at most 80 characters a line."""
    lines = [*textwrap.wrap(_GUARD, WIDTH), ""]
    for rule in rules:
        suspicious, collapsed, noise = _words(rule)
        limits = f"suspicious: {suspicious}" + (f"; collapsed: {collapsed}" if rule.collapsed is not None else "")
        lines.append(shown(rule.measure))
        for text in (limits, f"noise: {noise}", f"source: {rule.source}"):
            lines += textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return lines


def write_diagnosis(out: Path, diagnosis: Diagnosis, data: dict[str, object], heading: str) -> list[Path]:
    """Writes a diagnosis as Markdown and JSON, and the pairs as a PNG if they are images.

    Args:
        out: A folder that exists.
        diagnosis: The diagnosis.
        data: Its JSON form, with the rules.
        heading: Title of the Markdown page.

    Returns:
        The files.
    """
    write_text(out / PAGE, markdown_page(diagnosis, heading))
    write_json(out / DATA, data)
    files: Sequence[Path] = [out / PAGE, out / DATA]
    if diagnosis.pictures is None:
        return [*files]
    from ganbench.report.pairs import draw_pairs

    draw_pairs(diagnosis, out / PICTURE)
    return [*files, out / PICTURE]

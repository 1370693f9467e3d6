"""How is a comparison of two sets of results shown?"""

from dataclasses import asdict
from typing import Any

from ganbench.report.table import Cell, Column, Table, number
from ganbench.report.verdicts import amount, finite
from ganbench.statistics.compare import LEVEL, Comparison, Difference, Side
from ganbench.text import line

SHORT = {"no difference found": "none found", "too few runs": "too few\nruns"}
"""Verdicts as a narrow column shows them."""


def comparison_tables(found: Comparison) -> list[Table]:
    """One row a recipe and measure; below it the noise, and what all recipes say together."""
    columns = [Column(heading=heading) for heading in ("recipe", "before", "now", "worse by", "better in", "verdict")]
    rows = tuple(
        (
            Cell(value=f"{line(one.recipe)}\n{line(one.measure.label)}"),
            Cell(value=_side(one.before)),
            Cell(value=_side(one.now)),
            Cell(value=_change(one)),
            Cell(value=f"{100 * one.better_in:.0f} %\np = {one.p_adjusted:.2g}"),
            Cell(value=SHORT.get(one.word, one.word), best=one.word == "better"),
        )
        for one in found.differences
    )
    counts = ", ".join(
        f"{found.count(word)} {word}" for word in ("better", "worse", "no difference found", "too few runs") if found.count(word)
    )
    table = Table(
        title=f"compare: {counts or 'nothing to compare'}", columns=tuple(columns), rows=rows, notes=tuple(map(line, _notes(found)))
    )
    noisy = [one for one in found.differences if one.now.noise or one.before.noise]
    return [table, *([_noise_table(noisy)] if noisy else [])]


def _side(side: Side) -> str:
    """Median, number of runs and of failures."""
    shown = "not finished" if side.median is None else number(side.median)
    return f"{shown}\n{len(side.seeds)} run{'s' * (len(side.seeds) != 1)}" + (f"\n{side.failures} failed" if side.failures else "")


def _change(one: Difference) -> str:
    estimate, low, high = (amount(value, one.measure) for value in one.change)
    return f"{estimate}\n[{low}, {high}]"


def _notes(found: Comparison) -> list[str]:
    notes = [f"{one.recipe}: settings changed: {'; '.join(one.changes)}." for one in found.differences if one.changes]
    notes += [f"added: {name}." for name in found.added] + [f"missing now: {name}." for name in found.missing]
    notes += [f"not comparable: {line}." for line in found.incomparable] + [f"{note}." for note in found.notes]
    if found.overall:
        one = found.overall.improvement
        notes.append(
            f"All {found.overall.recipes} recipes: a run of now is better than one of before in {100 * one.value:.0f} % of pairs "
            f"[{100 * one.low:.0f}, {100 * one.high:.0f}] (stratified bootstrap)."
        )
        if share := found.overall.iqm:
            shown = ", ".join(f"{100 * end:+.1f}" for end in (share.low, share.high))
            notes.append(f"Interquartile mean of all runs: {100 * share.value:+.1f} % worse than the median before [{shown}].")
    notes.append(
        "Median over seeds, failed runs being the worst. Worse by: median difference (Hodges-Lehmann) with its exact 95 % interval; "
        "what is negative is better. Better in: share of pairs of runs. p: exact Mann-Whitney test, corrected by Holm for "
        f"{len(found.differences)} comparisons; a verdict takes p <= {LEVEL:g}."
    )
    return notes


def _noise_table(differences: list[Difference]) -> Table:
    headings = ("a second sample\nmoves it by", "a second seed\nmoves it by")
    columns = (Column(heading="recipe"), *(Column(heading=heading, written=lambda value: f"±{number(value)}") for heading in headings))
    rows = []
    for one in differences:
        noise = one.now.noise or one.before.noise
        assert noise is not None
        rows.append(
            (
                Cell(value=f"{one.recipe}, {one.measure.label}"),
                Cell(value=noise.sampling, note="the scores have no intervals" if noise.sampling is None else ""),
                Cell(value=noise.training, n=noise.runs),
            )
        )
    note = "Standard deviations of one run's score, of now where it has two runs; that of samples is from the scores' own intervals."
    return Table(title="noise", columns=columns, rows=tuple(rows), notes=(note,))


def comparison_json(found: Comparison) -> dict[str, Any]:
    """A comparison as plain data, in which what is infinite is null."""
    counts = {word.replace(" ", "_"): found.count(word) for word in ("better", "worse", "no difference found", "too few runs")}
    return dict(finite({"schema_version": 1, "counts": counts, **asdict(found)}))

"""How are the verdicts of the gate, and its error rates, shown?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ganbench.report.table import Cell, Column, Table, number
from ganbench.results.bank import Measure
from ganbench.statistics.gate import Judgement, Speed, Verdict
from ganbench.statistics.outcomes import change_of
from ganbench.statistics.power import Rates
from ganbench.text import line

UNCOUNTED: Mapping[str, str] = {"PASS": "as fast", "REGRESSED": "slower", "INCONCLUSIVE": "cannot tell"}
"""Verdicts on speed where they do not count."""


def amount(value: float, measure: Measure) -> str:
    """A change as people state it: a percentage of a distance, else a difference; with its sign, "+" for worse.

    >>> amount(0.123, Measure(label="FD", higher_is_better=False, relative=True))
    '+12 %'
    """
    if math.isinf(value) or value > 1e6:
        return "+∞" if value > 0 else "-∞"
    if value == 0:
        return "0 %" if measure.relative else "0"
    if not measure.relative:
        return f"{'-' if value < 0 else '+'}{number(abs(value))}"
    share = 100 * value
    return f"{share:+.1f} %" if abs(share) < 9.95 else f"{share:+,.0f} %"


def verdict_tables(verdict: Verdict, speed: bool = False) -> list[Table]:
    """One row a recipe, with what its verdict rests on."""
    columns = [Column(heading=heading) for heading in ("recipe", "verdict", "runs", "worse by", "PASS below,\ncould see", "failed")]
    rows = [
        (
            Cell(value=f"{line(one.recipe)}\n{line(one.measure.label)}"),
            Cell(value=one.word.replace("INCON", "INCON-\n")),  # so that a table fits 80 columns
            Cell(value=f"{one.baseline_runs}\n→ {one.used or len(one.candidate_seeds)}"),
            _change(one),
            Cell(value=f"{amount(one.tolerance, one.measure)},\n{amount(one.detectable, one.measure)}"),
            Cell(value=f"{one.baseline_failures}\n→ {len(one.candidate_failures)}"),
        )
        for one in verdict.judgements
    ]
    notes = [f"{one.recipe}: {one.why}." for one in verdict.judgements]
    notes += [f"{one.recipe}: {note}." for one in verdict.judgements for note in one.notes]
    notes += [f"{note}." for note in verdict.notes]
    if rows:
        notes.append(
            "Worse by: median of all differences between runs of the two (Hodges-Lehmann), with the exact interval of the deciding stage; "
            "failed runs are the worst. PASS takes an upper end below the tolerance; REGRESSED a significant change, also a smaller one, "
            "for which most pairs of runs are worse. Could see: a change that these numbers of runs call REGRESSED in 80 % of cases."
        )
    texts = tuple(line(note) for note in notes)
    found = [Table(title=f"gate: {verdict.word}", columns=tuple(columns if rows else columns[:1]), rows=tuple(rows), notes=texts)]
    timed = [(one.recipe, one.speed) for one in verdict.judgements if one.speed]
    return [*found, *([_speed_table(timed, speed)] if timed else [])]


def _change(judged: Judgement) -> Cell:
    if judged.change is None:
        return Cell(value=None, note=judged.why)
    estimate, low, high = (amount(value, judged.measure) for value in judged.change)
    return Cell(value=f"{estimate}\n[{low}, {high}]")


def _speed_table(timed: Sequence[tuple[str, Speed]], counts: bool) -> Table:
    columns = tuple(Column(heading=heading) for heading in ("recipe", "speed", "tolerated", "verdict"))
    rows = tuple(
        (
            Cell(value=name),
            Cell(value=None, note=one.why) if one.ratio is None else Cell(value=f"{100 * (one.ratio - 1):+.0f} %"),
            Cell(value=f"-{100 * one.threshold:.0f} %"),
            Cell(value=one.word if counts else UNCOUNTED[one.word]),
        )
        for name, one in timed
    )
    notes = [f"{name}: {one.why}." for name, one in timed if one.word == "INCONCLUSIVE"]
    counted = "" if counts else " It counts for the verdict with --speed."
    notes.append(f"Median images a second over the runs; other work on the machine moves it, and the 5 % are not of it.{counted}")
    return Table(title="speed", columns=columns, rows=rows, notes=tuple(notes))


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain data, in which what is infinite is null."""
    judgements = [
        {**asdict(one), "change": dict(zip(("estimate", "low", "high"), one.change, strict=True)) if one.change else None}
        for one in verdict.judgements
    ]
    plain = {"schema_version": 1, "verdict": verdict.word, "exit_code": verdict.exit_code, "recipes": judgements, "notes": verdict.notes}
    return dict(finite(plain))


def finite(value: Any) -> Any:
    """Plain data with null for what is infinite, since JSON has no such number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(part) for key, part in value.items()}
    return [finite(part) for part in value] if isinstance(value, list | tuple) else value


def power_table(name: str, measure: Measure, tolerance: float, found: Sequence[tuple[str, Rates]], notes: Sequence[str]) -> Table:
    """How often candidates of several kinds get each verdict.

    Args:
        name: The recipe.
        measure: What decides.
        tolerance: Change that is not tolerated.
        found: By kind of candidate, the simulated rates.
        notes: What else a reader should know.
    """
    columns = tuple(Column(heading=heading) for heading in ("candidate", "worse by", "PASS", "REGRESSED", "INCONCLUSIVE", "runs"))
    rows = tuple(
        (
            Cell(value=kind),
            Cell(value=amount(change_of(measure, one.shift), measure) if not math.isinf(one.shift) else "+∞"),
            *(Cell(value=f"{100 * one.shares[word]:.1f} %") for word in ("PASS", "REGRESSED", "INCONCLUSIVE")),
            Cell(value=f"{one.mean_runs:.1f}"),
        )
        for kind, one in found
    )
    return Table(title=f"{name}, {measure.label}, tolerance {amount(tolerance, measure)}", columns=columns, rows=rows, notes=tuple(notes))

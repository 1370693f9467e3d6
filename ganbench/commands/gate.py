"""What does ``ganbench gate`` do? (it judges a candidate, makes banks, and simulates error rates)"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from ganbench.commands.checks import check_page
from ganbench.commands.output import PlainConsole, print_json
from ganbench.execution.reporter import Reporter
from ganbench.guard import gate, trace_bank
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec
from ganbench.report.markdown import to_markdown
from ganbench.report.progress import MatrixProgress
from ganbench.report.terminal import to_terminal
from ganbench.report.verdicts import amount, power_table, verdict_json, verdict_tables
from ganbench.results.bank import Recipe, named
from ganbench.statistics import banking
from ganbench.statistics.exact import failure_rate
from ganbench.statistics.outcomes import badness, change_of, read_results
from ganbench.statistics.power import Population, Rates, detectable, rates
from ganbench.statistics.thresholds import Threshold, Thresholds, read_thresholds
from ganbench.storage import write_text

SHIFTS = (0.5, 1.0, 1.5, 2.0)
"""Changes of simulated candidates, in standard deviations of the bank's runs."""
FAILURES = (0.2, 0.4, 0.6)
"""Failure rates of simulated candidates."""
FEW = 20
"""Runs below which a bank is called small: 20 against 5 find a change of 1.3 standard deviations in 80 % of cases, 5 against 5 one of 1.7
(one-sided t tests with an error of 5 %)."""


def show_verdict(
    bank: Path, candidate: Path, asked: Mapping[str, Any], page: Path | None, runtime: Runtime, as_json: bool, console: PlainConsole
) -> None:
    """Judges a candidate, prints the verdict, and sets the exit code.

    Args:
        bank: Folder of the bank.
        candidate: Folder of the candidate's runs.
        asked: Further arguments of :func:`ganbench.guard.gate`.
        page: File for the tables as Markdown.
        runtime: Runtime settings of the candidate's runs.
        as_json: Whether to print JSON.
        console: Console of messages and tables.
    """
    check_page(page)

    def watch(suite: str, total: int, missing: Sequence[RunSpec], places: int) -> Reporter:
        return MatrixProgress(console, missing)

    verdict = gate(bank, candidate, **asked, runtime=runtime, watch=watch, say=lambda line: console.say(line, "dim"))
    tables = verdict_tables(verdict, asked["speed"])
    if as_json:
        print_json(verdict_json(verdict))
    console.print(to_terminal(tables, console.width))
    console.say(verdict.word, {"PASS": "bold green", "REGRESSED": "bold red", "INCONCLUSIVE": "bold yellow"}[verdict.word])
    if page is not None:
        write_text(page, to_markdown(tables, f"gate: {verdict.word}"))
    if verdict.exit_code:
        raise typer.Exit(verdict.exit_code)


def make_bank(folders: Sequence[Path], out: Path, suite: str | None, measure: str | None, runtime: Runtime, console: PlainConsole) -> None:
    """Makes or extends a bank, and says what it can decide."""
    written, bank = banking.make_bank(folders, out, measure)
    if suite is not None:
        written += trace_bank(out, bank, suite, runtime, lambda line: console.say(line, "dim"))
    thresholds = read_thresholds(out)
    for name, recipe in named(bank.recipes).items():
        threshold = thresholds.of(name)
        known = banking.measure_of(recipe, threshold)
        failed = sum(bool(outcome.failure) for outcome in recipe.outcomes)
        values = [badness(recipe, threshold.measure, one) for one in recipe.outcomes]
        spread = amount(change_of(known, Population(values).sd), known).removeprefix("+")
        small = f"; {FEW} runs would see more" if len(recipe.outcomes) < FEW else ""
        tolerated = amount(threshold.tolerance, known)
        console.say(
            f"{name}: {len(recipe.outcomes)} runs, {failed} failed; {known.label} differs by {spread} from seed to seed, so candidates "
            f"pass up to {tolerated} worse{small}"
        )
    console.say(f"wrote {len(written)} files to {out}; commit them", "dim")
    console.say(f"next: ganbench gate power {out}, or ganbench gate --baseline {out} --candidate DIR")


def show_power(bank: Path, asked: Sequence[str], simulations: int, as_json: bool, console: PlainConsole) -> None:
    """Simulates the gate with each recipe of a bank."""
    whole, thresholds = read_results(bank), read_thresholds(bank)
    chosen, together = banking.selected(whole, asked), len(whole.recipes)
    tables, plain = [], []
    for name, recipe in named(chosen.recipes).items():
        threshold = thresholds.of(name)
        known = banking.measure_of(recipe, threshold)
        found = simulated(recipe, threshold, thresholds, together, simulations)
        tables.append(power_table(name, known, threshold.tolerance, found, _said(recipe, threshold, thresholds, together, found)))
        plain.append({"recipe": name, "measure": known.label, "tolerance": threshold.tolerance, "rates": [asdict(one) for _, one in found]})
    if as_json:
        print_json({"schema_version": 1, "recipes": plain})
    console.print(to_terminal(tables, console.width))


def simulated(recipe: Recipe, threshold: Threshold, thresholds: Thresholds, together: int, simulations: int) -> list[tuple[str, Rates]]:
    """Rates of an equal candidate, of changed ones, and of ones that fail more often, each with its name."""
    known = banking.measure_of(recipe, threshold)
    values, tolerance = [badness(recipe, threshold.measure, one) for one in recipe.outcomes], threshold.as_shift(known)
    sd = Population(values).sd

    def rate(worse: float = 0.0, failures: float | None = None) -> Rates:
        return rates(values, tolerance, thresholds.rule, worse, failures, together, simulations)

    found = [("equal", rate()), ("as bad as is tolerated", rate(tolerance))]
    found += [(f"{steps:g} sd worse", rate(steps * sd)) for steps in SHIFTS]
    return [*found, *((f"{100 * share:.0f} % of runs fail", rate(failures=share)) for share in FAILURES)]


def _said(recipe: Recipe, threshold: Threshold, thresholds: Thresholds, together: int, found: Sequence[tuple[str, Rates]]) -> list[str]:
    """What the rates mean."""
    known, equal = banking.measure_of(recipe, threshold), found[0][1]
    values, tolerance = [badness(recipe, threshold.measure, one) for one in recipe.outcomes], threshold.as_shift(known)
    alarms = round(equal.shares["REGRESSED"] * equal.simulations)
    limit = failure_rate(alarms, equal.simulations, alpha=0.05)[1]
    seen = change_of(known, detectable(values, tolerance, thresholds.rule, together))
    luck = found[1][1].shares["PASS"]
    return [
        f"False alarms: {100 * equal.shares['REGRESSED']:.1f} % (95 % limit of {equal.simulations:,} simulations: {100 * limit:.1f} %). "
        f"Passing by luck with a change as bad as is tolerated: {100 * luck:.1f} %.",
        f"Found in 80 % of cases with {thresholds.rule.runs[-1]} runs: {amount(seen, known)}. "
        f"{len(values)} runs in the bank, judged with {together - 1} other recipes.",
    ]

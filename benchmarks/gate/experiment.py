"""Is the gate right? (`python benchmarks/gate/experiment.py --work DIR`, two hours of two cores)

Unchanged, neutral, changed and broken candidates, whose truth is known, get their verdicts. Trains what is missing in DIR, holds every
candidate against the bank in ``reports/gate/bank``, and writes ``reports/gate/README.md`` and ``verdicts.json``. The bank was made by::

    ganbench run stability --device cpu --out DIR/bank
    ganbench gate bank DIR/bank --out reports/gate/bank --suite stability --device cpu

What each candidate must not get was written down before any was trained; the script fails if one gets it.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ganbench.guard import compare_traces
from ganbench.matrix import run
from ganbench.plan.runtime import Runtime
from ganbench.plan.suite import load_suite
from ganbench.report.markdown import to_markdown
from ganbench.report.table import Cell, Column, Table
from ganbench.report.verdicts import amount, verdict_json
from ganbench.results.bank import named
from ganbench.statistics.banking import selected
from ganbench.statistics.decision import decide, stages
from ganbench.statistics.exact import failure_rate
from ganbench.statistics.gate import Judgement, Verdict, judge
from ganbench.statistics.outcomes import Results, badness, read_results
from ganbench.statistics.power import rates
from ganbench.statistics.thresholds import Thresholds, read_thresholds
from ganbench.storage import write_json, write_text

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "reports" / "gate"
BANK = REPORT / "bank"
SEEDS = list(range(20, 30))
"""Those after the bank's."""
CPU = Runtime(device="cpu")
SPLITS = 1_000
"""Divisions of the real runs of unchanged code into a bank and a candidate."""
SIMULATIONS = 4_000
"""Simulated candidates of a rate: a standard error of at most 0.8 percentage points."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A candidate, and the verdict that it must not get."""

    name: str
    recipe: str
    """Recipe of the bank that it is held against."""
    suite: str
    only: tuple[str, ...]
    """Which runs of the suite."""
    settings: tuple[str, ...] = ()
    method: str = ""
    """Its own name of the method, if that is not the bank's."""
    folder: str
    """Of its runs, in the work folder."""
    never: str
    """PASS of a broken one, REGRESSED of an equal one; of a slight change nothing is known beforehand."""


def recipe_filter(recipe: str, method: str = "") -> tuple[str, ...]:
    """Which runs of a suite belong to a recipe."""
    variant, data = recipe.split(" on ")
    return f"variant={method or variant}", f"dataset={data}"


SOUND = ("dcgan on ring8", "wgan_gp on ring8", "dcgan on digits", "wgan_gp on digits")
CHANGED = str(HERE / "changed.toml")
NUDGED = {"dcgan": "changed.py:NudgedDCGAN", "wgan_gp": "changed.py:NudgedWGANGP"}
RATES_DIGITS = ("config.dcgan.learning_rate=3e-4", "config.wgan_gp.learning_rate=1.5e-3")
RATES_RING = ("config.dcgan.learning_rate=1.5e-3", "config.wgan_gp.learning_rate=1.5e-3")


def sound(name: str, folders: dict[str, str], settings: dict[str, tuple[str, ...]] | None = None, never: str = "") -> list[Case]:
    """A change of settings, or none, of the four sound recipes.

    Args:
        name: Of the change.
        folders: Of the runs, by data set.
        settings: The change, by data set.
        never: The verdict that none of them must get.
    """
    found = []
    for recipe in SOUND:
        data = recipe.split(" on ")[1]
        changed = (settings or {}).get(data, ())
        only = recipe_filter(recipe)
        found.append(Case(name=name, recipe=recipe, suite="stability", only=only, settings=changed, folder=folders[data], never=never))
    return found


def other(name: str, recipe: str, method: str, suite: str, folder: str, settings: tuple[str, ...] = (), never: str = "") -> Case:
    """A method of its own that is held against a sound recipe."""
    only = recipe_filter(recipe, method)
    return Case(name=name, recipe=recipe, suite=suite, only=only, settings=settings, method=method, folder=folder, never=never)


def cases() -> list[Case]:
    """All candidates."""
    nudged, every = "one weight a millionth larger", ("evaluation.every_images=6000",)
    rate = {"digits": RATES_DIGITS, "ring8": RATES_RING}
    average = {
        "digits": ("training.ema_halflife_images=8000", "training.ema_rampup=0"),
        "ring8": ("training.ema_halflife_images=40000", "training.ema_rampup=0"),
    }
    return [
        *sound("unchanged", {"digits": "unchanged", "ring8": "unchanged"}, never="REGRESSED"),
        *(other(nudged, one, NUDGED[one.split()[0]], CHANGED, "changed", never="REGRESSED") for one in SOUND),
        other("label flip", "dcgan on digits", "broken_label_flip", "broken", "flip", every, "PASS"),
        other("no batch norm", "dcgan on digits", "broken_no_batch_norm", "broken", "nobn", every, "PASS"),
        other("detached penalty", "wgan_gp on digits", "broken_detached_penalty", "broken", "detached", every, "PASS"),
        other("packs of one latent", "pacgan on digits", "broken_shared_latents", "broken", "shared", every, "PASS"),
        other("rate x 300", "dcgan on digits", "dcgan", "stability", "rate300", ("config.dcgan.learning_rate=6e-2",), "PASS"),
        other(
            "critic without bound",
            "ablation on digits",
            "ablation",
            "stability",
            "unbounded",
            ("config.ablation.regulariser=none",),
            "PASS",
        ),
        *sound("rate x 1.5", {"digits": "rate15d", "ring8": "rate15r"}, rate),
        *sound("EMA half-life x 4", {"digits": "ema4d", "ring8": "ema4r"}, average),
        other("batch statistics frozen halfway", "dcgan on digits", "changed.py:FrozenStatistics", CHANGED, "changed"),
    ]


def judged(case: Case, bank: Results, thresholds: Thresholds, work: Path) -> Judgement:
    """Trains as many runs of a candidate as the rule asks for, and judges them."""
    method = case.method or case.recipe.split()[0]
    found: Judgement | None = None
    for runs in thresholds.rule.runs:
        seeds = SEEDS[:runs]
        run(case.suite, work / case.folder, settings=[*case.settings, f"seeds={seeds}"], only=case.only, runtime=CPU)
        there = read_results(work / case.folder)
        mine = [one for one in there.recipes if one.name == f"{method} on {case.recipe.split(' on ')[1]}"]
        first = [replace(one, outcomes=tuple(outcome for outcome in one.outcomes if outcome.seed in seeds)) for one in mine]
        candidate = Results(path=work, recipes=tuple(first))
        renamed = {method: case.recipe.split()[0]}
        (found,) = judge(selected(bank, [case.recipe]), candidate, thresholds, renamed).judgements
        if found.word != "INCONCLUSIVE":
            break
    assert found is not None
    return found


def neutral(bank: Results) -> list[tuple[str, str]]:
    """What the comparison of bits says of a refactored method and of one with one changed weight: a name and a line each."""
    found = []
    for recipe, method in (
        ("dcgan on digits", "RefactoredDCGAN"),
        ("dcgan on ring8", "RefactoredDCGAN"),
        ("dcgan on digits", "NudgedDCGAN"),
    ):
        data = recipe.split(" on ")[1]
        _, specs = load_suite(CHANGED, [], [f"variant=changed.py:{method}", f"dataset={data}"])
        lines, _ = compare_traces(BANK, selected(bank, [recipe]), {recipe: specs}, CPU, lambda line: None)
        found += [(method, line) for line in lines]
    return found


def splits(bank: Results, work: Path, thresholds: Thresholds) -> list[tuple[str, float, float, float]]:
    """False alarms on real runs: all 30 runs of unchanged code are divided at random into a bank of 20 and a candidate of 10.

    Returns:
        By recipe: shares of REGRESSED and of PASS, and the 95 % limit of the former.
    """
    rng, found = np.random.default_rng(0), []
    more = named(read_results(work / "unchanged").recipes)
    for name in SOUND:
        (recipe,) = selected(bank, [name]).recipes
        asked = thresholds.of(name)
        values = np.array([badness(recipe, asked.measure, one) for one in (*recipe.outcomes, *more[name].outcomes)])
        words = []
        for _ in range(SPLITS):
            drawn = rng.permutation(values).tolist()
            evidence = {name: stages(drawn[:20], drawn[20:30], thresholds.rule)}
            words.append(decide(evidence, {name: asked.as_shift(recipe.measures[asked.measure])}, thresholds.rule)[name].word)
        alarms = words.count("REGRESSED")
        found.append((name, alarms / SPLITS, words.count("PASS") / SPLITS, failure_rate(alarms, SPLITS, alpha=0.05)[1]))
    return found


def verdicts_table(found: Sequence[tuple[Case, Judgement]]) -> Table:
    """One row a candidate."""
    rows = []
    for case, one in found:
        change = "" if one.change is None else " to ".join(amount(value, one.measure) for value in one.change[1:])
        estimate = "" if one.change is None else amount(one.change[0], one.measure)
        failed = f"{len(one.candidate_failures)} of {one.used}"
        wrong = " (wrong)" if case.never == one.word else ""
        texts = (case.name, case.recipe, one.word + wrong, str(one.used), estimate, change, amount(one.tolerance, one.measure), failed)
        rows.append(tuple(Cell(value=text) for text in texts))
    headings = ("candidate", "held against", "verdict", "runs", "worse by", "interval", "tolerated", "failed")
    note = (
        "Runs: as many as decided, of at most 10. Worse by: median difference (Hodges-Lehmann) with the exact interval of the deciding "
        "stage, of FD as a share, of coverage as a difference. What must not be: REGRESSED of the first eight, PASS of the broken six. "
        "Of the changes below them nothing was known beforehand: an interval below 0 is an improvement."
    )
    return Table(title="Verdicts", columns=tuple(Column(heading=one) for one in headings), rows=tuple(rows), notes=(note,))


def rates_table(bank: Results, thresholds: Thresholds, real: Sequence[tuple[str, float, float, float]]) -> Table:
    """Error rates of every recipe of the bank, judged alone."""
    rows, by_split = [], {name: rest for name, *rest in real}
    for name, recipe in named(bank.recipes).items():
        asked = thresholds.of(name)
        known = recipe.measures[asked.measure]
        values, tolerance = [badness(recipe, asked.measure, one) for one in recipe.outcomes], asked.as_shift(known)
        equal = rates(values, tolerance, thresholds.rule, simulations=SIMULATIONS)
        as_bad = rates(values, tolerance, thresholds.rule, worse=tolerance, simulations=SIMULATIONS)
        alarms = equal.shares["REGRESSED"]
        limit = failure_rate(round(alarms * SIMULATIONS), SIMULATIONS, alpha=0.05)[1]
        split = by_split.get(name)
        texts = (
            name,
            amount(asked.tolerance, known),
            f"{100 * alarms:.1f} % (at most {100 * limit:.1f} %)",
            f"{100 * equal.shares['PASS']:.0f} %",
            f"{100 * as_bad.shares['PASS']:.1f} %",
            f"{100 * as_bad.shares['REGRESSED']:.0f} %",
            f"{100 * split[0]:.1f} % (at most {100 * split[2]:.1f} %)" if split else "",
        )
        rows.append(tuple(Cell(value=text) for text in texts))
    headings = (
        *("recipe", "tolerated", "false alarms", "equal ones that pass", "passes by luck", "as bad as tolerated, found"),
        "false alarms on real runs",
    )
    note = (
        f"{SIMULATIONS:,} simulated candidates from each bank's own distribution, with the one-sided 95 % limit in brackets; passes by "
        "luck are of candidates as bad as is tolerated. On real runs: "
        f"{SPLITS:,} random divisions of 30 runs of unchanged code into 20 and 10."
    )
    return Table(title="Error rates", columns=tuple(Column(heading=one) for one in headings), rows=tuple(rows), notes=(note,))


INTRODUCTION = """Is the gate right? Candidates whose truth is known are held against the committed [bank](bank): two sound methods on
ring8 and digits, and the two other parents of the broken recipes, 20 seeds each. Made by `python benchmarks/gate/experiment.py
--work DIR`; the candidates' code is in [benchmarks/gate](../../benchmarks/gate), what is asked of them in [bank/gate.toml](bank/gate.toml).
"""


def main() -> int:
    """Carries out the experiment; 1 if a candidate got the verdict that it must not get."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True, help="folder of the candidates' runs")
    work = parser.parse_args().work
    bank, thresholds = read_results(BANK), read_thresholds(BANK)
    traces = neutral(bank)
    for method, line in traces:
        print(f"{method}: {line}", flush=True)
    found = []
    for case in cases():
        one = judged(case, bank, thresholds, work)
        found.append((case, one))
        print(f"{case.name}, {case.recipe}: {one.word} after {one.used} runs; {one.why}", flush=True)
    tables = [verdicts_table(found), rates_table(bank, thresholds, splits(bank, work, thresholds))]
    claims = "\n".join(f"- `{method}`, {line}" for method, line in traces)
    head, _, rest = to_markdown(tables, "The gate on candidates whose truth is known").partition("\n\n")
    write_text(REPORT / "README.md", f"{head}\n\n{INTRODUCTION}\n## Claims of equal bits\n\n{claims}\n\n{rest}")
    plain = [
        {"candidate": case.name, "never": case.never, **verdict_json(Verdict(word=one.word, judgements=(one,)))["recipes"][0]}
        for case, one in found
    ]
    write_json(REPORT / "verdicts.json", {"verdicts": plain, "traces": [f"{method}: {line}" for method, line in traces]})
    wrong = [f"{case.name}, {case.recipe}: {one.word}" for case, one in found if one.word == case.never]
    for line in wrong:
        print(f"WRONG: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

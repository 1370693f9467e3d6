"""What did every variant reach here, beside what was published? (``python -m baselines.bands RUNS...`` writes README.md and the bank)

The bank, ``reports/bands/runs.csv``, has one line for every run of a named budget or a multiple of the short one, and for every run
on a part of a training set; README.md is made of it, of the variants' docstrings and of ``published.toml``. Nothing in README.md is typed.
"""

import argparse
import csv
import json
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

from ganbench.errors import RequestError
from ganbench.plan.budgets import BUDGETS
from ganbench.plan.spec import run_id
from ganbench.plan.suite import load_suite
from ganbench.plan.variant_config import defaults
from ganbench.registry import VARIANTS
from ganbench.results.folders import records
from ganbench.results.record import Record

HERE = Path(__file__).parent
BANK = HERE.parent / "reports" / "bands" / "runs.csv"
SEEDS = 3
"""Of a band, unless its cell says otherwise."""
CONTROLS = ("ablation", "broken_")
"""Starts of the names of variants that no paper proposes."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One line of the bank."""

    variant: str
    dataset: str
    n_train: int | None
    """Training examples that were kept; None for all."""
    budget: str
    seed: int
    run_id: str
    status: str
    overrides: str
    """What differs from the variant's defaults, as JSON."""
    batch_size: int
    label: str
    """The ranking metric, as tables name it."""
    untrained: float | None
    """Its value for the EMA weights before the first step."""
    final: float | None
    """Its value for the EMA weights at the end; None unless the run is done."""
    final_raw: float | None
    modes: float | None
    """Modes that the EMA weights reach, of data that have countable ones."""
    hq_percent: float | None
    kl_all: float | None
    device: str

    @property
    def gain(self) -> float | None:
        """How many times smaller than before training the score is."""
        return self.untrained / self.final if self.untrained and self.final else None


def run_of(record: Record) -> Run | None:
    """The bank's line of a record; None for a run of the user's own, or of a whole training set and a budget without a name."""
    spec = record.spec
    few = f"{spec.budget_images:,} images" if spec.dataset.n_train else None
    budget = few or _budget(spec.dataset.name, spec.budget_images)
    if budget is None or spec.variant.path is not None:
        return None
    usual = defaults(spec.variant.name)
    differing = {key: value for key, value in sorted(spec.variant.config.items()) if value != usual.get(key)}
    start = next((e.scores[0] for e in record.evaluations if e.weights == "ema" and e.images_seen == 0 and e.scores), None)
    final = {score.protocol["weights"]: score.value for score in record.scores if start and score.metric == start.metric}
    found = {finding.name: finding.value for finding in record.diagnostics}
    timing = record.timing
    return Run(
        variant=spec.variant.name,
        dataset=spec.dataset.name,
        n_train=spec.dataset.n_train,
        budget=budget,
        seed=spec.seed,
        run_id=record.run_id,
        status=record.status,
        overrides=json.dumps(differing),
        batch_size=spec.training.batch_size,
        label=start.label if start else "",
        untrained=start.value if start else None,
        final=final.get("ema"),
        final_raw=final.get("raw"),
        modes=found.get("modes"),
        hq_percent=found.get("hq_percent"),
        kl_all=found.get("kl_all"),
        device=timing.device if timing else "",
    )


def _budget(dataset: str, images: int) -> str | None:
    """``short``, or ``4x short`` where a batch and a budget were multiplied alike, or None."""
    named = BUDGETS.get(dataset, {})
    exact = [name for name, length in named.items() if length == images and name != "paper"]
    multiple, rest = divmod(images, named.get("short", images + 1))
    return exact[0] if exact else f"{multiple}x short" if multiple and not rest else None


def read_bank(path: Path = BANK) -> list[Run]:
    """The bank's runs, in its order."""
    with path.open(newline="") as file:
        return [Run(**{f.name: _read(f.type, row[f.name]) for f in fields(Run)}) for row in csv.DictReader(file)]


def _read(kind: Any, text: str) -> Any:
    if kind is str:
        return text
    return (int(text) if kind in (int, int | None) else float(text)) if text else None


def write_bank(runs: Iterable[Run], path: Path = BANK) -> None:
    """Writes runs, sorted, numbers to six digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = sorted(runs, key=lambda run: (run.dataset, run.n_train or 0, run.budget, run.variant, run.overrides, run.seed))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Run)], lineterminator="\n")
        writer.writeheader()
        for run in lines:
            writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in asdict(run).items()})


def published() -> dict[str, dict[str, str]]:
    """Recipe source and published number of every variant, and under ``protocols`` how the numbers were got that are marked so."""
    return tomllib.loads((HERE / "published.toml").read_text(encoding="utf-8"))


def render(runs: Sequence[Run]) -> str:
    """README.md of a bank."""
    head = ("variant", "paper", "what differs", "data", "parameters G + D", "recipe", "published")
    marks = "; ".join(f"**{mark}** {protocol}" for mark, protocol in published()["protocols"].items())
    parts = [PREFACE, _table(head, _variants()), f"Published numbers: {marks}."]
    parts += [HOW_TO_READ, _gaps(runs)] if runs else [UNMEASURED]
    ablation = [run for run in runs if run.run_id in meant("ablation")]
    whole = [run for run in runs if run.n_train is None and run.run_id not in meant("ablation")]
    for dataset in ("digits", "mnist", "cifar10"):
        parts += _images([run for run in whole if run.dataset == dataset and not is_control(run)], dataset)
    for dataset in ("ring8", "grid25", "stacked-digits", "stacked-mnist"):
        parts += _modes([run for run in whole if run.dataset == dataset], dataset)
    parts += _ablation(ablation)
    few = [run for run in runs if run.n_train is not None]
    if few:
        parts += [FEW_HEAD, *_images(few, "digits")[1:]]
    controls = [run for run in whole if is_control(run)]
    if controls:
        parts += [CONTROLS_HEAD, *_images(controls, "digits", [run for run in whole if run.dataset == "digits"])[1:]]
    return "\n\n".join(parts) + "\n"


PREFACE = """# The reference variants

One readable file each: the method, its equations and every hyper-parameter with its source. This page is written by
`python -m baselines.bands`; parameters are those of the defaults on 3x32x32 images (10 classes where the method needs labels). *data*:
square images of 8 to 256 pixels with 1 or 3 channels, 2-D points, labels where they are needed or can be used; sizes that an architecture
cannot do are refused with the nearest that it can."""
HOW_TO_READ = """## Measured bands

Median over three seeds [smallest, largest] of the EMA weights, one CPU thread, unless said otherwise. Networks are the `small` preset's on
images and the `points` preset's on mixtures: **these are bands of this repository at short budgets, to be compared with one another and
with a later run of the same suite, never with the published column**. *gain* is the median score of the untrained networks over that
of the trained ones. A seed that diverged or collapsed is counted and has no score. `smoke` is a budget of seconds: a gain near 1 there,
or images that do not differ yet and count as collapsed, say that 80 steps are few, not that a method fails. On mixtures `pacgan` with
one sample a pack is `gan` in the same networks; PacGAN's own networks see 7,680 steps here and 400,000 in the paper. The raw weights'
scores and every run's id are in [`reports/bands/runs.csv`](../reports/bands/runs.csv)."""

UNMEASURED = """## Measured bands

Not measured with these settings yet: `make bands`."""


def _gaps(runs: Sequence[Run]) -> str:
    """Which named budgets nobody has measured here."""
    measured = {(run.dataset, run.budget) for run in runs if run.n_train is None}
    missing = {dataset: [name for name in budgets if (dataset, name) not in measured] for dataset, budgets in BUDGETS.items()}
    return "Not measured yet: " + "; ".join(f"{dataset} {', '.join(names)}" for dataset, names in missing.items() if names) + "."


ABLATION_HEAD = """### Loss x regulariser: the `ablation` suite

One pair of networks, everything else equal, regularisers at their papers' weights (0.1 on ring8). {} FD·digits-probe on digits, lower is
better:"""
ABLATION_MODES = """Modes of 8 on ring8, higher is better:"""
FEW_HEAD = """### Few training images: the `few` suite on 1,000 digits of 8x8 pixels

FD·digits-probe against held-out digits, which no network saw: what learns its training images by heart scores worse here."""
STACKED = """ Modes of 1,000, counted in 26,000 samples. The generator is 16 wide; a discriminator 8 wide is D = G of PacGAN's experiment
with unrolled GANs, 4 is G/2, 2 is G/4. All rows have as many steps, with as many packs in each as the first has samples."""
REMARKS = {
    "mnist": """ Short is 400 steps here and 750 on digits. Seeds that count as diverged ended with images that look alike. Tried in
vain on `stylegan2`, seed 0, without path lengths: R1 of 20 with whole batches as groups (collapsed), of 100 (FD 959), and 1,200 steps of
16 images at half the rate (feature variance 1.3 % of the real one). The same recipes learn digits.""",
    "stacked-digits": STACKED,
    "stacked-mnist": STACKED,
}
"""What a reader must know of a data set's table."""
CONTROLS_HEAD = """### Controls: the `broken` suite on digits

Recipes that are wrong on purpose (`broken.py`), or sound ones in settings that are: what a regression test must tell from the rows above.
`ablation` with loss wasserstein is broken without a regulariser and sound with R1."""


def is_control(run: Run) -> bool:
    """Whether a run is there to be told from the methods' own: one of the ``broken`` suite that ``digits`` does not share."""
    return run.run_id in meant("broken") - meant("digits")


@lru_cache
def meant(suite: str) -> frozenset[str]:
    """Identities of the runs of a suite."""
    return frozenset(run_id(spec) for spec in load_suite(suite)[1])


def _variants() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    known = published()
    for name in reference_variants():
        origin = VARIANTS.origin(name)
        question = origin.path.read_text(encoding="utf-8").split('"""')[1].splitlines()[0]
        paper = question[question.index("(") + 1 : question.rindex(")")]
        differs = origin.summary.rpartition(" (")[0] or origin.summary
        own = (_data(name), _parameters(name), known[name]["recipe"], known[name]["number"])
        rows.append((f"[`{name}`]({origin.path.name})", paper, differs, *own))
    return rows


def reference_variants() -> list[str]:
    """Variants of this collection that a paper proposes, in the order of ``published.toml``: roughly that of publication."""
    return [name for name in published() if name in VARIANTS.targets]


def _data(name: str) -> str:
    """What a variant is for, asked of itself."""
    images = "images" if _built(name, (3, 32, 32), 0) else "images with labels"
    optional = ", labels if `conditional`" if "conditional" in defaults(name) else ""
    return ("points, " if _built(name, (2,), 0) else "") + images + optional


def _built(name: str, size: tuple[int, ...], classes: int) -> Any:
    """A variant with its defaults and no memory, without condition if it can; None of a form of data that it refuses."""
    import torch

    from ganbench.data.dataset import DataShape

    cls = VARIANTS.load(name)
    for settings in ({}, {"conditional": False}) if hasattr(cls.Config(), "conditional") and not classes else ({},):
        try:
            with torch.device("meta"):
                return cls(cls.Config(**settings), DataShape(size=size, classes=classes))
        except RequestError:
            continue
    return None


def _parameters(name: str) -> str:
    variant = _built(name, (3, 32, 32), 10)
    return " + ".join(
        f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M" for network in (variant.generator, variant.discriminator)
    )


def _images(runs: Sequence[Run], dataset: str, others: Sequence[Run] = ()) -> list[str]:
    budgets = _budgets(runs)
    rows = []
    for group in _configurations(runs):
        row = [_name(group, (*runs, *others)), _band(run.untrained for run in group)]
        for part in _parts(group, budgets):
            row += [_cell(part, "final"), _gain(part)]
        rows.append(row)
    labels = ", ".join(dict.fromkeys(run.label for run in runs if run.label))
    head = ("variant", "untrained", *(word for budget in budgets for word in (budget, "gain")))
    remark = REMARKS.get(dataset, "")
    return [f"### {dataset}\n\n{labels}, lower is better. {_lengths(budgets, dataset)}{remark}", _table(head, rows)] if rows else []


def _modes(runs: Sequence[Run], dataset: str) -> list[str]:
    known = {"hq_percent": "high quality %", "kl_all": "KL to uniform"}
    shown = {key: title for key, title in known.items() if any(getattr(run, key) is not None for run in runs)}
    rows = [
        (_name(part, runs), budget, _cell(part, "modes"), *(_band(getattr(run, key) for run in part) for key in shown))
        for group in _configurations(runs)
        for budget in _budgets(group)
        for part in _parts(group, [budget])
    ]
    head = ("variant", "budget", "modes", *shown.values())
    remark = REMARKS.get(dataset, "")
    return [f"### {dataset}\n\n{_lengths(_budgets(runs), dataset)}{remark}", _table(head, rows)] if rows else []


def _ablation(runs: Sequence[Run]) -> list[str]:
    """A row a loss, a column a regulariser; on images and on points."""
    if not runs:
        return []
    seeds = sorted({run.seed for run in runs})
    of_seeds = f"Seed {seeds[0]} alone." if len(seeds) == 1 else f"Median over seeds {', '.join(map(str, seeds))} [smallest, largest]."
    return [ABLATION_HEAD.format(of_seeds), _grid(runs, "digits", "final"), ABLATION_MODES, _grid(runs, "ring8", "modes")]


def _grid(runs: Sequence[Run], dataset: str, key: str) -> str:
    usual = defaults("ablation")
    cells: dict[tuple[str, str], list[Run]] = {}
    for run in (run for run in runs if run.dataset == dataset):
        config = {**usual, **json.loads(run.overrides)}
        cells.setdefault((config["loss"], config["regulariser"]), []).append(run)
    order = [(str(spec.variant.config["loss"]), str(spec.variant.config["regulariser"])) for spec in load_suite("ablation")[1]]
    losses, regularisers = (list(dict.fromkeys(pair[axis] for pair in order if pair in cells)) for axis in (0, 1))
    rows = [[f"`{loss}`", *(_grid_cell(cells.get((loss, one), []), key) for one in regularisers)] for loss in losses]
    return _table(["loss", *(f"`{name}`" for name in regularisers)], rows)


def _grid_cell(part: Sequence[Run], key: str) -> str:
    alone = len(part) == 1 and part[0].status == "done"
    return _figure(getattr(part[0], key)) if alone else _cell(part, key)


def _budgets(runs: Sequence[Run]) -> list[str]:
    """Budgets that were measured, the smallest first."""
    order = ("smoke", "short")
    return sorted({run.budget for run in runs}, key=lambda name: (order.index(name) if name in order else len(order), name))


def _parts(group: Sequence[Run], budgets: Sequence[str]) -> list[list[Run]]:
    return [[run for run in group if run.budget == budget] for budget in budgets]


def _configurations(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of one variant in one configuration and batch size, in the collection's order."""
    order = reference_variants()
    groups: dict[tuple[int, str, int, str], list[Run]] = {}
    for run in runs:
        place = order.index(run.variant) if run.variant in order else len(order)
        groups.setdefault((place, run.variant, run.batch_size, run.overrides), []).append(run)
    return [groups[key] for key in sorted(groups)]


def _cell(part: Sequence[Run], key: str) -> str:
    """Band of one number over the seeds of a budget, with what is unusual about them."""
    if not part:
        return "—"
    done = [run for run in part if run.status == "done"]
    lost = [run.status for run in part if run.status != "done"]
    where = sorted({run.device for run in part} - {"cpu", ""})
    remarks = [f"{len(done)} seed{'s' if len(done) > 1 else ''}"] if len(part) != SEEDS and not lost else []
    remarks += [f"{lost.count(status)} of {len(part)} {status}" for status in dict.fromkeys(lost)] + where
    return " ".join([_band(getattr(run, key) for run in done)] + ([f"({', '.join(remarks)})"] if remarks else []))


def _gain(part: Sequence[Run]) -> str:
    trained = [run.final for run in part if run.final is not None]
    untrained = [run.untrained for run in part if run.untrained is not None]
    return f"{median(untrained) / median(trained):.1f}x" if trained and untrained else "—"


def _name(group: Sequence[Run], others: Sequence[Run]) -> str:
    """The variant, with the settings in which its configurations on this data set differ."""
    variant = group[0].variant
    usual = defaults(variant)
    own, *alike = ({**usual, **json.loads(run.overrides), "batch": run.batch_size} for run in (group[0], *others) if run.variant == variant)
    shown = ", ".join(f"{key}={own[key]}" for key in sorted(own) if any(one[key] != own[key] for one in alike))
    return f"`{group[0].variant}`" + (f" ({shown})" if shown else "")


def _lengths(budgets: Sequence[str], dataset: str) -> str:
    named = [name for name in budgets if name in BUDGETS[dataset]]
    return "Budgets: " + ", ".join(f"{name} {BUDGETS[dataset][name]:,} images" for name in named) + "."


def _band(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{_figure(median(known))} [{_figure(min(known))}, {_figure(max(known))}]" if known else "—"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    left = {"variant", "loss", "paper", "what differs", "data", "recipe", "published", "budget"}
    lines = [head, ["---" if name in left else "---:" for name in head], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(arguments: Sequence[str]) -> None:
    """Adds the runs below some folders to the bank and writes README.md anew.

    Raises:
        RequestError: A folder holds no runs.
    """
    parser = argparse.ArgumentParser(prog="python -m baselines.bands", description=main.__doc__)
    parser.add_argument("runs", nargs="*", type=Path, help="folders that `ganbench run --out` wrote")
    bank = {run.run_id: run for run in (read_bank() if BANK.is_file() else [])}
    for out in parser.parse_args(arguments).runs:
        bank |= {run.run_id: run for record in records(out) if (run := run_of(record)) is not None}
    write_bank(bank.values())
    (HERE / "README.md").write_text(render(read_bank()), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RequestError as error:
        print(f"baselines.bands: {error}", file=sys.stderr)
        sys.exit(2)

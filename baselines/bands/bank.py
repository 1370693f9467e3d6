"""Which runs are kept as bands, and how does the file of them look?

The bank, ``reports/bands/runs.csv``, has one line for every run of a named budget or a multiple of the short one, and for every run
on a part of a training set.
"""

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ganbench.plan.budgets import budgets
from ganbench.plan.variant_config import defaults
from ganbench.results.record import Record

BANK = Path(__file__).parents[2] / "reports" / "bands" / "runs.csv"


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
    version: int
    """Of the variant."""
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
    feature_variance: float | None
    """Variance of the features of the EMA weights' images as a share of the real one; None for runs before it was kept."""
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
        version=spec.variant.version,
        overrides=json.dumps(differing),
        batch_size=spec.training.batch_size,
        label=start.label if start else "",
        untrained=start.value if start else None,
        final=final.get("ema"),
        final_raw=final.get("raw"),
        feature_variance=found.get("feature_variance_ratio"),
        modes=found.get("modes"),
        hq_percent=found.get("hq_percent"),
        kl_all=found.get("kl_all"),
        device=timing.device if timing else "",
    )


def _budget(dataset: str, images: int) -> str | None:
    """``short``, or ``4x short`` where a batch and a budget were multiplied alike, or None."""
    named = budgets(dataset)
    exact = [name for name, length in named.items() if length == images and name != "paper"]
    multiple, rest = divmod(images, named.get("short", images + 1))
    return exact[0] if exact else f"{multiple}x short" if multiple and not rest else None


def without_superseded(runs: Iterable[Run]) -> list[Run]:
    """Without the runs of an older version of their variant, once a newer one was measured with the same data, length and seed."""
    runs = list(runs)
    newest: dict[tuple[object, ...], int] = {}
    for run in runs:
        newest[_band(run)] = max(run.version, newest.get(_band(run), 0))
    return [run for run in runs if run.version == newest[_band(run)]]


def _band(run: Run) -> tuple[object, ...]:
    return run.variant, run.dataset, run.n_train, run.budget, run.seed


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

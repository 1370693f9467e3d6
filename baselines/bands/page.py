"""What does the page of bands say? (README.md: the bank's runs, the variants' docstrings and ``published.toml`` in ``page.md.j2``)"""

import json
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from baselines.bands.bank import Run
from baselines.conformance.results import Result, read_results
from ganbench.errors import RequestError
from ganbench.plan.budgets import budgets
from ganbench.plan.spec import run_id
from ganbench.plan.suite import load_suite
from ganbench.plan.variant_config import defaults, installed_version
from ganbench.registry import DATASETS, VARIANTS

HERE = Path(__file__).parents[1]
"""The collection, whose README.md the page is."""
SEEDS = 3
"""Of a band, unless its cell says otherwise."""
CONTROLS = ("ablation", "broken_")
"""Starts of the names of variants that no paper proposes."""


ABLATED = {"digits": "final", "ring8": "modes"}
"""Data sets of the ablation, and what is measured on each."""

Table = list[list[str]]
"""Rows of cells, the first of which are the headings; no row where nothing was measured."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """What was measured on one data set."""

    dataset: str
    labels: str
    """The ranking metric, as tables name it."""
    lengths: str
    """The named budgets in images."""
    tables: dict[str, Table]
    """By budget, the smallest first; under an empty name where one table has them all."""


def published() -> dict[str, dict[str, str]]:
    """``published.toml``, whose first lines say what it has of every variant; under ``protocols``, how marked numbers were got."""
    return tomllib.loads((HERE / "published.toml").read_text(encoding="utf-8"))


def render(runs: Sequence[Run]) -> str:
    """README.md of a bank."""
    swept = meant("ablation")
    whole = [run for run in runs if run.n_train is None and run.run_id not in swept]
    methods, controls = ([run for run in whole if is_control(run) is wanted] for wanted in (False, True))
    ablation, few = [run for run in runs if run.run_id in swept], [run for run in runs if run.n_train is not None]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.md.j2").render(
        variants=_variants(),
        differences=_differences(),
        protocols=published()["protocols"],
        measured=bool(runs),
        gaps=_gaps(runs),
        images=_sections(_by_budget, methods, ("digits", "mnist", "cifar10")),
        modes=_sections(lambda own: {"": _modes(own)}, whole, ("ring8", "grid25", "stacked-digits", "stacked-mnist")),
        seeds=sorted({run.seed for run in ablation}),
        grids={dataset: _grid([run for run in ablation if run.dataset == dataset], key) for dataset, key in ABLATED.items()},
        few=_images(few),
        conformance=_conformance(),
        controls=_images(controls, [run for run in whole if run.dataset == "digits"]),
    )


def _sections(tables: Callable[[Sequence[Run]], dict[str, Table]], runs: Sequence[Run], datasets: Sequence[str]) -> list[Section]:
    """What was measured on each of some data sets."""
    sections = []
    for dataset in datasets:
        own = [run for run in runs if run.dataset == dataset]
        if own:
            labels = ", ".join(dict.fromkeys(run.label for run in own if run.label))
            sections.append(Section(dataset=dataset, labels=labels, lengths=_lengths(_budgets(own), dataset), tables=tables(own)))
    return sections


def _gaps(runs: Sequence[Run]) -> str:
    """Which named budgets nobody has measured here."""
    measured = {(run.dataset, run.budget) for run in runs if run.n_train is None}
    missing = {dataset: [name for name in budgets(dataset) if (dataset, name) not in measured] for dataset in DATASETS.builtins}
    return "; ".join(f"{dataset} {', '.join(names)}" for dataset, names in missing.items() if names)


def is_control(run: Run) -> bool:
    """Whether a run is to be told from the methods' own: of the ``broken`` suite and not of ``digits``, in any version."""
    return run.variant.startswith(CONTROLS) or run.run_id in meant("broken") - meant("digits")


@lru_cache
def meant(suite: str) -> frozenset[str]:
    """Identities of the runs of a suite."""
    return frozenset(run_id(spec) for spec in load_suite(suite)[1])


def _variants() -> Table:
    rows = [["variant", "paper", "what differs", "data", "parameters G + D", "recipe", "published"]]
    known = published()
    for name in reference_variants():
        origin = VARIANTS.origin(name)
        question = origin.path.read_text(encoding="utf-8").split('"""')[1].splitlines()[0]
        paper = question[question.index("(") + 1 : question.rindex(")")]
        differs = origin.summary.rpartition(" (")[0] or origin.summary
        there = f". *There:* {known[name]['differs']}" if "differs" in known[name] else ""
        own = (_data(name), _parameters(name), known[name]["recipe"], known[name]["number"] + there)
        rows.append([f"[`{name}`]({origin.path.name})", paper, differs, *own])
    return rows


def _differences() -> Table:
    """Where each variant knowingly leaves its paper and its authors' code."""
    known = published()
    return [["variant", "here"], *([f"`{name}`", known[name]["here"]] for name in reference_variants())]


def _conformance() -> Table:
    """What was held against public code, a row a variant and code."""
    rows = [["variant", "public code", "what", "apart", "parameters", "theirs", "remark"]]
    groups: dict[tuple[int, str, str], list[Result]] = {}
    order = [*reference_variants(), *VARIANTS.names()]
    for result in read_results():
        groups.setdefault((order.index(result.variant), result.variant, f"{result.code} {result.version}"), []).append(result)
    for (_, variant, code), results in sorted(groups.items()):
        sizes = (" + ".join(_sizes(results, key)) for key in ("ours", "theirs"))
        remarks = "; ".join(dict.fromkeys(result.remark for result in results if result.remark))
        parts = ", ".join(result.part for result in results)
        rows.append([f"`{variant}`", code, parts, f"{max(result.difference for result in results):.0e}", *sizes, remarks])
    return rows


def _sizes(results: Sequence[Result], key: str) -> list[str]:
    known = [f"{value:,}" for result in results if (value := getattr(result, key)) is not None]
    return list(dict.fromkeys(known)) or ["—"]


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


def _by_budget(runs: Sequence[Run]) -> dict[str, Table]:
    return {budget: _images([run for run in runs if run.budget == budget]) for budget in _budgets(runs)}


def _images(runs: Sequence[Run], others: Sequence[Run] = ()) -> Table:
    """Scores and gains at one budget; ``others`` are runs in another table, from which a row's name tells it."""
    varied = any(run.feature_variance is not None for run in runs)
    rows = [
        [
            _name(group, (*runs, *others)),
            _band(run.untrained for run in group),
            _cell(group, "final"),
            _gain(group),
            *([_variance(group)] if varied else []),
        ]
        for group in _configurations(runs)
    ]
    return [["variant", "untrained", "trained", "gain", *(["variance"] if varied else [])], *rows] if rows else []


def _modes(runs: Sequence[Run]) -> Table:
    known = {"hq_percent": "high quality %", "kl_all": "KL to uniform"}
    shown = {key: title for key, title in known.items() if any(getattr(run, key) is not None for run in runs)}
    rows = [
        [_name(part, runs), budget, _cell(part, "modes"), *(_band(getattr(run, key) for run in part) for key in shown)]
        for group in _configurations(runs)
        for budget in _budgets(group)
        for part in [[run for run in group if run.budget == budget]]
    ]
    return [["variant", "budget", "modes", *shown.values()], *rows]


def _grid(runs: Sequence[Run], key: str) -> Table:
    """A row a loss, a column a regulariser."""
    usual = defaults("ablation")
    cells: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        config = {**usual, **json.loads(run.overrides)}
        cells.setdefault((config["loss"], config["regulariser"]), []).append(run)
    order = [(str(spec.variant.config["loss"]), str(spec.variant.config["regulariser"])) for spec in load_suite("ablation")[1]]
    losses, regularisers = (list(dict.fromkeys(pair[axis] for pair in order if pair in cells)) for axis in (0, 1))
    rows = [[f"`{loss}`", *(_grid_cell(cells.get((loss, one), []), key) for one in regularisers)] for loss in losses]
    return [["loss", *(f"`{name}`" for name in regularisers)], *rows]


def _grid_cell(part: Sequence[Run], key: str) -> str:
    alone = len(part) == 1 and part[0].status == "done"
    return _figure(getattr(part[0], key)) if alone else _cell(part, key)


def _budgets(runs: Sequence[Run]) -> list[str]:
    """Budgets that were measured, the smallest first."""
    order = ("smoke", "short")
    return sorted({run.budget for run in runs}, key=lambda name: (order.index(name) if name in order else len(order), name))


def _configurations(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of one version of a variant in one configuration and batch size, in the collection's order."""
    order = reference_variants()
    groups: dict[tuple[int, str, int, int, str], list[Run]] = {}
    for run in runs:
        place = order.index(run.variant) if run.variant in order else len(order)
        groups.setdefault((place, run.variant, run.version, run.batch_size, run.overrides), []).append(run)
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


def _variance(part: Sequence[Run]) -> str:
    known = [run.feature_variance for run in part if run.status == "done" and run.feature_variance is not None]
    return _figure(median(known)) if known else "—"


def _name(group: Sequence[Run], others: Sequence[Run]) -> str:
    """The variant, with the settings in which its configurations on this data set differ."""
    variant = group[0].variant
    usual = defaults(variant)
    own, *alike = (
        {**usual, **json.loads(run.overrides), "batch": run.batch_size, "version": run.version}
        for run in (group[0], *others)
        if run.variant == variant
    )
    differing = {key for key in own if any(one.get(key) != own[key] for one in alike)}
    if own["version"] != installed_version(variant):
        differing.add("version")
    shown = ", ".join(f"{key}={own[key]}" for key in sorted(differing))
    return f"`{group[0].variant}`" + (f" ({shown})" if shown else "")


def _lengths(measured: Sequence[str], dataset: str) -> str:
    named = {str(name): images for name, images in budgets(dataset).items()}
    return ", ".join(f"{name} {named[name]:,} images" for name in measured if name in named)


def _band(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{_figure(median(known))} [{_figure(min(known))}, {_figure(max(known))}]" if known else "—"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

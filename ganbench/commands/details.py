"""What does ``ganbench list KIND NAME`` show about one registered name? (read from its source, without importing torch)"""

import json
from dataclasses import asdict
from typing import Any, get_args

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ganbench.commands.output import print_json
from ganbench.plan.budgets import budgets
from ganbench.plan.facts import Role, facts
from ganbench.plan.hyper_parameters import about, hyper_parameters
from ganbench.plan.metric_names import STANDARD, formula
from ganbench.plan.variant_config import config_class, variant_target, version_of
from ganbench.registry import DATASETS, METRICS, PUBLICATIONS, VARIANTS, Registry
from ganbench.report.published import publication_tables
from ganbench.report.terminal import to_terminal
from ganbench.results.published import read_publication

Known = dict[str, Any]
"""Details of a registered name as plain data, in the order in which they are shown."""
LABELS = {"depends_on_ratio": "depends on n generated / n real", "minimum_n": "smallest n"}
"""What a person reads for keys that are no words of their own."""


def show(registry: Registry, name: str, summary: str, origin: str, as_json: bool, console: Console) -> None:
    """Shows the details of a registered name, or of a name in a file.

    Raises:
        RequestError: The source cannot be read.
    """
    known = known_of(registry, name)
    if as_json:
        print_json({"name": name, "summary": summary, "origin": origin, **known})
        return
    if registry is PUBLICATIONS:
        console.print(to_terminal(publication_tables(read_publication(name)), console.width))
        return
    console.print(Text(name, style="bold"))
    console.print(Text(summary))
    console.print(Text(origin, style="dim"), soft_wrap=True)
    about, options = known.pop("about", ""), known.pop("options", [])
    for paragraph in about.split("\n\n") if about else ():
        console.print()
        console.print(Text(" ".join(paragraph.split())))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for key, value in known.items():
        if value not in ([], {}):
            grid.add_row(Text(LABELS.get(key, key.replace("_", " ")), style="dim"), _said(key, value))
    for option in options:
        head = Text.assemble((option["name"], "bold"), f" = {_toml(option['default'])}")
        grid.add_row(head, Text.assemble((option["type"], "cyan"), "\n" * bool(option["meaning"]), option["meaning"]))
    if grid.row_count:
        console.print()
        console.print(grid)


def known_of(registry: Registry, name: str) -> Known:
    """Details of a registered name besides its summary and origin."""
    if registry is VARIANTS:
        target = variant_target(name)
        return {
            "about": about(target),
            "version": version_of(config_class(target)),
            "options": [asdict(option) for option in hyper_parameters(target)],
        }
    if registry is METRICS:
        return _metric(name)
    if registry is PUBLICATIONS:
        return asdict(read_publication(name))
    if registry is DATASETS:
        return {"budgets": dict(budgets(name))}
    return {}


def _metric(name: str) -> Known:
    declared = facts(name)
    return {
        "about": METRICS.origin(formula(name)).about,
        **({"formula": formula(name), "extractor": STANDARD[name].extractor} if name in STANDARD else {}),
        **declared.of_scores(),
        "depends_on_ratio": declared.depends_on_ratio,
        "minimum_n": declared.minimum_n,
        "needs": {role: list(declared.needs(role)) for role in get_args(Role) if declared.needs(role)},
        "also_called": [one for one in STANDARD if formula(one) == name],
    }


def _said(key: str, value: Any) -> str:
    """Formats a value for a person."""
    if key == "bounds":
        if value == (None, None):
            return "none"
        return " to ".join("no limit" if bound is None else f"{bound:g}" for bound in value)
    if key == "higher_is_better" and value is None:
        return "neither higher nor lower: a value between is best"
    if isinstance(value, dict):
        return "; ".join(f"{name} {_said(name, part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_said(key, part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _toml(value: Any) -> str:
    """Formats a default as in a suite's TOML file."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:_}"
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False)

"""What does ``ganbench list`` do? (imports nothing heavy: it is the first thing that people try)"""

import tomllib
from importlib.resources import files

from rich import box
from rich.console import Console
from rich.table import Table

from ganbench.commands.output import print_json
from ganbench.plan.metric_names import STANDARD
from ganbench.registry import DATASETS, EXTRACTORS, METRICS, PRESETS, SUITES, VARIANTS, Registry

REGISTRIES: dict[str, Registry] = {
    "variants": VARIANTS,
    "datasets": DATASETS,
    "extractors": EXTRACTORS,
    "metrics": METRICS,
    "suites": SUITES,
    "presets": PRESETS,
}

WIDTH = 160
"""Characters of a line that no terminal bounds."""


def list_registry(kind: str, as_json: bool) -> None:
    """Lists what is registered."""
    registry = REGISTRIES[kind]
    if registry in (SUITES, PRESETS):
        rows = [(name, _description(registry, name), str(registry.target(name))) for name in registry.names()]
    else:
        origins = [(name, registry.origin(name)) for name in registry.names()]
        rows = [(name, origin.summary, f"{registry.target(name).place}:{origin.line}") for name, origin in origins]
    if kind == "metrics":
        rows += [(name, f"{one.label}: {one.metric} with {one.extractor}", "ganbench.plan.metric_names") for name, one in STANDARD.items()]
    if as_json:
        print_json([{"name": name, "summary": summary, "origin": origin} for name, summary, origin in rows])
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("what it is")
    table.add_column("defined in", style="dim", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(markup=False)
    console = console if console.is_terminal else Console(markup=False, width=WIDTH)
    console.print(table)


def _description(registry: Registry, name: str) -> str:
    target = registry.target(name)
    text = files(target.place).joinpath(f"{target.attribute}.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text).get("description", ""))

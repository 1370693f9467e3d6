"""What does ``ganbench list`` do? (imports no heavy packages, so that it starts fast)"""

import tomllib
from importlib.resources import files

from rich import box
from rich.table import Table

from ganbench.commands.details import show
from ganbench.commands.output import PlainConsole, print_json
from ganbench.plan.metric_names import STANDARD
from ganbench.registry import DATASETS, DIAGNOSTICS, EXTRACTORS, GAMES, METRICS, PRESETS, PUBLICATIONS, SINKS, SUITES, VARIANTS, Registry

REGISTRIES: dict[str, Registry] = {
    "variants": VARIANTS,
    "datasets": DATASETS,
    "extractors": EXTRACTORS,
    "metrics": METRICS,
    "diagnostics": DIAGNOSTICS,
    "suites": SUITES,
    "presets": PRESETS,
    "games": GAMES,
    "publications": PUBLICATIONS,
    "sinks": SINKS,
}

ROOMY = 120
"""Terminal width, in characters, from which the place of a definition is also shown."""


def list_registry(kind: str, name: str | None, as_json: bool) -> None:
    """Lists all registered names of a kind, or shows one in detail.

    Raises:
        RequestError: The name is not registered, or its source cannot be read.
    """
    registry = REGISTRIES[kind]
    if name is not None:
        show(registry, *_row(registry, name), as_json, PlainConsole(stderr=False))
        return
    rows = [_row(registry, one) for one in [*registry.names(), *(STANDARD if registry is METRICS else ())]]
    if as_json:
        print_json([{"name": name, "summary": summary, "origin": origin} for name, summary, origin in rows])
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("what it is")
    console = PlainConsole(stderr=False)
    columns = 3 if console.width >= ROOMY else 2  # a narrow terminal has no room for the third column
    if columns == 3:
        table.add_column("defined in", style="dim", no_wrap=True)
    for row in rows:
        table.add_row(*row[:columns])
    console.print(table)
    console.print(f"`ganbench list {kind} NAME` shows one of them.", style="dim")


def _row(registry: Registry, name: str) -> tuple[str, str, str]:
    """Name, one-line summary and place of definition."""
    if registry in (SUITES, PRESETS, PUBLICATIONS):
        return name, _description(registry, name), str(registry.target(name))
    if registry is METRICS and name in STANDARD:
        one = STANDARD[name]
        return name, f"{one.label}: {one.metric} with {one.extractor}", "ganbench.plan.metric_names"
    origin = registry.origin(name)
    return name, origin.summary, f"{registry.target(name).place}:{origin.line}"


def _description(registry: Registry, name: str) -> str:
    target = registry.target(name)
    text = files(target.place).joinpath(f"{target.attribute}.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text).get("description", ""))

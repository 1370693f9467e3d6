"""How are the different configurations of a variant named?"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ganbench.plan.spec import RunSpec


def setup(spec: RunSpec) -> dict[str, Any]:
    """All settings that identify a run except its data set, evaluation and seed, in one flat dictionary."""
    config = {f"config.{name}": value for name, value in spec.variant.config.items()}
    training = {f"training.{name}": value for name, value in asdict(spec.training).items()}
    return {"variant": spec.variant.name, "content": spec.variant.content, **config, **training, "budget_images": spec.budget_images}


def setup_key(spec: RunSpec) -> str:
    """The setup as a string, for grouping."""
    return json.dumps(setup(spec), sort_keys=True, default=list)


def names(specs: Sequence[RunSpec]) -> list[str]:
    """A name for each run: its variant, and the settings that differ among the runs of that variant on the same data set.

    Args:
        specs: All runs that appear together, in a table or figure.
    """
    groups: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for spec in specs:
        groups.setdefault((spec.dataset.name, spec.variant.name), {})[setup_key(spec)] = setup(spec)
    differing = {group: _differing(list(setups.values())) for group, setups in groups.items()}
    return [_name(setup(spec), differing[spec.dataset.name, spec.variant.name]) for spec in specs]


def _differing(setups: Sequence[dict[str, Any]]) -> list[str]:
    first = setups[0]
    return [key for key in first if key != "content" and any(one.get(key) != first[key] for one in setups)]


def _name(own: dict[str, Any], differing: Sequence[str]) -> str:
    settings = ", ".join(f"{key.removeprefix('config.').removeprefix('training.')}={own[key]}" for key in differing)
    return f"{own['variant']} ({settings})" if settings else str(own["variant"])

"""How are the different configurations of a variant named?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ganbench.plan.spec import RunSpec
from ganbench.plan.variant_config import outdated


def setup(spec: RunSpec) -> dict[str, Any]:
    """All settings that identify a run except its data set, evaluation and seed, in one flat dictionary."""
    config = {f"config.{name}": value for name, value in spec.variant.config.items()}
    training = {f"training.{name}": value for name, value in asdict(spec.training).items()}
    own = {"variant": spec.variant.name, "content": spec.variant.content, "version": spec.variant.version}
    return {**own, **config, **training, "budget_images": spec.budget_images}


def setup_key(spec: RunSpec) -> str:
    """The setup as a string, for grouping."""
    return _key(setup(spec))


def _key(own: Mapping[str, Any]) -> str:
    return json.dumps(own, sort_keys=True, default=list)


def names(specs: Sequence[RunSpec]) -> list[str]:
    """A name for each run: its variant, and the settings that differ among the runs of that variant on the same data set.

    The version is also named where another one is installed, since that one would train another network.

    Args:
        specs: All runs that appear together, in a table or figure.
    """
    own = [setup(spec) for spec in specs]
    groups: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for spec, one in zip(specs, own, strict=True):
        groups.setdefault((spec.dataset.name, spec.variant.name), {})[_key(one)] = one
    differing = {group: _differing(list(setups.values())) for group, setups in groups.items()}
    return [_name(spec, one, differing[spec.dataset.name, spec.variant.name]) for spec, one in zip(specs, own, strict=True)]


def _differing(setups: Sequence[dict[str, Any]]) -> list[str]:
    first = setups[0]
    keys = dict.fromkeys(key for one in setups for key in one)  # an option that joined later is not in every setup
    return [key for key in keys if key != "content" and any(one.get(key) != first.get(key) for one in setups)]


def _name(spec: RunSpec, own: Mapping[str, Any], differing: Sequence[str]) -> str:
    shown = differing if "version" in differing or not outdated(spec.variant) else ["version", *differing]
    settings = ", ".join(f"{key.removeprefix('config.').removeprefix('training.')}={own[key]}" for key in shown if key in own)
    return f"{spec.variant.name} ({settings})" if settings else spec.variant.name

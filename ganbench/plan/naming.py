"""How are the different configurations of a variant named?"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ganbench.plan.spec import RunSpec
from ganbench.plan.variant_config import outdated

FEW = 3
"""Settings that a name holds as they are; of more, it holds as many as tell the configurations apart."""
UNUSUAL = object()
"""In place of a value that goes without saying."""


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

    Where more than three differ, one stands for all that tell the same runs apart (a choice among words, if there is one), and a value
    that most configurations have goes without saying. The version is also named where another one is installed, since that one would
    train another network.

    Args:
        specs: All runs that appear together, in a table or figure.
    """
    own = [setup(spec) for spec in specs]
    groups: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for spec, one in zip(specs, own, strict=True):
        groups.setdefault((spec.dataset.name, spec.variant.name), {})[_key(one)] = one
    differing = {group: _differing(list(setups.values())) for group, setups in groups.items()}
    return [_name(spec, one, differing[spec.dataset.name, spec.variant.name]) for spec, one in zip(specs, own, strict=True)]


def _differing(setups: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The settings that names hold, each with the value that goes without saying; UNUSUAL without such a value."""
    first = setups[0]
    keys = dict.fromkeys(key for one in setups for key in one)  # an option that joined later is not in every setup
    found = [key for key in keys if key != "content" and any(one.get(key) != first.get(key) for one in setups)]
    if len(found) <= FEW:
        return dict.fromkeys(found, UNUSUAL)
    alike: dict[tuple[int, ...], list[str]] = {}
    for key in found:
        places: dict[str, int] = {}
        alike.setdefault(tuple(places.setdefault(repr(one.get(key)), len(places)) for one in setups), []).append(key)
    telling = {next((key for key in group if isinstance(first.get(key), str)), group[0]) for group in alike.values()}
    return {key: _usual([one.get(key) for one in setups]) for key in found if key in telling}


def _usual(values: Sequence[Any]) -> Any:
    """The value of more than half; UNUSUAL if there is none."""
    ((most, count),) = Counter(map(repr, values)).most_common(1)
    return next(value for value in values if repr(value) == most) if 2 * count > len(values) else UNUSUAL


def _name(spec: RunSpec, own: Mapping[str, Any], differing: Mapping[str, Any]) -> str:
    shown = differing if "version" in differing or not outdated(spec.variant) else {"version": UNUSUAL, **differing}
    told = [key for key, usual in shown.items() if key in own and (usual is UNUSUAL or own[key] != usual)]
    settings = ", ".join(f"{key.removeprefix('config.').removeprefix('training.')}={own[key]}" for key in told)
    return f"{spec.variant.name} ({settings})" if settings else spec.variant.name

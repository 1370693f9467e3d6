"""How do ``--set`` and ``axes`` change the table of a suite? (before anything of it is validated)"""

import copy
import itertools
from collections.abc import Sequence
from typing import Any

from ganbench.errors import RequestError
from ganbench.plan import size
from ganbench.plan.variant_config import called, meant
from ganbench.storage import parsed_toml


def with_axes(table: dict[str, Any], where: str) -> dict[str, Any]:
    """Replaces every matrix that has ``axes`` by one matrix for each combination of their values.

    Raises:
        RequestError: An axis is not a list of values.
    """
    matrices = table.get("matrix")
    if not isinstance(matrices, list):
        return table  # invalid; the validation that follows reports it
    size.check(matrices, where)
    expanded: list[Any] = []
    for matrix in matrices:
        axes = matrix.get("axes", {}) if isinstance(matrix, dict) else {}
        if not isinstance(axes, dict) or any(not isinstance(values, list) or not values for values in axes.values()):
            raise RequestError(f'{where}: axes must be a table of lists, for example axes = {{ "training.batch_size" = [16, 64] }}')
        for values in itertools.product(*axes.values()):
            one = copy.deepcopy(matrix)
            if isinstance(one, dict):
                one.pop("axes", None)
            for key, value in zip(axes, values, strict=True):
                path, targets = _targets(table, [one], key, f"{where}: axes")
                for target in targets:
                    _put(target, path, value, f"{where}: axes.{key}")
            expanded.append(one)
    return {**table, "matrix": expanded}


def apply_setting(table: dict[str, Any], setting: str) -> None:
    """Applies one ``--set key.path=value`` to a suite's table.

    Raises:
        RequestError: The setting has another form.
    """
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise RequestError(f"--set {setting}: write key.path=value, for example --set training.batch_size=32")
    try:
        value = parsed_toml(f"value = {text}", f"--set {key}")["value"]
    except RequestError:
        value = text  # a bare word is a string
    matrices = table.get("matrix", [])
    if not isinstance(matrices, list) or not all(isinstance(matrix, dict) for matrix in matrices):
        return  # invalid; the validation that follows reports it
    path, targets = _targets(table, matrices, key.strip(), "--set")
    for target in targets:
        _put(target, path, value, f"--set {setting}")
    for matrix in matrices:  # a key that is set is no longer an axis
        if isinstance(matrix.get("axes"), dict):
            matrix["axes"].pop(key.strip(), None)


RIVALS = {"budget": "budget_images", "budget_images": "budget"}
"""Mutually exclusive keys of a matrix: setting one removes the other."""


def _put(target: dict[str, Any], path: Sequence[str], value: Any, where: str) -> None:
    if len(path) == 1 and path[0] in RIVALS:
        target.pop(RIVALS[path[0]], None)
    for part in path[:-1]:
        target = target.setdefault(part, {})
        if not isinstance(target, dict):
            raise RequestError(f"{where}: {part!r} holds a value, not a table")
    target[path[-1]] = value


def _targets(table: dict[str, Any], matrices: list[dict[str, Any]], key: str, where: str) -> tuple[list[str], list[dict[str, Any]]]:
    """The path of a setting, and the tables that it changes: the suite's own, or all matrices to which it applies."""
    path = key.split(".")
    if path[0] in ("name", "description") or (path[0] == "datasets" and len(path) > 1):
        return path, [table]
    if path[0] != "config" or len(path) == 1:
        return path, matrices
    listing = [matrix for matrix in matrices if isinstance(matrix.get("variants"), list)]
    variants = {str(name) for matrix in listing for name in matrix["variants"]}
    if not variants:
        return path, []  # invalid; the validation that follows reports it
    known = {one for name in variants for one in called(name)}
    begun = [one for one in known if key.startswith(f"config.{one}.")]  # the name of a variant from a file contains dots itself
    said = max(begun, key=len, default=path[1])
    name = meant(said, sorted(variants), f"variant in {where}")
    return ["config", name, *key.removeprefix(f"config.{said}.").split(".")], [matrix for matrix in listing if name in matrix["variants"]]

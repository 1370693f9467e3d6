"""Which hyper-parameters does a variant have, without importing torch?

A plan needs every default, and importing a variant's module imports torch. A ``Config`` uses the standard
library and ``annotated_types`` only (the contract says so), so that its class can be cut out of the source and run alone. It may
inherit another variant's (``class Config(DCGAN.Config)``), which is then cut out of its own source.
"""

import ast
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from ganbench.errors import RequestError, UnknownName
from ganbench.plan.spec import ConfigValue, VariantSpec
from ganbench.plan.validation import validated
from ganbench.registry import VARIANTS
from ganbench.targets import Target

STANDARD = {"__future__", "dataclasses", "typing", "math", "collections", "annotated_types"}
"""Modules that a Config may use."""


def variant_target(name: str, folder: Path = Path()) -> Target:
    """Finds a variant's class.

    Args:
        name: Registered name, or ``path/to/file.py:Class``.
        folder: Where a relative path starts.

    Raises:
        UnknownName: Nobody registered it.
        RequestError: The file is missing.
    """
    target = VARIANTS.target(name)
    return target.below(folder) if target.is_file else target


def variant_spec(name: str, overrides: Mapping[str, ConfigValue], where: str, folder: Path = Path()) -> VariantSpec:
    """A variant with its full configuration: its defaults with overrides in their place.

    Args:
        name: Registered name, or ``path/to/file.py:Class``.
        overrides: Hyper-parameters by name.
        where: Place of the overrides, for messages.
        folder: Where a relative path starts.

    Raises:
        UnknownName: Nobody registered the variant.
        RequestError: An override is unknown or has the wrong type, or the file is missing or defines no Config.
    """
    target = variant_target(name, folder)
    config = asdict(validated(config_class(target), overrides, where))
    if not target.is_file:
        return VariantSpec(name=name, config=config)
    return VariantSpec(name=f"{target.path.name}:{target.attribute}", config=config, path=str(target.path), content=target.content)


def defaults(name: str) -> Mapping[str, ConfigValue]:
    """The configuration of a registered variant where nobody overrides anything.

    >>> defaults("dcgan")["latent_dim"]
    100
    """
    return variant_spec(name, {}, name).config


def config_class(target: Target) -> Any:
    """The variant's ``Config``, without importing its module.

    Raises:
        UnknownName: The file defines no such class.
        RequestError: The class has no Config, or one that needs more than the standard library or inherits what cannot be read.
    """
    file, (tree, config) = target.source, config_definition(target)
    imports: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) and _standard(node)]
    module = ModuleType(f"ganbench_config_{target.attribute}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}")
    sys.modules[module.__name__] = module  # dataclasses and pydantic look annotations up there
    for name, home in inherited(target).items():
        try:
            setattr(module, name, SimpleNamespace(Config=config_class(home)))
        except RequestError as error:
            raise RequestError(f"{file.name}: {target.attribute}.Config inherits {name}.Config, which cannot be read: {error}") from None
    try:
        exec(compile(ast.Module([*imports, config], []), str(file), "exec"), vars(module))
    except Exception as error:
        raise RequestError(
            f"{file.name}: {target.attribute}.Config may use the standard library only, and nothing that raises ({error})"
        ) from None
    if not is_dataclass(module.Config):
        raise RequestError(f"{file.name}: {target.attribute}.Config is no dataclass; see CONTRIBUTING.md, 'Add a variant'")
    return module.Config


def config_definition(target: Target) -> tuple[ast.Module, ast.ClassDef]:
    """The file that defines a variant, and the ``Config`` in it, as syntax trees.

    Raises:
        UnknownName: The file defines no such class.
        RequestError: The file is no Python, or the class has no Config.
    """
    file, tree = target.source, target.tree
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if target.attribute not in classes:
        raise UnknownName(f"class in {file.name}", target.attribute, classes)
    config = next((n for n in classes[target.attribute].body if isinstance(n, ast.ClassDef) and n.name == "Config"), None)
    if config is None:
        raise RequestError(f"{file.name}: {target.attribute} has no Config of its own; see CONTRIBUTING.md, 'Add a variant'")
    return tree, config


def inherited(target: Target) -> dict[str, Target]:
    """Variants whose Config a variant's own one inherits, by their names in its file.

    Raises:
        RequestError: It inherits itself.
    """
    tree, config = config_definition(target)
    imported = {alias.asname or alias.name: (_module(node, target), alias.name) for node in tree.body if isinstance(node, ast.ImportFrom)
                for alias in node.names}  # fmt: skip
    names = [base.value.id for base in config.bases
             if isinstance(base, ast.Attribute) and base.attr == "Config" and isinstance(base.value, ast.Name)]  # fmt: skip
    homes = {name: Target(*imported.get(name, (target.place, name))) for name in names}
    if target in homes.values():
        raise RequestError(f"{target.source.name}: {target.attribute}.Config inherits itself; name another variant's")
    return homes


def _module(node: ast.ImportFrom, target: Target) -> str:
    """The module, or the file beside the target's own, that an import names."""
    name = "." * node.level + (node.module or "")
    if target.is_file:
        beside = target.path.with_name(f"{name}.py")
        return str(beside) if beside.is_file() else name
    package = target.place if target.source.name == "__init__.py" else target.place.rpartition(".")[0]
    return resolve_name(name, package) if node.level else name


def load_variant(spec: VariantSpec) -> Any:
    """Imports a variant's class (and torch with it).

    Raises:
        RequestError: It cannot be imported, or its file has changed since the spec was made.
    """
    target = class_target(spec)
    if target.is_file and target.path.is_file() and target.content != spec.content:
        raise RequestError(
            f"{target.path}: has changed since this run was planned; run the suite again, which gives the changed file a run of its own"
        )
    return target.load() if target.is_file else VARIANTS.load(spec.name)


def class_target(spec: VariantSpec) -> Target:
    """Where the class of a run's variant is defined."""
    return VARIANTS.target(spec.name) if spec.path is None else Target(spec.path, Target.parse(spec.name).attribute)


def _standard(node: ast.Import | ast.ImportFrom) -> bool:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return all(name.partition(".")[0] in STANDARD for name in names)

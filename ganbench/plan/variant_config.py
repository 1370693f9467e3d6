"""Which hyper-parameters does a variant have, without importing torch?

A plan needs every default, and importing a variant's module imports torch. A ``Config`` uses the standard
library and ``annotated_types`` only (the contract says so), so that its class can be cut out of the source and run alone.
"""

import ast
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ganbench.errors import RequestError, UnknownName
from ganbench.plan.spec import ConfigValue, VariantSpec
from ganbench.plan.validation import validated
from ganbench.registry import VARIANTS, load_file_target, source_path, split_file_target

STANDARD = {"__future__", "dataclasses", "typing", "math", "collections", "annotated_types"}
"""Modules that a Config may use."""


@dataclass(frozen=True, kw_only=True)
class VariantSource:
    """Where a variant's class is written down."""

    name: str
    """As it stands in a spec: a registered name, or ``file.py:Class`` without folders."""
    attribute: str
    file: Path
    path: str | None = None
    """Of an unregistered file; None for a registered variant."""
    content: str | None = None


def variant_source(name: str, folder: Path) -> VariantSource:
    """Finds a variant's class.

    Args:
        name: Registered name, or ``path/to/file.py:Class``.
        folder: Where a relative path starts.

    Raises:
        UnknownName: Nobody registered it.
        RequestError: The file is missing.
    """
    target = split_file_target(name)
    if target is None:
        module, _, attribute = VARIANTS.target(name).partition(":")
        return VariantSource(name=name, attribute=attribute, file=source_path(module))
    file = (folder / target[0].expanduser()).resolve()
    if not file.is_file():
        raise RequestError(f"{file}: no such file; a method from a file is written path/to/file.py:ClassName")
    content = hashlib.sha256(file.read_bytes()).hexdigest()
    return VariantSource(name=f"{file.name}:{target[1]}", attribute=target[1], file=file, path=str(file), content=content)


def resolved_config(source: VariantSource, overrides: Mapping[str, ConfigValue], where: str) -> dict[str, ConfigValue]:
    """A variant's full configuration: its defaults with overrides in their place.

    Raises:
        RequestError: An override is unknown or has the wrong type.
    """
    return asdict(validated(config_class(source), overrides, where))


def config_class(source: VariantSource) -> Any:
    """The variant's ``Config``, without importing its module.

    Raises:
        UnknownName: The file defines no such class.
        RequestError: The class has no Config, or one that needs more than the standard library.
    """
    try:
        tree = ast.parse(source.file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise RequestError(f"{source.file}: not valid Python: {error}") from None
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if source.attribute not in classes:
        raise UnknownName(f"class in {source.file.name}", source.attribute, classes)
    config = next((n for n in classes[source.attribute].body if isinstance(n, ast.ClassDef) and n.name == "Config"), None)
    if config is None:
        raise RequestError(f"{source.file.name}: {source.attribute} has no Config of its own; see CONTRIBUTING.md, 'Add a variant'")
    imports: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) and _standard(node)]
    module = ModuleType(f"ganbench_config_{source.attribute}_{hashlib.sha256(str(source.file).encode()).hexdigest()[:8]}")
    sys.modules[module.__name__] = module  # dataclasses and pydantic look annotations up there
    try:
        exec(compile(ast.Module([*imports, config], []), str(source.file), "exec"), vars(module))
    except Exception as error:
        raise RequestError(
            f"{source.file.name}: {source.attribute}.Config may use the standard library only, and nothing that raises ({error})"
        ) from None
    if not is_dataclass(module.Config):
        raise RequestError(f"{source.file.name}: {source.attribute}.Config is no dataclass; see CONTRIBUTING.md, 'Add a variant'")
    return module.Config


def load_variant(spec: VariantSpec) -> Any:
    """Imports a variant's class (and torch with it).

    Raises:
        RequestError: It cannot be imported, or its file has changed since the spec was made.
    """
    if spec.path is None:
        return VARIANTS.load(spec.name)
    path = Path(spec.path)
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != spec.content:
        raise RequestError(
            f"{path}: has changed since this run was planned; run the suite again, which gives the changed file a run of its own"
        )
    return load_file_target(path, spec.name.rpartition(":")[2])


def _standard(node: ast.Import | ast.ImportFrom) -> bool:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return all(name.partition(".")[0] in STANDARD for name in names)

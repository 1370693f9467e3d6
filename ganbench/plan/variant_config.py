"""Which hyper-parameters does a variant have, without importing torch?

A plan needs every default, but importing a variant's module imports torch. A ``Config`` may use only the standard library
and ``annotated_types`` (part of the variant contract), so that its class can be cut out of the source and executed alone. It may
inherit another variant's (``class Config(DCGAN.Config)``), which is then cut out of that variant's source.
"""

import ast
import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from ganbench.errors import RequestError, UnknownName, nearest
from ganbench.plan.spec import ConfigValue, VariantSpec
from ganbench.plan.validation import validated
from ganbench.registry import VARIANTS
from ganbench.targets import Target, raised_at

STANDARD = {"__future__", "dataclasses", "typing", "math", "collections", "annotated_types"}
"""Modules that a Config may import."""


def variant_target(name: str, folder: Path = Path()) -> Target:
    """Where a variant's class is defined.

    Args:
        name: Registered name, or ``path/to/file.py:Class``.
        folder: Folder of relative paths.

    Raises:
        UnknownName: The name is not registered.
        RequestError: The file is missing.
    """
    target = VARIANTS.target(name)
    return target.below(folder) if target.is_file else target


def variant_spec(name: str, overrides: Mapping[str, ConfigValue], where: str, folder: Path = Path()) -> VariantSpec:
    """A variant with its full configuration: its defaults, replaced by overrides where given.

    Args:
        name: Registered name, or ``path/to/file.py:Class``.
        overrides: Hyper-parameters by name.
        where: Place of the overrides, for error messages.
        folder: Folder of relative paths.

    Raises:
        UnknownName: The variant is not registered.
        RequestError: An override is unknown or has the wrong type, or the file is missing or defines no Config.
    """
    target = variant_target(name, folder)
    cls = config_class(target)
    config = asdict(validated(cls, overrides, where))
    if "latent_dim" not in config:
        guess = nearest("latent_dim", config)
        choice = f"did you mean that by {guess!r}?" if guess else "add `latent_dim: int = 64`"
        raise RequestError(f"{target.source.name}: {target.attribute}.Config has no latent_dim, the length of the latents; {choice}")
    config = {key: value for key, value in config.items() if key not in joined_later(cls) or value != getattr(cls, key)}
    version = version_of(cls)
    if not target.is_file:
        return VariantSpec(name=name, config=config, version=version)
    named = f"{target.path.name}:{target.attribute}"
    return VariantSpec(name=named, config=config, version=version, path=str(target.path), content=target.content)


def version_of(config: Any) -> int:
    """Version of the method that a ``Config`` class belongs to: its ``version``, or 1."""
    return int(getattr(config, "version", 1))


def joined_later(config: Any) -> tuple[str, ...]:
    """Options that a ``Config`` class got after runs were made with it, without changing these: its ``joined_later``."""
    return tuple(getattr(config, "joined_later", ()))


@cache
def installed_version(name: str) -> int | None:
    """Version of a registered variant; None of one that is not installed or cannot be read, and of one from a file."""
    if name not in VARIANTS.targets:
        return None
    try:
        return version_of(config_class(VARIANTS.target(name)))
    except RequestError:
        return None


def outdated(spec: VariantSpec) -> str:
    """How a run's method differs from the installed one, as part of a sentence; empty if it does not."""
    here = installed_version(spec.name)
    return "" if here in (None, spec.version) else f"version {spec.version} of {spec.name}, and version {here} is installed"


def defaults(name: str) -> Mapping[str, ConfigValue]:
    """The default configuration of a registered variant.

    >>> defaults("dcgan")["latent_dim"]
    100
    """
    return variant_spec(name, {}, name).config


def config_class(target: Target) -> Any:
    """The variant's ``Config`` class, made without importing its module.

    Raises:
        UnknownName: The file defines no such class.
        RequestError: The class has no Config, or its Config needs more than the standard library or inherits one that cannot be read.
    """
    file, (tree, config) = target.source, config_definition(target)
    imports: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) and _standard(node)]
    module = ModuleType(f"ganbench_config_{target.attribute}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}")
    sys.modules[module.__name__] = module  # dataclasses and pydantic resolve annotations there
    for name, home in inherited(target).items():
        try:
            setattr(module, name, SimpleNamespace(Config=config_class(home)))
        except RequestError as error:
            raise RequestError(f"{file.name}: {target.attribute}.Config inherits {name}.Config, which cannot be read: {error}") from None
    try:
        exec(compile(ast.Module([*imports, config], []), str(file), "exec"), vars(module))
    except Exception as error:
        where = raised_at(error, file)
        raise RequestError(
            f"{file.name}: {target.attribute}.Config may use the standard library only, and nothing that raises "
            f"({type(error).__name__}: {error}{f'; {where}' if where else ''})"
        ) from None
    if not is_dataclass(module.Config):
        raise RequestError(f"{file.name}: {target.attribute}.Config is no dataclass; see CONTRIBUTING.md, 'Add a variant'")
    return module.Config


def config_definition(target: Target) -> tuple[ast.Module, ast.ClassDef]:
    """The syntax trees of the file that defines a variant and of its ``Config``.

    Raises:
        UnknownName: The file defines no such class.
        RequestError: The file is not valid Python, or the class has no Config.
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
    """The variants whose Config a variant's Config inherits, by their names in its file.

    Raises:
        RequestError: The Config inherits itself.
    """
    tree, config = config_definition(target)
    imported = {alias.asname or alias.name: (origin(node, target), alias.name) for node in tree.body if isinstance(node, ast.ImportFrom)
                for alias in node.names}  # fmt: skip
    names = [base.value.id for base in config.bases
             if isinstance(base, ast.Attribute) and base.attr == "Config" and isinstance(base.value, ast.Name)]  # fmt: skip
    homes = {name: Target(*imported.get(name, (target.place, name))) for name in names}
    if target in homes.values():
        raise RequestError(f"{target.source.name}: {target.attribute}.Config inherits itself; name another variant's")
    return homes


def origin(node: ast.ImportFrom, target: Target) -> str:
    """The module that an import in the target's file refers to, or the file beside it."""
    name = "." * node.level + (node.module or "")
    if target.is_file:
        beside = target.path.with_name(f"{name}.py")
        return str(beside) if beside.is_file() else name
    package = target.place if target.source.name == "__init__.py" else target.place.rpartition(".")[0]
    return resolve_name(name, package) if node.level else name


def load_variant(spec: VariantSpec) -> Any:
    """Imports a variant's class, and with it torch.

    Raises:
        RequestError: It cannot be imported, or its file has changed since the spec was made.
    """
    target = class_target(spec)
    if target.is_file and target.path.is_file() and target.content != spec.content:
        raise RequestError(
            f"{target.path}: has changed since this run was planned; run the suite again, which gives the changed file a run of its own"
        )
    return target.load() if target.is_file else VARIANTS.load(spec.name)


def called(name: str) -> set[str]:
    """What a user may call a variant: its name, and the class alone for one from a file."""
    file = Target.of_file(name)
    return {name} if file is None else {name, file.attribute}


def meant(name: str, variants: Iterable[str], where: str, hint: str = "") -> str:
    """The variant that the user meant by a name, or by the class of one from a file.

    Args:
        name: What the user wrote.
        variants: Names of the variants that it may stand for.
        where: What the name is, for error messages ("variant in --only").
        hint: What else the message says.

    Raises:
        UnknownName: There is none.
        RequestError: There are several.
    """
    known = list(dict.fromkeys(variants))
    found = [one for one in known if one == name] or [one for one in known if name in called(one)]
    if not found:
        raise UnknownName(where, name, {one for variant in known for one in called(variant)}, hint)
    if len(found) > 1:
        raise RequestError(f"{where}: {name!r} may be {' or '.join(map(repr, found))}; write the file as well")
    return found[0]


def class_target(spec: VariantSpec) -> Target:
    """Where the class of a run's variant is defined."""
    return VARIANTS.target(spec.name) if spec.path is None else Target(spec.path, Target.parse(spec.name).attribute)


def _standard(node: ast.Import | ast.ImportFrom) -> bool:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return all(name.partition(".")[0] in STANDARD for name in names)

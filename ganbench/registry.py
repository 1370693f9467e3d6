"""Which variants, data sets, extractors, metrics and suites exist?

Names point at ``module:attribute`` strings and are imported when used, not when listed: one-line
descriptions are read from the source with :mod:`ast`, so that listing never imports torch.
Built-ins are the dictionaries below; other packages (``baselines`` among them) register through
entry points of the groups ``ganbench.variants``, ``.datasets``, ``.extractors``, ``.metrics``, ``.suites``.
"""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError, UnknownName


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a registered thing is defined."""

    path: Path
    line: int
    summary: str
    """First line of its docstring."""


@dataclass(frozen=True)
class Registry:
    """Names of one kind and where each is defined.

    Args:
        kind: Singular, for messages ("variant").
        group: Entry-point group that adds names.
        builtins: Name to ``module:attribute``.
    """

    kind: str
    group: str
    builtins: dict[str, str]

    @cached_property
    def targets(self) -> dict[str, str]:
        """Every name and its ``module:attribute``; built-ins cannot be shadowed."""
        plugins = {entry.name: entry.value for entry in sorted(entry_points(group=self.group))}
        return {**plugins, **self.builtins}

    def names(self) -> list[str]:
        """All registered names: built-ins in their order, then plug-ins by name."""
        return [*self.builtins, *(name for name in self.targets if name not in self.builtins)]

    def target(self, name: str) -> str:
        """The ``module:attribute`` behind a name.

        Raises:
            UnknownName: Nobody registered it.
        """
        if name not in self.targets:
            raise UnknownName(self.kind, name, self.targets, f"see `ganbench list {self.kind.replace(' ', '')}s`")
        return self.targets[name]

    def load(self, name: str) -> Any:
        """Imports what a name stands for.

        Raises:
            UnknownName: Nobody registered it.
            RequestError: Its package is broken.
        """
        module, _, attribute = self.target(name).partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise RequestError(f"{self.kind} {name!r} is registered as {module}:{attribute} but cannot be imported: {error}") from error

    def origin(self, name: str) -> Origin:
        """Where a name is defined and its one-line description, read without importing it."""
        module, _, attribute = self.target(name).partition(":")
        path = source_path(module)
        node, summary = definition(ast.parse(path.read_text()), attribute)
        return Origin(path=path, line=node.lineno if node else 1, summary=summary)


VARIANTS = Registry("variant", "ganbench.variants", {})
SUITES = Registry("suite", "ganbench.suites", {})
DATASETS = Registry(
    "dataset",
    "ganbench.datasets",
    {
        "digits": "ganbench.data.bundled:digits",
        "mnist": "ganbench.data.torchvision_sets:mnist",
        "ring8": "ganbench.data.synthetic:ring8",
        "grid25": "ganbench.data.synthetic:grid25",
    },
)
EXTRACTORS = Registry(
    "extractor",
    "ganbench.extractors",
    {
        "digits-probe": "ganbench.features.probe:DigitsProbe",
        "mnist-probe": "ganbench.features.probe:MnistProbe",
        "random-conv": "ganbench.features.random_conv:RandomConv",
        "pixels": "ganbench.features.plain:Pixels",
        "identity": "ganbench.features.plain:Identity",
    },
)
METRICS = Registry(
    "metric",
    "ganbench.metrics",
    {
        "fd": "ganbench.metrics.frechet:FD",
        "kd": "ganbench.metrics.kernel:KD",
        "cs": "ganbench.metrics.classifier:CS",
        "precision": "ganbench.metrics.manifold:PRECISION",
        "recall": "ganbench.metrics.manifold:RECALL",
        "density": "ganbench.metrics.manifold:DENSITY",
        "coverage": "ganbench.metrics.manifold:COVERAGE",
    },
)


RESERVED_METRICS = {"fid": "fd", "kid": "kd", "is": "cs"}
"""Names that belong to the Inception network, and what the same formula is called with any other."""


def check_metrics(names: Sequence[str], extractor: str, where: str) -> None:
    """Looks metric names up.

    Args:
        names: Metrics as requested.
        extractor: What they will be computed from.
        where: Place of the request, for messages.

    Raises:
        RequestError: There is none, one is unknown, reserved for another extractor, or listed twice.
    """
    if not names:
        raise RequestError(f"{where}: is empty; name at least one of {', '.join(METRICS.names())}")
    for position, name in enumerate(names):
        if name in RESERVED_METRICS:
            raise RequestError(f"{where}: {name!r} is reserved for Inception features; with {extractor} write {RESERVED_METRICS[name]!r}")
        if name in names[:position]:
            raise RequestError(f"{where}: {name!r} is listed twice; list it once")
        METRICS.target(name)


def source_path(module: str) -> Path:
    """The source file of a module, found without importing the module itself (its packages are imported).

    Raises:
        RequestError: There is no such module, or it has no source.
    """
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None or found.origin is None:
        raise RequestError(f"module {module!r} is registered but not installed; reinstall the package that registers it")
    return Path(found.origin)


def definition(tree: ast.Module, name: str) -> tuple[ast.stmt | None, str]:
    """The statement that defines a name, and the first line of the string that documents it.

    Classes and functions carry their docstring; an assigned name is documented by the string below it.
    """
    for node, below in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return node, (ast.get_docstring(node) or "").partition("\n")[0]
        if isinstance(node, ast.Assign | ast.AnnAssign) and _assigns(node, name):
            documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            return node, str(below.value.value).partition("\n")[0] if documented else ""  # type: ignore[union-attr]
    return None, (ast.get_docstring(tree) or "").partition("\n")[0]


def _assigns(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def split_file_target(name: str) -> tuple[Path, str] | None:
    """``path/to/file.py:Class`` as (path, class), or None when the name has not that form."""
    path, colon, attribute = name.rpartition(":")
    return (Path(path), attribute) if colon and path.endswith(".py") else None


def load_file_target(path: Path, attribute: str) -> Any:
    """Imports a class from a file that belongs to no package.

    Raises:
        RequestError: The file is missing or broken, or does not define the class.
    """
    name = f"ganbench_user_{path.stem}"
    if not path.is_file():
        raise RequestError(f"{path}: no such file; a method from a file is written path/to/file.py:ClassName")
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses look their module up by name
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # what lies beside the file can be imported by it; last, so that it hides nothing
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise RequestError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, attribute):
        classes = [key for key, value in vars(module).items() if isinstance(value, type) and value.__module__ == name]
        raise UnknownName(f"class in {path}", attribute, classes)
    return getattr(module, attribute)

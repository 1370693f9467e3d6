"""Which variants, data sets, extractors, metrics and suites exist?

Names point at ``module:attribute`` strings and are imported when used, not when listed: one-line
descriptions are read from the source with :mod:`ast`, so that listing never imports torch.
Built-ins are the dictionaries below; other packages (``baselines`` among them) register through
entry points of the groups ``ganbench.variants``, ``.datasets``, ``.extractors``, ``.metrics``, ``.suites``, ``.presets``.
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
PRESETS = Registry("preset", "ganbench.presets", {})
DATASETS = Registry(
    "dataset",
    "ganbench.datasets",
    {
        "digits": "ganbench.data.bundled:digits",
        "mnist": "ganbench.data.torchvision_sets:mnist",
        "cifar10": "ganbench.data.cifar10:cifar10",
        "stacked-digits": "ganbench.data.stacked:stacked_digits",
        "stacked-mnist": "ganbench.data.stacked:stacked_mnist",
        "ring8": "ganbench.data.synthetic:ring8",
        "grid25": "ganbench.data.synthetic:grid25",
    },
)
EXTRACTORS = Registry(
    "extractor",
    "ganbench.extractors",
    {
        "inception-v3-compat": "ganbench.features.inception:InceptionCompat",
        "vgg16": "ganbench.features.vgg:Vgg16",
        "clip-vit-b32": "ganbench.features.clip:ClipVitB32",
        "clip-vitl14-336": "ganbench.features.clip:ClipVitL14At336",
        "dinov2-vitl14": "ganbench.features.dinov2:DinoV2VitL14",
        "digits-probe": "ganbench.features.probe:DigitsProbe",
        "mnist-probe": "ganbench.features.probe:MnistProbe",
        "cifar10-probe": "ganbench.features.cifar10_probe:Cifar10Probe",
        "stacked-digits-probe": "ganbench.features.stacked_probe:StackedDigitsProbe",
        "stacked-mnist-probe": "ganbench.features.stacked_probe:StackedMnistProbe",
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
        "fd_infinity": "ganbench.metrics.frechet:FD_INFINITY",
        "sfd": "ganbench.metrics.frechet:SFD",
        "kd": "ganbench.metrics.kernel:KD",
        "kd_parity": "ganbench.metrics.kernel:KD_PARITY",
        "cs": "ganbench.metrics.classifier:CS",
        "precision": "ganbench.metrics.manifold:PRECISION",
        "recall": "ganbench.metrics.manifold:RECALL",
        "density": "ganbench.metrics.manifold:DENSITY",
        "coverage": "ganbench.metrics.manifold:COVERAGE",
        "prd_f8": "ganbench.metrics.prd:PRD_F8",
        "prd_f1_8": "ganbench.metrics.prd:PRD_F1_8",
        "clipped_density": "ganbench.metrics.clipped:CLIPPED_DENSITY",
        "clipped_coverage": "ganbench.metrics.clipped:CLIPPED_COVERAGE",
        "realism": "ganbench.metrics.realism:REALISM",
        "mmd_rbf": "ganbench.metrics.mmd:MMD_RBF",
        "mind": "ganbench.metrics.sliced:MIND",
        "vendi": "ganbench.metrics.vendi:VENDI",
        "rke": "ganbench.metrics.vendi:RKE",
        "authpct": "ganbench.metrics.memorisation:AUTHPCT",
        "mifd": "ganbench.metrics.memorisation:MIFD",
        "ct": "ganbench.metrics.copying:CT",
        "fld": "ganbench.metrics.likelihood:FLD",
        "fld_gap": "ganbench.metrics.likelihood:FLD_GAP",
        "gan_train": "ganbench.metrics.classes:GAN_TRAIN",
        "gan_test": "ganbench.metrics.classes:GAN_TEST",
        "intra_fd": "ganbench.metrics.classes:INTRA_FD",
        "intra_kd": "ganbench.metrics.classes:INTRA_KD",
        "ms_ssim": "ganbench.metrics.pairs_of_images:MS_SSIM",
        "lpips": "ganbench.metrics.pairs_of_images:LPIPS",
        "ppl_z": "ganbench.metrics.path_length:PPL_Z",
        "ppl_w": "ganbench.metrics.path_length:PPL_W",
    },
)


@dataclass(frozen=True, kw_only=True)
class Standard:
    """A name that the field gives to one formula with one network."""

    metric: str
    extractor: str
    label: str
    """How tables write it."""


NO_NETWORK = "none"
"""Stands for the extractor of metrics that look at images themselves."""
_INCEPTION = "inception-v3-compat"
STANDARD = {
    "fid": Standard(metric="fd", extractor=_INCEPTION, label="FID"),
    "fid_infinity": Standard(metric="fd_infinity", extractor=_INCEPTION, label="FID∞"),
    "sfid": Standard(metric="sfd", extractor=_INCEPTION, label="sFID"),
    "kid": Standard(metric="kd", extractor=_INCEPTION, label="KID"),
    "kid_parity": Standard(metric="kd_parity", extractor=_INCEPTION, label="KID 100x1000"),
    "is": Standard(metric="cs", extractor=_INCEPTION, label="IS"),
    "mifid": Standard(metric="mifd", extractor=_INCEPTION, label="MiFID"),
    "intra_fid": Standard(metric="intra_fd", extractor=_INCEPTION, label="intra-FID"),
    "intra_kid": Standard(metric="intra_kd", extractor=_INCEPTION, label="intra-KID"),
    "fd_dinov2": Standard(metric="fd", extractor="dinov2-vitl14", label="FD-DINOv2"),
    "fd_clip": Standard(metric="fd", extractor="clip-vit-b32", label="FD-CLIP"),
    "cmmd": Standard(metric="mmd_rbf", extractor="clip-vitl14-336", label="CMMD"),
}
"""With any other network the formula keeps its own name, and a table shows the network beside it."""


def formula(name: str) -> str:
    """The metric behind a standard name; any other name is its own."""
    return STANDARD[name].metric if name in STANDARD else name


def load_metric(name: str) -> Any:
    """Imports the metric behind a formula's or a standard name."""
    return METRICS.load(formula(name))


def label(metric: str, extractor: str) -> str:
    """How a table names a formula with a network ("FID", "FD·mnist-probe")."""
    shown = metric.upper().replace("_INFINITY", "∞").replace("_", " ")
    if extractor == NO_NETWORK:
        return shown
    known = next((one.label for one in STANDARD.values() if (one.metric, one.extractor) == (metric, extractor)), None)
    return known or f"{shown}·{extractor}"


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
        if name in STANDARD and STANDARD[name].extractor != extractor:
            wanted = STANDARD[name]
            kind = "Inception" if wanted.extractor == _INCEPTION else wanted.extractor
            raise RequestError(f"{where}: {name!r} is reserved for {kind} features; with {extractor} write {wanted.metric!r}")
        if formula(name) in map(formula, names[:position]):
            raise RequestError(f"{where}: {name!r} is listed twice; list it once")
        if name not in STANDARD:
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
    write_bytecode, sys.dont_write_bytecode = not sys.dont_write_bytecode, True  # nothing is left beside a user's file
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise RequestError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.dont_write_bytecode = not write_bytecode
    if not hasattr(module, attribute):
        classes = [key for key, value in vars(module).items() if callable(value) and getattr(value, "__module__", "") == name]
        raise UnknownName(f"name in {path}", attribute, classes)
    return getattr(module, attribute)

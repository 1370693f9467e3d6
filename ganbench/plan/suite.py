"""Which runs does a suite (a TOML file) define?

A suite is a list of matrices; each runs every variant on every data set with every seed::

    name = "example"

    [datasets.faces]                 # optional: your own folder, zip or npz
    path = "faces/"                  # relative to this file
    resolution = 32

    [[matrix]]
    variants = ["gan", "dcgan"]      # registered names, or path/to/file.py:Class
    datasets = ["digits", "faces"]
    seeds = [0, 1, 2]
    budget_images = 100_000
    training = { batch_size = 64 }   # the fields of TrainingSpec
    evaluation = { extractor = "random-conv", metrics = ["fd"], n_fake = 1_000 }

    [matrix.config.dcgan]            # overrides of the variant's defaults
    generator_width = 32

``budget = "short"`` gives a named budget of the data set instead of ``budget_images``. ``presets = ["small"]`` adds overrides from a
registered preset or a TOML file; the matrix's own take precedence. ``axes = { "config.dcgan.beta1" = [0.0, 0.5] }`` repeats the matrix
with every value, and with several axes for every combination.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, MinLen

from ganbench.content import content_hash
from ganbench.errors import RequestError, UnknownName
from ganbench.plan.budgets import Budget, budget_images
from ganbench.plan.changes import apply_setting, with_axes
from ganbench.plan.facts import facts
from ganbench.plan.requests import requested
from ganbench.plan.spec import (
    DATASET_NAME,
    ConfigValue,
    Count,
    DatasetSpec,
    DatasetTable,
    EvaluationSpec,
    RunSpec,
    TrainingSpec,
    VariantSpec,
    run_id,
)
from ganbench.plan.validation import validated
from ganbench.plan.variant_config import called, meant, variant_spec, variant_target
from ganbench.plan.variant_source import check_methods
from ganbench.registry import DATASETS, PRESETS, SUITES, VARIANTS, Registry
from ganbench.storage import parsed_toml, read_bytes
from ganbench.targets import Target


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named table of overrides for the defaults of several variants."""

    config: Mapping[str, Mapping[str, ConfigValue]]
    """Overrides by variant; variants that the matrix does not list are ignored."""
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Every variant on every data set with every seed."""

    variants: Annotated[tuple[str, ...], MinLen(1)]
    datasets: Annotated[tuple[str, ...], MinLen(1)]
    seeds: Annotated[tuple[Annotated[int, Ge(0)], ...], MinLen(1)]
    evaluation: EvaluationSpec
    budget_images: Count | None = None
    budget: Budget | None = None
    """Named budget, looked up for each data set; give either this or ``budget_images``."""
    training: TrainingSpec = field(default_factory=TrainingSpec)
    presets: tuple[str, ...] = ()
    """Registered presets or TOML files with overrides; later ones take precedence over earlier ones."""
    config: Mapping[str, Mapping[str, ConfigValue]] = field(default_factory=dict)
    """Overrides of the variants' defaults, by variant; they take precedence over presets."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A named list of matrices."""

    name: str
    matrix: Annotated[tuple[Matrix, ...], MinLen(1)]
    description: str = ""
    datasets: Mapping[str, DatasetTable] = field(default_factory=dict)


def load_suite(name: str, settings: Sequence[str] = (), only: Sequence[str] = ()) -> tuple[Suite, list[RunSpec]]:
    """Reads a suite and expands it into runs.

    Args:
        name: A registered suite, or the path of a TOML file.
        settings: Changes as ``key.path=value`` (``--set``). A key of a matrix changes every matrix.
        only: Filters as ``variant=a,b`` (``--only``) on ``variant``, ``dataset`` or ``seed``; a run must pass all of them.

    Returns:
        The suite and its runs, without duplicates, in the order of the file.

    Raises:
        RequestError: The suite, a change or a filter is invalid.
    """
    table, where, folder = _toml(name, SUITES, Path.cwd())
    suite, specs = from_table(table, where, folder, settings)
    for part in only:
        specs = kept(specs, part)
    return suite, specs


def from_table(table: dict[str, Any], where: str, folder: Path, settings: Sequence[str] = ()) -> tuple[Suite, list[RunSpec]]:
    """Expands the table of a suite into its runs.

    Args:
        table: What its TOML file holds; settings change it in place.
        where: Its name, for error messages.
        folder: Folder of its relative paths.
        settings: Changes as ``key.path=value``.

    Raises:
        RequestError: The suite or a change is invalid.
    """
    for setting in settings:
        apply_setting(table, setting)
    table = with_axes(table, where)
    suite = validated(Suite, table, where)
    return suite, expand(suite, folder, where)


def kept(specs: Sequence[RunSpec], part: str) -> list[RunSpec]:
    """The runs that pass one ``--only KEY=VALUE,...``.

    Raises:
        RequestError: The filter has another form, or names a value that no run has.
    """
    key, equals, text = part.partition("=")
    parts: dict[str, Callable[[RunSpec], str]] = {
        "variant": lambda spec: spec.variant.name,
        "dataset": lambda spec: spec.dataset.name,
        "seed": lambda spec: str(spec.seed),
    }
    if not equals or not text:
        raise RequestError(f"--only {part}: write variant=NAME,NAME, dataset=NAME or seed=0,1")
    if key not in parts:
        raise UnknownName("part in --only", key, parts)
    present = dict.fromkeys(parts[key](spec) for spec in specs)
    wanted = [value.strip() for value in text.split(",")]
    hint = "what the suite holds, after its other --only"
    if key == "variant":
        wanted = [meant(value, present, "variant in --only", hint) for value in wanted]
    for value in wanted:
        if value not in present:
            raise UnknownName(f"{key} in --only", value, present, hint)
    return [spec for spec in specs if parts[key](spec) in wanted]


def _toml(name: str, registry: Registry, folder: Path) -> tuple[dict[str, Any], str, Path]:
    """The table of a registered TOML file or of the user's own, its name for messages, and the folder of its relative paths.

    Raises:
        RequestError: No such name or file exists, or it is not valid TOML.
    """
    text, where, base = _text(name, registry, folder)
    return parsed_toml(text, where), where, base


def _text(name: str, registry: Registry, folder: Path) -> tuple[str, str, Path]:
    if name in registry.targets:
        target = registry.target(name)
        return files(target.place).joinpath(f"{target.attribute}.toml").read_text(encoding="utf-8"), f"{registry.kind} {name}", folder
    path = folder / Path(name).expanduser() if folder != Path.cwd() else Path(name)
    if not os.path.isfile(path):  # unlike Path.is_file, also False for names too long for any file
        siblings = [str(p) for p in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        hint = f"give a registered {registry.kind} or the path of a TOML file"
        raise UnknownName(registry.kind, name, [*registry.names(), *siblings], hint)
    try:
        return read_bytes(path, "check the file").decode("utf-8"), str(path), path.parent
    except UnicodeDecodeError as error:
        raise RequestError(f"{path}: cannot be read as text: {error}") from None


def expand(suite: Suite, folder: Path, where: str) -> list[RunSpec]:
    """Expands a suite into its runs.

    Args:
        suite: The suite, already validated.
        folder: Folder of its relative paths.
        where: Its name, for error messages.
    """
    specs: dict[str, RunSpec] = {}
    for number, matrix in enumerate(suite.matrix, start=1):
        at = f"{where}, matrix {number}" if len(suite.matrix) > 1 else where
        _check_names(matrix, at)
        presets = [_preset(name, folder) for name in matrix.presets]
        variants = [_variant(name, matrix, presets, folder, at) for name in matrix.variants]
        datasets = [_dataset(name, suite, folder, at) for name in matrix.datasets]
        for dataset in datasets:
            images = _images(matrix, dataset, at)
            for variant in variants:
                for seed in matrix.seeds:
                    spec = RunSpec(
                        variant=variant,
                        dataset=dataset,
                        seed=seed,
                        budget_images=images,
                        evaluation=matrix.evaluation,
                        training=matrix.training,
                    )
                    specs.setdefault(run_id(spec), spec)
    return list(specs.values())


def _check_names(matrix: Matrix, where: str) -> None:
    """Checks the names in a matrix before anything is imported or read."""
    _check_metrics(matrix.evaluation, f"{where}: evaluation")
    for name in matrix.config:
        meant(name, matrix.variants, f"variant in {where}, config")


def _check_metrics(evaluation: EvaluationSpec, where: str) -> None:
    """Raises for unknown metrics, and for metrics whose needs no run can meet."""
    for request in requested(evaluation.metrics, evaluation.extractor, where=f"{where}.metrics"):
        if own := next((name for name in (request.metric, request.extractor) if Target.of_file(name)), None):
            raise RequestError(f"{where}: {own!r} is from a file, which only `ganbench score` takes; register it, see CONTRIBUTING.md")
        if facts(request.metric).needs_held_out and evaluation.reference == "held_out":
            raise RequestError(
                f"{where}: {request.asked!r} compares training with held-out examples; take reference = 'train', or leave it out"
            )


def _images(matrix: Matrix, dataset: DatasetSpec, where: str) -> int:
    if (matrix.budget is None) == (matrix.budget_images is None):
        raise RequestError(f"{where}: give either budget_images = 100_000 or budget = 'short'")
    if matrix.budget_images is not None:
        return matrix.budget_images
    assert matrix.budget is not None
    return budget_images(matrix.budget, dataset.name, where)


def _preset(name: str, folder: Path) -> Mapping[str, Mapping[str, ConfigValue]]:
    table, where, _ = _toml(name, PRESETS, folder)
    config = validated(Preset, table, where).config
    for variant in config:
        VARIANTS.target(variant)
    return config


def _variant(
    name: str, matrix: Matrix, presets: Sequence[Mapping[str, Mapping[str, ConfigValue]]], folder: Path, where: str
) -> VariantSpec:
    overrides: dict[str, ConfigValue] = {}
    for table in (*presets, matrix.config):
        for said in sorted(called(name) & set(table), key=len):  # of a variant from a file, its class alone first
            overrides |= table[said]
    check_methods(variant_target(name, folder))
    return variant_spec(name, overrides, f"{where}: config.{name}", folder)


def _dataset(name: str, suite: Suite, folder: Path, where: str) -> DatasetSpec:
    if not re.fullmatch(DATASET_NAME, name):
        raise RequestError(f"{where}: data set {name!r} cannot name a folder; use letters, digits, '.', '_' and '-'")
    table = suite.datasets.get(name, DatasetTable())
    if table.path is None:
        if name not in DATASETS.targets:
            raise UnknownName("dataset", name, [*DATASETS.names(), *suite.datasets], f"or give {where} a [datasets.{name}] with a path")
        return DatasetSpec(name=name, **vars(table))
    if name in DATASETS.targets:
        raise RequestError(f"{where}: [datasets.{name}] has a path, but {name!r} is a registered data set; give yours another name")
    path = (folder / Path(table.path).expanduser()).resolve()
    return DatasetSpec(name=name, content=content_hash(path), **{**vars(table), "path": str(path)})

"""What defines one run?

A :class:`RunSpec` is self-contained: its JSON file is enough to repeat the run elsewhere. ``run_id()`` hashes
only the fields that can change the outcome: not paths (but the contents of the files), nor workers, device,
thread count or how often anything is logged.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from ganbench.errors import RequestError
from ganbench.storage import read_json

ID_VERSION = 1
"""Raised when the same spec would mean a different run, for example because a default changed."""
JOINED_LATER: dict[tuple[str, str], Any] = {
    ("dataset", "n_train"): None,
    ("variant", "version"): 1,
    ("training", "precision"): "fp32",
    ("training", "stop_on_collapse"): False,
}
"""Fields that were added after the first version of the spec, by part and name, with their defaults. A field with its default
value is left out of the identity, so that older runs keep their ids."""

DATASET_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""Pattern of the names of data sets, which are parts of folder names."""

Scalar = bool | int | float | str
ConfigValue = Scalar | tuple[Scalar, ...] | None
Count = Annotated[int, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]
Precision = Literal["fp32", "tf32", "bf16"]


@dataclass(frozen=True, kw_only=True)
class VariantSpec:
    """A training method with all its hyper-parameters."""

    name: str
    """Registered name, or ``file.py:Class`` for a method from a file."""
    config: Mapping[str, ConfigValue]
    """The full configuration. Options that joined the method later are left out while they have their default."""
    version: Count = 1
    """Version of the method (``Config.version``): raised where the same configuration trains another network than before."""
    path: str | None = None
    """Path of the file of an unregistered method. Not part of the identity."""
    content: str | None = None
    """SHA-256 of that file. Part of the identity."""


@dataclass(frozen=True, kw_only=True)
class DatasetTable:
    """How real data are turned into examples: the options of a data set in a suite, under ``[datasets.NAME]``."""

    path: str | None = None
    """The user's own folder, zip or npz; None for a registered data set. Not part of the identity."""
    resolution: Count | None = None
    """Height and width in pixels; None keeps the files' own."""
    channels: Literal[1, 3] | None = None
    """Number of channels that the files must have; None accepts either."""
    n_train: Count | None = None
    """Number of training examples to use, the same ones in every run; None uses all. The held-out split stays whole."""


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(DatasetTable):
    """The real data of a run, and how they are turned into examples."""

    name: str
    """Registered name, or the name that a suite gives to a folder, zip or npz."""
    content: str | None = None
    """SHA-256 of the contents at ``path``. Part of the identity."""


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """Training settings that are common to all methods."""

    batch_size: Count = 64
    """Real images in one discriminator step."""
    ema_halflife_images: Count = 10_000
    """Half-life of the exponential moving average (EMA) of the generator's weights, in images."""
    ema_rampup: Share = 0.05
    """The half-life never exceeds this fraction of the images seen so far (StyleGAN2-ADA's ramp-up); 0 turns the ramp off."""
    learning_rate_schedule: Literal["constant", "linear", "cosine"] = "constant"
    """Factor on all learning rates during the budget: constantly 1, linear from 1 to 0, or a half cosine from 1 to 0."""
    augmentation: Literal["none", "translation"] = "none"
    """Augmentation that ``ctx.augment`` applies to real and generated images."""
    stop_on_collapse: bool = False
    """Ends the run, as diverged, at the evaluation at which it counts as collapsed; else it goes on to the end of its budget."""
    precision: Precision = "fp32"
    """Number format of the factors in the networks' products: float32 (23 bits), on GPUs TF32 (10 bits), or bfloat16 (7 bits)."""


@dataclass(frozen=True, kw_only=True)
class EvaluationSpec:
    """What is measured, and when. It does not affect the trained weights."""

    extractor: str | None = None
    """Registered feature extractor for formulas that name none, and for diagnostics; None is Inception."""
    metrics: tuple[str, ...]
    """Formulas or standard names, also with an extractor ("precision@mnist-probe"); the first one with a direction ranks the variants."""
    n_fake: Count
    """Number of generated examples to score."""
    n_real: Count | None = None
    """Number of reference examples; None uses the whole split."""
    reference: Literal["train", "held_out"] = "train"
    """Split of the reference set."""
    every_images: Count | None = None
    """Number of images between evaluations; None evaluates only at the start and the end."""


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run: a cell of a matrix.

    >>> spec = RunSpec(
    ...     variant=VariantSpec(name="gan", config={"latent_dim": 2}),
    ...     dataset=DatasetSpec(name="ring8"),
    ...     seed=0,
    ...     budget_images=1_000,
    ...     evaluation=EvaluationSpec(extractor="identity", metrics=("fd",), n_fake=500),
    ... )
    >>> spec.steps, spec.slug
    (16, 'gan-ring8-s0-2bc95df0')
    """

    variant: VariantSpec
    dataset: DatasetSpec
    seed: Annotated[int, Ge(0)]
    budget_images: Count
    """Number of real images that the discriminator sees; the last batch may exceed it."""
    evaluation: EvaluationSpec
    training: TrainingSpec = field(default_factory=TrainingSpec)

    @property
    def steps(self) -> int:
        """Number of discriminator steps within the budget, rounded up."""
        return -(-self.budget_images // self.training.batch_size)

    @property
    def evaluation_steps(self) -> set[int]:
        """Steps after which it is evaluated, besides the start: the first at or after every multiple of ``every_images``, and the last."""
        every = self.evaluation.every_images
        multiples = range(every, self.budget_images, every) if every else range(0)
        return {-(-images // self.training.batch_size) for images in multiples} | {self.steps}

    @cached_property
    def slug(self) -> str:
        """Name of the run's directory: variant, data set, seed, and the start of the run's id."""
        variant = PurePath(self.variant.name.replace(":", "-")).name.replace(".py", "")
        return f"{variant}-{self.dataset.name}-s{self.seed}-{run_id(self)[:8]}"


def identity(spec: RunSpec) -> dict[str, Any]:
    """The fields that can change the outcome, as plain data."""
    fields = asdict(spec)
    for source in ("variant", "dataset"):
        del fields[source]["path"]
    for (part, name), default in JOINED_LATER.items():
        if fields[part][name] == default:
            del fields[part][name]
    return {"id_version": ID_VERSION, **fields}


def run_id(spec: RunSpec) -> str:
    """The run's identity: 16 hexadecimal digits of the SHA-256 of its canonical JSON."""
    canonical = json.dumps(identity(spec), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def to_json(spec: RunSpec) -> dict[str, Any]:
    """The spec as plain data, with paths."""
    return asdict(spec)


def read_spec(folder: Path) -> RunSpec:
    """Reads the spec of a run's folder, ``spec.json``.

    Raises:
        RequestError: The file is missing or damaged.
    """
    path = folder / "spec.json"
    return from_json(read_json(path, "give the spec.json of a run"), str(path))


def from_json(fields: Mapping[str, Any], where: str) -> RunSpec:
    """Converts plain data to a spec.

    Args:
        fields: The output of :func:`to_json`.
        where: The file that it came from, for error messages.

    Raises:
        RequestError: A key is unknown or missing, or a value has the wrong type or range.
    """
    from ganbench.plan.validation import validated

    spec = validated(RunSpec, fields, where)
    check_names(spec, where)
    return spec


def check_names(spec: RunSpec, where: str) -> None:
    """Checks that the names in a spec can be names of folders and files, as those from a suite can.

    Raises:
        RequestError: One of them cannot, so that ganbench did not write the file.
    """
    if not re.fullmatch(DATASET_NAME, spec.dataset.name):
        raise RequestError(f"{where}: data set {spec.dataset.name!r} cannot name a folder; use letters, digits, '.', '_' and '-'")
    path = next((path for path in (spec.variant.name, spec.variant.path, spec.dataset.path) if path and "\0" in path), None)
    if path is not None:
        raise RequestError(f"{where}: {path!r} holds the character NUL, which no path may contain")

"""What exactly is one run?

A :class:`RunSpec` is self-contained: one JSON file of it reproduces the run anywhere. ``run_id()`` hashes
the fields that can change the outcome, and only those; paths are not among them (what the files hold
is), nor are workers, device, thread count or how often anything is logged.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from ganbench.storage import read_json

ID_VERSION = 1
"""Raised when the same spec would mean another run: when a default changes, say."""
JOINED_LATER: dict[tuple[str, str], Any] = {("dataset", "n_train"): None}
"""Fields that joined the spec after its first version, by part and name, with their defaults. Identity leaves one out while it has
its default, so that runs from before it keep their ids."""

Scalar = bool | int | float | str
ConfigValue = Scalar | tuple[Scalar, ...] | None
Count = Annotated[int, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True, kw_only=True)
class VariantSpec:
    """A training method with every hyper-parameter resolved."""

    name: str
    """Registered name, or ``file.py:Class`` for a method from a file."""
    config: Mapping[str, ConfigValue]
    """The full configuration, defaults included."""
    path: str | None = None
    """Where the file of an unregistered method lies. Not part of the identity."""
    content: str | None = None
    """SHA-256 of that file. Part of the identity."""


@dataclass(frozen=True, kw_only=True)
class DatasetTable:
    """The protocol that turns real data into examples: what a suite may say of a data set under ``[datasets.NAME]``."""

    path: str | None = None
    """Folder, zip or npz of the user's own. Not part of the identity. None: the data set is a registered one."""
    resolution: Count | None = None
    """Height and width in pixels; None keeps the files' own."""
    channels: Literal[1, 3] | None = None
    """What the files must have; None accepts either."""
    n_train: Count | None = None
    """Training examples to keep, the same ones for every run; None keeps all. The held-out split stays whole."""


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(DatasetTable):
    """Real data: which ones, and by which protocol."""

    name: str
    """Registered name, or the name that a suite gives to a folder, zip or npz."""
    content: str | None = None
    """SHA-256 of what lies at ``path``. Part of the identity."""


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """How the harness trains, whatever the method."""

    batch_size: Count = 64
    """Real images in one discriminator step."""
    ema_halflife_images: Count = 10_000
    """Half-life of the generator's moving average, in images."""
    ema_rampup: Share = 0.05
    """The half-life never exceeds this share of the images seen so far (StyleGAN2-ADA's ramp-up); 0 turns the ramp off."""
    learning_rate_schedule: Literal["constant", "linear", "cosine"] = "constant"
    """Factor on every learning rate over the budget: 1, 1 to 0 linearly, or 1 to 0 along a half cosine."""
    augmentation: Literal["none", "translation"] = "none"
    """What ``ctx.augment`` does to real and generated images alike."""


@dataclass(frozen=True, kw_only=True)
class EvaluationSpec:
    """What is measured, and when. None of it changes the weights."""

    extractor: str | None = None
    """Registered feature extractor of the formulas that name none; None is Inception. Diagnostics use it as well."""
    metrics: tuple[str, ...]
    """Formulas, standard names, or either with an extractor of its own ("precision@mnist-probe"); the first one with a direction ranks."""
    n_fake: Count
    """Generated examples that are scored."""
    n_real: Count | None = None
    """Reference examples; None takes the whole split."""
    reference: Literal["train", "held_out"] = "train"
    """Split that the generated examples are compared with."""
    every_images: Count | None = None
    """Distance between evaluations, in images; None evaluates at the start and the end only."""


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run, a cell of a matrix.

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
    """Real images that the discriminator sees in all; the last batch may pass it."""
    evaluation: EvaluationSpec
    training: TrainingSpec = field(default_factory=TrainingSpec)

    @property
    def steps(self) -> int:
        """Discriminator steps that the budget pays for."""
        return -(-self.budget_images // self.training.batch_size)

    @property
    def slug(self) -> str:
        """Name of the run's directory: readable first, unique by the start of its id."""
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
    """The whole spec as plain data, paths included."""
    return asdict(spec)


def read_spec(folder: Path) -> RunSpec:
    """Reads the spec of a run's folder, ``spec.json``.

    Raises:
        RequestError: There is none, or it is damaged.
    """
    path = folder / "spec.json"
    return from_json(read_json(path, "give the spec.json of a run"), str(path))


def from_json(fields: Mapping[str, Any], where: str) -> RunSpec:
    """Reads a spec back.

    Args:
        fields: What :func:`to_json` gave.
        where: The file it came from, for messages.

    Raises:
        RequestError: A key is unknown or missing, or a value has the wrong type or range.
    """
    from ganbench.plan.validation import validated

    return validated(RunSpec, fields, where)

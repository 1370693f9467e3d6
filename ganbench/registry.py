"""Which variants, data sets, extractors, metrics, diagnostics, suites, presets, games, publications and sinks are registered?

A name stands for a ``module:attribute`` target, which is imported when it is used, not when it is listed: one-line
descriptions are read from the source, so that listing never imports torch.
Built-in names are in the dictionaries below; other packages, such as ``baselines``, register names through
entry points of the groups ``ganbench.variants``, ``.datasets``, ``.extractors``, ``.metrics``, ``.diagnostics``, ``.suites``,
``.presets``, ``.games``, ``.published`` and ``.sinks``.
"""

from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError, UnknownName
from ganbench.targets import Target


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a registered name is defined, and its summary."""

    path: Path
    line: int
    summary: str
    """First line of its documentation."""
    about: str = ""
    """The rest of its documentation."""


@dataclass(frozen=True)
class Registry:
    """The registered names of one kind, and where each is defined.

    Args:
        kind: Kind in the singular, for error messages ("variant").
        group: Entry-point group through which packages add names.
        builtins: Built-in names, each with its ``module:attribute``.
    """

    kind: str
    group: str
    builtins: dict[str, str]

    @cached_property
    def targets(self) -> dict[str, Target]:
        """The target of every name; built-in names cannot be overridden."""
        plugins = {entry.name: entry.value for entry in sorted(entry_points(group=self.group))}
        return {name: Target.parse(value) for name, value in {**plugins, **self.builtins}.items()}

    def names(self) -> list[str]:
        """All registered names: built-in ones in their order, then plug-ins sorted by name."""
        return [*self.builtins, *(name for name in self.targets if name not in self.builtins)]

    def target(self, name: str) -> Target:
        """The target of a registered name, or of ``path/to/file.py:NAME``.

        Raises:
            UnknownName: The name is not registered.
        """
        if name in self.targets:
            return self.targets[name]
        if (own := Target.of_file(name)) is not None:
            return own
        raise UnknownName(self.kind, name, self.targets, f"see `ganbench list {self.kind}s`")

    def load(self, name: str) -> Any:
        """Imports the object that a name stands for.

        Raises:
            UnknownName: The name is not registered.
            RequestError: Its package or file cannot be imported.
        """
        target = self.target(name)
        try:
            return target.load()
        except RequestError:
            raise
        except (Exception, SystemExit) as error:
            raise RequestError(f"{self.kind} {name!r} is registered as {target} but cannot be imported: {error}") from error

    def origin(self, name: str) -> Origin:
        """Where a name is defined, and its one-line description, read without importing it."""
        target = self.target(name)
        node, documentation = target.definition()
        summary, _, about = documentation.partition("\n")
        return Origin(path=target.source, line=node.lineno if node else 1, summary=summary, about=about.strip())


VARIANTS = Registry("variant", "ganbench.variants", {})
SUITES = Registry("suite", "ganbench.suites", {})
PRESETS = Registry("preset", "ganbench.presets", {})
GAMES = Registry("game", "ganbench.games", {})
PUBLICATIONS = Registry("publication", "ganbench.published", {})
SINKS = Registry(
    "sink",
    "ganbench.sinks",
    {
        "tensorboard": "ganbench.sinks.tensorboard:TensorBoard",
        "wandb": "ganbench.sinks.wandb:WeightsAndBiases",
        "mlflow": "ganbench.sinks.mlflow:MLflow",
    },
)
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
        "noise": "ganbench.data.noise:noise",
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
DIAGNOSTICS = Registry(
    "diagnostic",
    "ganbench.diagnostics",
    {
        "diversity": "ganbench.diagnostics.diversity:DIVERSITY",
        "classes": "ganbench.diagnostics.classes:CLASSES",
        "modes": "ganbench.diagnostics.modes:MODES",
        "class_modes": "ganbench.diagnostics.modes:CLASS_MODES",
        "minority": "ganbench.diagnostics.minority:MINORITY",
        "class_spread": "ganbench.diagnostics.spread:SPREAD",
        "effective": "ganbench.diagnostics.effective:EFFECTIVE",
        "class_effective": "ganbench.diagnostics.effective:CLASS_EFFECTIVE",
        "birthday": "ganbench.diagnostics.birthday:BIRTHDAY",
        "ndb": "ganbench.diagnostics.bins:NDB",
        "copies": "ganbench.diagnostics.copies:COPIES",
        "latent_sensitivity": "ganbench.diagnostics.sensitivity:SENSITIVITY",
    },
)

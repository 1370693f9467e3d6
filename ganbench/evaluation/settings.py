"""Which settings does scoring take?"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from ganbench.errors import UnknownName
from ganbench.plan.options import Help


@dataclass(frozen=True, kw_only=True)
class Place:
    """Device of computations, folder of data sets, and what may run."""

    device: Annotated[str, Help("auto, cpu, cuda or cuda:N.")] = "auto"
    data_root: Annotated[Path | None, Help("Folder of data sets; default: GANBENCH_DATA, else the user's cache.")] = None
    trust: Annotated[bool, Help("Let code in an input run: a program's, or that of a run whose method is a Python file.")] = False


@dataclass(frozen=True, kw_only=True)
class Looks(Place):
    """How examples are read, and how their features are computed."""

    features: Annotated[bool, Help("The sets are features: npz with an array 'features' (n, d), or npy.")] = False
    extractor: Annotated[str | None, Help("Feature extractor, or path/to/file.py:Class; default: Inception.", names="extractors")] = None
    """None takes Inception for images and ``identity`` for features."""
    weights: Annotated[Path | None, Help("File of the extractor's weights, or folder with the published files.")] = None
    resize: Annotated[str | None, Help("Resize protocol: tf1, torch, clean, clean-gpu or bicubic; default: the extractor's own.")] = None
    resolution: Annotated[int | None, Ge(1), Help("Crop and resize image files to N x N pixels first.")] = None
    batch: Annotated[int, Ge(1), Help("Number of images in one forward pass.")] = 256
    workers: Annotated[int, Ge(1), Help("Number of threads that decode image files.")] = 2
    cache: Annotated[Path | None, Help("Folder of the feature cache; default: GANBENCH_CACHE, else the user's cache.")] = None
    use_cache: bool = True
    value_range: tuple[float, float] | None = None
    """Of float images in memory: the values of black and of white, (0, 1) or (-1, 1), say; None tells them from the values."""


@dataclass(frozen=True, kw_only=True)
class Settings(Looks):
    """All settings of scoring; those that change a value are part of its protocol."""

    fast: Annotated[bool, Help("TF32 or bfloat16 arithmetic in the network; shifts scores, which are marked.")] = False
    n: Annotated[int | None, Ge(2), Help("Number of generated examples to score; generators draw 50,000 by default.")] = None
    """A random subset of a set's examples, or the number that a generator draws."""
    n_real: Annotated[int | None, Ge(2), Help("Number of real examples to use.")] = None
    seed: Annotated[int, Ge(0), Help("Seed of random subsets, latents and the metrics' random numbers.")] = 0
    latent_dim: Annotated[int | None, Ge(1), Help("Size of an exported program's latents, if the file does not state it.")] = None
    verify: bool = False
    """Whether torch-fidelity recomputes its metrics from the same features."""


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Builds the settings from keyword arguments; paths may be strings.

    Raises:
        UnknownName: A setting does not exist.
    """
    known = [one.name for one in fields(Settings)]
    for name in given:
        if name not in known:
            raise UnknownName("setting", name, known)
    paths = {name: Path(given[name]) for name in ("weights", "cache", "data_root") if given.get(name) is not None}
    return Settings(**{**given, **paths})

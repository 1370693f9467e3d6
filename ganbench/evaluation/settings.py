"""How are sets scored?"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from ganbench.errors import UnknownName
from ganbench.plan.options import Help


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where work is done, and where data lie."""

    device: Annotated[str, Help("auto, cpu, cuda or cuda:N.")] = "auto"
    data_root: Annotated[Path | None, Help("Where data sets lie; else GANBENCH_DATA, else the user's cache.")] = None


@dataclass(frozen=True, kw_only=True)
class Looks(Place):
    """How examples are read and seen by an extractor."""

    features: Annotated[bool, Help("Paths hold features: npz with an array 'features' (n, d), or npy.")] = False
    extractor: Annotated[str | None, Help("Feature extractor, or path/to/file.py:Class; Inception by default.")] = None
    """None is Inception for images, ``identity`` for features."""
    weights: Annotated[Path | None, Help("File of the extractor's weights, or a folder that holds the published ones.")] = None
    resize: Annotated[str | None, Help("tf1, torch, clean, clean-gpu or bicubic; the extractor's own by default.")] = None
    resolution: Annotated[int | None, Ge(1), Help("Crop and resize image files to N x N pixels first.")] = None
    batch: Annotated[int, Ge(1), Help("Images that the network sees at a time.")] = 256
    workers: Annotated[int, Ge(1), Help("Threads that decode image files.")] = 2
    cache: Annotated[Path | None, Help("Folder of the feature cache; else GANBENCH_CACHE, else the user's.")] = None
    use_cache: bool = True


@dataclass(frozen=True, kw_only=True)
class Settings(Looks):
    """How sets are scored. What changes a value is part of its protocol."""

    fast: Annotated[bool, Help("TF32 or bfloat16 arithmetic in the network; scores shift, and say so.")] = False
    n: Annotated[int | None, Ge(2), Help("Generated examples that count; generators draw 50,000 by default.")] = None
    """A random subset, or that many draws of a generator."""
    n_real: Annotated[int | None, Ge(2), Help("Real examples that count.")] = None
    seed: Annotated[int, Ge(0), Help("Of subsets, latents and the metrics' own randomness.")] = 0
    latent_dim: Annotated[int | None, Ge(1), Help("Length of a program's latents, where it does not say.")] = None
    verify: bool = False
    """Whether torch-fidelity recomputes what it has from the same features."""


def settings_from(given: Mapping[str, Any]) -> Settings:
    """Settings by name; folders may be strings.

    Raises:
        UnknownName: There is no such setting.
    """
    known = [one.name for one in fields(Settings)]
    for name in given:
        if name not in known:
            raise UnknownName("setting", name, known)
    paths = {name: Path(given[name]) for name in ("weights", "cache", "data_root") if given.get(name) is not None}
    return Settings(**{**given, **paths})

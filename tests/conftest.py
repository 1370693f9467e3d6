"""Runs small enough to be carried out many times in a test."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from ganbench.data.dataset import Dataset
from ganbench.data.loading import load_dataset
from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec, TrainingSpec
from ganbench.plan.variant_config import variant_spec
from ganbench.registry import VARIANTS

IMAGES = DatasetSpec(name="digits", resolution=8)
POINTS = DatasetSpec(name="ring8")

TinySpec = Callable[..., RunSpec]


def tiny(variant: str) -> dict[str, Any]:
    """Settings of a few thousand weights, which a registered variant's class says."""
    return dict(VARIANTS.load(variant).tiny) if variant in VARIANTS.targets else {}


def build_spec(variant: str = "dcgan", dataset: DatasetSpec = IMAGES, *, config: dict[str, Any] | None = None, **fields: Any) -> RunSpec:
    """A run of twelve steps on 8x8 digits or on points; ``config`` and ``fields`` replace parts of it."""
    spec = RunSpec(
        variant=variant_spec(variant, {**tiny(variant), **(config or {})}, "test"),
        dataset=dataset,
        seed=0,
        budget_images=12 * 16,
        training=TrainingSpec(batch_size=16, ema_halflife_images=50),
        evaluation=EvaluationSpec(extractor="pixels" if dataset == IMAGES else "identity", metrics=("fd",), n_fake=80, n_real=200),
    )
    return replace(spec, **fields)


@pytest.fixture(scope="session")
def tiny_spec() -> TinySpec:
    """Builds tiny runs: ``tiny_spec("wgan", POINTS, seed=3, config={"critic_steps": 2})``."""
    return build_spec


@pytest.fixture(scope="session")
def tiny_data() -> Callable[[DatasetSpec], Dataset]:
    """Loads the data of a tiny run, once a session."""
    return lru_cache(lambda spec: load_dataset(spec, Path()))


@pytest.fixture(scope="session")
def tiny_trainer(tiny_data: Callable[[DatasetSpec], Dataset]) -> Callable[..., Any]:
    """Builds a trainer at step 0; with ``cls``, of that class instead of the spec's variant; with ``ranks``, of one among several."""
    import torch

    from ganbench import seeding
    from ganbench.distributed import ALONE, Ranks
    from ganbench.training.building import build
    from ganbench.training.trainer import Trainer
    from ganbench.training.variant import Variant

    def start(spec: RunSpec, cls: type[Variant] | None = None, ranks: Ranks = ALONE) -> Trainer:
        data = tiny_data(spec.dataset)
        variant = build(spec, data, torch.device("cpu"))
        if cls is not None:
            with seeding.global_stream(spec.seed, "init"):
                variant = cls(variant.config, data.shape)
        return Trainer(variant, data, spec, torch.device("cpu"), ranks)

    return start


@pytest.fixture(scope="session")
def inception_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dictionary of the FID's Inception in its published form, with random weights that keep the scale of the maps."""
    import torch

    from ganbench.features.inception_network import Definition

    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in Definition().state_dict().items() if "num_batches" not in key}
    tensors = {}
    for key, shape in shapes.items():
        drawn = torch.randn(shape, generator=generator)
        if key.endswith(("conv.weight", "fc.weight")):
            tensors[key] = drawn * (2 / shape[1:].numel()) ** 0.5
        elif key.endswith(("bn.weight", "running_var")):
            tensors[key] = 0.75 + drawn.abs() / 3
        else:
            tensors[key] = drawn / 10
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(tensors, path)
    return path

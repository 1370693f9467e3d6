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

NARROW: dict[str, Any] = {"latent_dim": 8, "generator_width": 4, "discriminator_width": 4}
STYLE: dict[str, Any] = {"latent_dim": 8, "style_dim": 8, "mapping_layers": 2, "channel_max": 4}
GROWTH: dict[str, Any] = {"stage_images": 32, "fade_images": 32}
LAZY: dict[str, Any] = {"r1_interval": 2, "path_length_interval": 2, "path_length_weight": 2.0}
SMALL: dict[str, dict[str, Any]] = {
    "gan": {"latent_dim": 8, "generator_widths": (16, 16), "discriminator_widths": (8, 8), "maxout_pieces": 2, "learning_rate": 0.01},
    **{
        name: {**NARROW, "learning_rate": 0.01}
        for name in (
            *("dcgan", "lsgan", "wgan", "wgan_gp", "dragan", "acgan", "pacgan", "focal_gan", "ablation"),
            *("broken_label_flip", "broken_no_batch_norm", "broken_detached_penalty", "broken_shared_latents"),
        )
    },
    "improved_gan": {**NARROW, "kernels": 4, "learning_rate": 0.01},
    "unrolled_gan": {**NARROW, "unrolling_steps": 2},
    "gman": {**NARROW, "discriminators": 2, "learning_rate": 0.01},
    "sngan": {**NARROW, "critic_steps": 2},
    "projection_gan": {**NARROW, "critic_steps": 2},
    "sagan": {**NARROW, "generator_width": 8, "discriminator_width": 8, "attention_side": 8, "conditional": False},
    "biggan": {**NARROW, "latent_dim": 12, "generator_width": 8, "discriminator_width": 8, "embedding_dim": 4, "attention_side": 8},
    "progressive_gan": {"latent_dim": 8, "channel_max": 4, **GROWTH},
    "stylegan": {**STYLE, **GROWTH},
    "stylegan2": {**STYLE, **LAZY},
    "diffaug_gan": {**STYLE, **LAZY},
    "stylegan2_ada": {**STYLE, **LAZY},
    "r3gan": {"latent_dim": 8, "width": 8, "blocks": 1, "group_channels": 2},
}
"""Networks of a few thousand weights."""
IMAGES = DatasetSpec(name="digits", resolution=8)
POINTS = DatasetSpec(name="ring8")

TinySpec = Callable[..., RunSpec]


def build_spec(variant: str = "dcgan", dataset: DatasetSpec = IMAGES, *, config: dict[str, Any] | None = None, **fields: Any) -> RunSpec:
    """A run of twelve steps on 8x8 digits or on points; ``config`` and ``fields`` replace parts of it."""
    spec = RunSpec(
        variant=variant_spec(variant, {**SMALL.get(variant, {}), **(config or {})}, "test"),
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

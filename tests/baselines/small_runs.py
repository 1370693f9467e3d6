"""How do the tests of the residual family train a method for a few steps? (on random examples)"""

from typing import Any

import numpy as np
import torch

from ganbench import seeding
from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec, TrainingSpec, VariantSpec
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Variant


def build(cls: type[Variant], size: tuple[int, ...] = (1, 8, 8), classes: int = 0, **config: Any) -> Variant:
    """A method, initialised from the seed 0."""
    with seeding.global_stream(0, "init"):
        return cls(cls.Config(**config), DataShape(size=size, classes=classes))


def trainer(cls: type[Variant], size: tuple[int, ...] = (1, 8, 8), classes: int = 0, batch_size: int = 8, **config: Any) -> Trainer:
    """A method on 64 random examples, at step 0."""
    numbers = np.random.default_rng(0)
    images = len(size) == 3
    examples = numbers.integers(0, 256, (64, *size), dtype=np.uint8) if images else numbers.standard_normal((64, *size), dtype=np.float32)
    split = Split(examples=examples, labels=np.arange(64) % classes if classes else None)
    dataset = Dataset(name="random", shape=DataShape(size=size, classes=classes), train=split, held_out=split, fingerprint="0" * 64)
    spec = RunSpec(
        variant=VariantSpec(name="x", config=config, path=None, content=None),
        dataset=DatasetSpec(name="random"),
        seed=0,
        budget_images=64,
        training=TrainingSpec(batch_size=batch_size, ema_halflife_images=100),
        evaluation=EvaluationSpec(extractor="pixels", metrics=("fd",), n_fake=10),
    )
    return Trainer(build(cls, size, classes, **config), dataset, spec, torch.device("cpu"))


def updates(training: Trainer, steps: int) -> list[str]:
    """Which networks were updated in so many steps, in order."""
    order: list[str] = []
    real = training.context.minimize

    def noted(name: str, loss: torch.Tensor, **options: Any) -> None:
        real(name, loss, **options)
        order.append(name)

    training.context.minimize = noted  # type: ignore[method-assign]
    training.advance(steps)
    return order

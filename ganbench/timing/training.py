"""How fast does a variant train? (a case for every run of a matrix, each in the last stage of its training)"""

import math

import torch

from ganbench.data.dataset import Dataset
from ganbench.errors import RequestError
from ganbench.plan.naming import setup
from ganbench.plan.spec import RunSpec
from ganbench.results.timing_record import plain_settings
from ganbench.timing.measure import Case
from ganbench.training.building import build
from ganbench.training.engines import REFERENCE
from ganbench.training.trainer import Trainer
from ganbench.training.trial import refusal

LONGEST_PERIOD = 1_000
"""Steps after which the kinds of steps count as repeated, whatever periods a method asks for."""


def training_case(spec: RunSpec, dataset: Dataset, device: torch.device, tick_images: int, name: str, engine: str = REFERENCE) -> Case:
    """Steps of a run's training, with its data, EMA weights and records, as `ganbench run` executes them.

    A repetition is a whole number of periods, so that steps with and without a generator's update or a lazy penalty have their share. On a
    GPU it has as many images as a run trains on before it reads its losses; so there one wait falls on as many steps as in a run.

    Args:
        spec: The run. Its steps are those of the middle of its budget, where a network has grown.
        dataset: Its data.
        device: Device of the training.
        tick_images: Images between two readings of the losses.
        name: Name of the variant.
        engine: Engine that executes the steps.

    Raises:
        RequestError: The engine cannot take the variant.
    """
    variant = build(spec, dataset, device)
    if reason := refusal(engine, variant, dataset, spec, device):
        raise RequestError(f"the engine {engine} cannot take {name} ({reason}); leave out --engine")
    trainer = Trainer(variant, dataset, spec, device, engine=engine)
    trainer.step = spec.steps // 2
    steps = period(trainer)
    trainer.step += -trainer.step % steps
    if device.type == "cuda":
        steps *= max(1, round(tick_images / spec.training.batch_size / steps))
    return Case(
        task="train",
        name=name,
        subject=plain_settings({**subject(spec, dataset), "batch_size": spec.training.batch_size}),
        call=lambda: trainer.advance(steps),
        images=steps * spec.training.batch_size,
        precision=spec.training.precision,
        engine=engine,
    )


def period(trainer: Trainer) -> int:
    """Steps after which the kinds of a method's steps repeat: found out by training until no other period is asked for."""
    steps = 1
    while True:
        trainer.advance(steps)
        found = min(math.lcm(*trainer.context.asked), LONGEST_PERIOD)
        if found <= steps:
            return steps
        steps = found


def subject(spec: RunSpec, dataset: Dataset) -> dict[str, object]:
    """What determines how much there is to compute: the method with its settings, and the shape of the data but not their content."""
    settings = {key: value for key, value in setup(spec).items() if key not in ("budget_images", "training.precision")}
    return {**settings, "shape": str(dataset.shape), "classes": dataset.shape.classes}

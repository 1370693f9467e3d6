"""Which batch size fits into memory? (asked when one did not)"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from ganbench.data.dataset import Dataset
from ganbench.pipeline.faults import machine_fault
from ganbench.plan.spec import RunSpec
from ganbench.training.building import build
from ganbench.training.trainer import Trainer
from ganbench.training.trial import LONGEST


def that_fits(spec: RunSpec, dataset: Dataset, device: torch.device) -> tuple[int | None, str]:
    """The largest halved batch size of which every kind of step fits beside what is in memory, and a sentence about it.

    Args:
        spec: A run whose batch size does not fit.
        dataset: Its data.
        device: Its device.

    Returns:
        The batch size, None if none was found, and the sentence.
    """
    size = spec.training.batch_size
    said = f"batch_size = {size} does not fit"
    while size := size // 2:
        if device.type == "cuda":
            torch.cuda.empty_cache()
        try:
            _tried(replace(spec, training=replace(spec.training, batch_size=size)), dataset, device)
        except Exception as error:
            if machine_fault(error) is None:  # the method may not take so few
                break
            continue
        return size, f"{said}, {size} does"
    return None, f"{said}, nor does any half of it that was tried"


def _tried(spec: RunSpec, dataset: Dataset, device: torch.device) -> None:
    """Trains until every period that the method asks for has come round once."""
    trainer = Trainer(build(spec, dataset, device), dataset, spec, device)
    trainer.advance(1)
    trainer.advance(min(LONGEST, max(trainer.context.asked, default=1)))


@contextmanager
def advising(spec: RunSpec, dataset: Dataset, device: torch.device) -> Iterator[None]:
    """Adds to an error for want of memory within the block a note about the batch size that would fit."""
    try:
        yield
    except Exception as error:
        if (fault := machine_fault(error)) and fault.startswith("out of memory"):
            traceback.clear_frames(error.__traceback__)  # the tensors of the step that failed would otherwise stay in memory
            error.add_note(that_fits(spec, dataset, device)[1])
        raise

"""Which batch size fits into memory? (asked when one did not)"""

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
            smaller = replace(spec, training=replace(spec.training, batch_size=size))
            trainer = Trainer(build(smaller, dataset, device), dataset, smaller, device)
            trainer.advance(1)
            trainer.advance(min(LONGEST, max(trainer.context.asked, default=1)))
        except Exception as error:
            if machine_fault(error) is None:  # the method may not take so few
                break
            continue
        return size, f"{said}, {size} does"
    return None, f"{said}, nor does any half of it that was tried"


@contextmanager
def advising(spec: RunSpec, dataset: Dataset, device: torch.device) -> Iterator[None]:
    """Adds to an error for want of memory within the block a note about the batch size that would fit."""
    try:
        yield
    except Exception as error:
        if (fault := machine_fault(error)) and fault.startswith("out of memory"):
            error.add_note(that_fits(spec, dataset, device)[1])
        raise

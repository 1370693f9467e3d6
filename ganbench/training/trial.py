"""Can an engine train a method? (tried with copies, before the run begins)"""

import copy

import torch

from ganbench.data.dataset import Dataset
from ganbench.plan.spec import RunSpec
from ganbench.training.engines import ENGINES
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Variant

LONGEST = 16
"""Steps that are tried at most: so many apart are the lazy regularisers of the StyleGANs."""


def refusal(engine: str, variant: Variant, dataset: Dataset, spec: RunSpec, device: torch.device) -> str:
    """Why an engine cannot train a method; empty if it can.

    Steps are tried until each of the periods that the method asks for has come round, with copies of the method: nothing of the run
    changes.

    Args:
        engine: Name of the engine.
        variant: The method on its device, not yet trained.
        dataset: Its data.
        spec: The run.
        device: Device of the run.

    Raises:
        MemoryError: There is no room for the copies; on a GPU ``torch.OutOfMemoryError``.
    """
    refuses = getattr(ENGINES[engine], "refuses", None)
    if refuses is not None and (reason := refuses(variant)):
        return str(reason)
    if refuses is None:
        return ""  # the reference takes whatever can be trained
    trainer = Trainer(copy.deepcopy(variant), dataset, spec, device, engine=engine)
    try:
        while trainer.step < min(LONGEST, max(trainer.context.asked, default=1)):
            trainer.one_step()
    except (MemoryError, torch.OutOfMemoryError):
        raise  # which engine trains, and so a run's bits, must not depend on how much memory is free
    except Exception as error:
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return ""

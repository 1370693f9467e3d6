"""Can an engine train a method? (tried with copies, before the run begins)"""

import copy

import torch

from ganbench.data.dataset import Dataset
from ganbench.plan.spec import RunSpec
from ganbench.training.engines import ENGINES, REFERENCE
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Variant

ROUNDS = 2
"""How often each period comes round in a trial: an engine that records steps executes the first of a kind and records the second."""
LONGEST = 16 * ROUNDS
"""Steps that are tried at most, and one more: 16 steps apart are the lazy regularisers of the StyleGANs."""
FARTHEST = 0.3
"""Relative distance from the reference's weights above which an engine is refused; a coarse check. Measured here on 8x8 images: rounding
gives 0.15 at most (channels-last, all variants, fp32 and bf16), random numbers of another step 0.3 to 1.2 with all variants but one."""


def refusal(engine: str, variant: Variant, dataset: Dataset, spec: RunSpec, device: torch.device) -> str:
    """Why an engine cannot train a method; empty if it can.

    Steps are tried until each of the periods that the method asks for has come round, with copies of the method: nothing of the run
    changes. What they give is compared with the reference.

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
    trainer, reference = (Trainer(copy.deepcopy(variant), dataset, spec, device, engine=one) for one in (engine, REFERENCE))
    try:
        while trainer.step <= min(LONGEST, ROUNDS * max(trainer.context.asked, default=1)):
            trainer.one_step()
    except (MemoryError, torch.OutOfMemoryError):
        raise  # which engine trains, and so a run's bits, must not depend on how much memory is free
    except Exception as error:
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    if trainer.engine_reason:
        return trainer.engine_reason
    reference.advance(trainer.step)
    apart = distance(trainer.variant, reference.variant, variant)
    return f"after {trainer.step} steps it is {apart:.0%} of their length from {REFERENCE}'s weights" if not apart <= FARTHEST else ""


@torch.no_grad()
def distance(one: Variant, other: Variant, start: Variant) -> float:
    """Distance of the weights of two trainings of one method, relative to how far the second is from their common start."""
    ours, theirs, both = (torch.cat([p.flatten().double() for p in method.parameters()]) for method in (one, other, start))
    moved = torch.linalg.vector_norm(theirs - both)
    return (torch.linalg.vector_norm(ours - theirs) / moved).item() if moved > 0 else 0.0

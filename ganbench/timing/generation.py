"""How fast does a variant generate examples?"""

import torch
from torch import Tensor

from ganbench.data.dataset import Dataset
from ganbench.plan.spec import RunSpec
from ganbench.results.timing_record import plain_settings
from ganbench.sampling import CHUNK, draw, observed
from ganbench.timing.measure import Case
from ganbench.timing.training import subject
from ganbench.training.building import build


def sampling_case(spec: RunSpec, dataset: Dataset, device: torch.device, name: str) -> Case:
    """One chunk of examples as evaluations draw them: in float32, in evaluation mode.

    Args:
        spec: The run.
        dataset: Its data.
        device: Device of the generator.
        name: Name of the variant.
    """
    variant = build(spec, dataset, device)
    shares = None if dataset.class_shares is None else torch.from_numpy(dataset.class_shares).float()

    def chunk() -> Tensor:
        with observed(variant) as ready:
            return draw(ready, 0, spec.seed, device, shares)

    settings = {key: value for key, value in subject(spec, dataset).items() if not key.startswith("training.")}
    return Case(task="sample", name=name, subject=plain_settings({**settings, "chunk": CHUNK}), call=chunk, images=CHUNK)

"""How is the variant of a run constructed?"""

import torch

from ganbench import seeding
from ganbench.data.dataset import Dataset
from ganbench.errors import RequestError
from ganbench.plan.spec import RunSpec, VariantSpec
from ganbench.plan.validation import validated
from ganbench.plan.variant_config import load_variant
from ganbench.training.variant import Variant


def build(spec: RunSpec, dataset: Dataset, device: torch.device) -> Variant:
    """Constructs the variant of a run; weights are initialised on the CPU from the stream ``init``, then moved.

    Raises:
        RequestError: The class is not a variant, or does not support this shape.
    """
    cls = variant_class(spec.variant)
    config = validated(cls.Config, spec.variant.config, f"config of {spec.variant.name}")
    with seeding.global_stream(spec.seed, "init"):
        return cls(config, dataset.shape).to(device)


def variant_class(spec: VariantSpec) -> type[Variant]:
    """Imports the class of a variant.

    Raises:
        RequestError: It cannot be imported, or is no variant.
    """
    cls = load_variant(spec)
    if not (isinstance(cls, type) and issubclass(cls, Variant)):
        raise RequestError(f"{spec.name}: is no ganbench.training.variant.Variant; see CONTRIBUTING.md, 'Add a variant'")
    return cls

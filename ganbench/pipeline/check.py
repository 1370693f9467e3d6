"""Can a run start? (checked before anything is written)"""

from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from ganbench import seeding
from ganbench.data.dataset import Dataset
from ganbench.data.loading import load_dataset
from ganbench.data.root import data_root
from ganbench.environment import chosen_device
from ganbench.errors import RequestError
from ganbench.evaluation.fit import Promised, check_data, check_metrics
from ganbench.evaluation.runs import named_extractor, networks, wants_labels
from ganbench.plan.requests import requested
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.plan.variant_config import outdated
from ganbench.sampling import VariantLatents, heeds_labels, observed
from ganbench.training.arithmetic import check_precision
from ganbench.training.building import build
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Variant

CPU = torch.device("cpu")
PROBED = 2
"""Number of examples that a method generates to show their shape."""


@lru_cache(maxsize=4)
def _loaded(spec: DatasetSpec, root: Path) -> Dataset:
    return load_dataset(spec, root)


def real_data(spec: RunSpec, runtime: Runtime) -> Dataset:
    """A run's real data, cached for further runs on the same data.

    Raises:
        DataError: The data cannot be loaded.
    """
    return _loaded(spec.dataset, data_root(runtime.data_root))


def check(spec: RunSpec, runtime: Runtime) -> int:
    """Checks that a run can start, before anything is written.

    Returns:
        About the size of one of its checkpoints in bytes; 0 for a method that cannot be built.

    Raises:
        RequestError: The data cannot be loaded, the variant does not support their shape or generates another, the evaluation plan
            does not fit, or the device does not have the precision of training.
    """
    check_precision(spec.training.precision, chosen_device(runtime.device))
    return check_on(spec, real_data(spec, runtime))


def check_on(spec: RunSpec, dataset: Dataset) -> int:
    """Checks that a run can start on a data set, of which only the outline may be known.

    Returns:
        About the size of one of its checkpoints in bytes; 0 for a method that cannot be built.

    Raises:
        RequestError: The variant does not support the shape of the data or generates another, or the evaluation plan does not fit; or
            the run was planned for another version of the variant.
    """
    if late := outdated(spec.variant):
        raise RequestError(
            f"this run was planned for {late}; run the suite again, which plans it anew, or install the ganbench that planned it"
        )
    plan = spec.evaluation
    requests = requested(plan.metrics, plan.extractor, where="evaluation.metrics")
    extractors = {name: named_extractor(name) for name in networks(requests, plan)}
    check_data(dataset, plan, extractors)
    Trainer.check(spec, dataset)
    try:
        variant = build(spec, dataset, CPU)
        heeds = wants_labels(requests) and heeds_labels(variant, CPU)
        generated = _generated(variant)
    except RequestError:
        raise
    except Exception:
        return 0  # an error in the method, which the run records as its failure
    check_method(spec, variant)
    _check_generated(spec, dataset, generated)
    check_metrics(dataset, plan, extractors, Promised(dataset, plan.n_fake, heeds, VariantLatents(variant, CPU)))
    return _checkpoint_bytes(variant)


def _generated(variant: Variant) -> object:
    """What the generator gives for ``PROBED`` latents, in the way in which examples are drawn from it."""
    classes = variant.shape.classes
    labels = torch.arange(PROBED) % classes if classes else None
    with observed(variant) as ready, seeding.global_stream(0, "eval-noise", device=CPU):
        return ready.generate(torch.randn(PROBED, variant.config.latent_dim, generator=seeding.stream(0, "eval-latents", 0)), labels)


def _check_generated(spec: RunSpec, dataset: Dataset, generated: object) -> None:
    """Raises for examples that are not of the data's shape, before a run is trained towards them."""
    wanted = "x".join(map(str, dataset.shape.size))
    name = spec.variant.name
    if not isinstance(generated, torch.Tensor):
        raise RequestError(f"{name}: generate returns {type(generated).__name__}, not a tensor (n, {wanted.replace('x', ', ')})")
    if not generated.is_floating_point():
        raise RequestError(f"{name}: generate returns {generated.dtype}; give floating-point numbers, for images in [-1, 1]")
    if tuple(generated.shape) != (PROBED, *dataset.shape.size):
        given = "x".join(map(str, generated.shape[1:])) or "single numbers"
        many = "" if generated.ndim and len(generated) == PROBED else f", {len(generated) if generated.ndim else 0} for {PROBED} latents"
        raise RequestError(
            f"{name}: generates examples of {given}{many}, and those of {dataset.name} are {wanted}; "
            f"take the size from the `shape` that the constructor is given"
        )


def _checkpoint_bytes(variant: Variant) -> int:
    """Parameters and buffers, the generator's again for its moving average, and two moments per parameter, as Adam keeps them."""
    trained = [parameter for parameter in variant.parameters() if parameter.requires_grad]
    tensors = [*variant.state_dict().values(), *variant.generator.state_dict().values(), *trained, *trained]
    return sum(tensor.nbytes for tensor in tensors)


def check_method(spec: RunSpec, variant: Variant) -> None:
    """Raises for budgets and batch sizes that the method does not support."""
    variant.check_budget(spec.budget_images)
    size, multiple = spec.training.batch_size, variant.batch_multiple
    if size % multiple:
        fitting = " or ".join(str(n) for n in (size // multiple * multiple, -(-size // multiple) * multiple) if n)
        raise RequestError(
            f"training.batch_size = {size}: {spec.variant.name} as configured takes multiples of {multiple} examples; use {fitting}"
        )
    if size == 1 and any(isinstance(module, nn.BatchNorm1d) for module in variant.modules()):
        raise RequestError(
            f"training.batch_size = 1: {spec.variant.name} normalises over the batch, and one example is no batch; use 2 or more"
        )

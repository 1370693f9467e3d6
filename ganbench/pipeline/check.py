"""Can a run start? (checked before anything is written)"""

from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from ganbench.data.dataset import Dataset
from ganbench.data.loading import load_dataset
from ganbench.data.root import data_root
from ganbench.errors import RequestError
from ganbench.evaluation.fit import Promised, check_data, check_metrics
from ganbench.evaluation.runs import named_extractor, networks, wants_labels
from ganbench.plan.requests import requested
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.sampling import VariantLatents, heeds_labels
from ganbench.training.building import build
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Variant

CPU = torch.device("cpu")


@lru_cache(maxsize=4)
def _loaded(spec: DatasetSpec, root: Path) -> Dataset:
    return load_dataset(spec, root)


def real_data(spec: RunSpec, runtime: Runtime) -> Dataset:
    """A run's real data, cached for further runs on the same data.

    Raises:
        DataError: The data cannot be loaded.
    """
    return _loaded(spec.dataset, data_root(runtime.data_root))


def check(spec: RunSpec, runtime: Runtime) -> None:
    """Checks that a run can start, before anything is written.

    Raises:
        RequestError: The data cannot be loaded, the variant does not support their shape, or the evaluation plan does not fit.
    """
    check_on(spec, real_data(spec, runtime))


def check_on(spec: RunSpec, dataset: Dataset) -> None:
    """Checks that a run can start on a data set, of which only the outline may be known.

    Raises:
        RequestError: The variant does not support the shape of the data, or the evaluation plan does not fit.
    """
    plan = spec.evaluation
    requests = requested(plan.metrics, plan.extractor, where="evaluation.metrics")
    extractors = {name: named_extractor(name) for name in networks(requests, plan)}
    check_data(dataset, plan, extractors)
    Trainer.check(spec, dataset)
    try:
        variant = build(spec, dataset, CPU)
        heeds = wants_labels(requests) and heeds_labels(variant, CPU)
    except RequestError:
        raise
    except Exception:
        return  # an error in the method, which the run records as its failure
    _check_method(spec, variant)
    check_metrics(dataset, plan, extractors, Promised(dataset, plan.n_fake, heeds, VariantLatents(variant, CPU)))


def _check_method(spec: RunSpec, variant: Variant) -> None:
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

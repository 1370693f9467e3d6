"""Does torch-fidelity compute the same scores from the same features?

It receives the features in float64 and recomputes its metrics. Both libraries use its settings (its subsets for KID,
its order for IS), so that any difference is one of arithmetic.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torch_fidelity import (
    KEY_METRIC_FID,
    KEY_METRIC_ISC_MEAN,
    KEY_METRIC_KID_MEAN,
    KEY_METRIC_PRECISION,
    KEY_METRIC_RECALL,
    calculate_metrics,
)
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from ganbench import seeding
from ganbench.evaluation.agreement import Agreement
from ganbench.metrics import frechet
from ganbench.metrics.base import Metric
from ganbench.metrics.classifier import SPLITS, split_scores
from ganbench.metrics.kernel import SUBSET_SEED, SUBSET_SIZE, SUBSETS, subset_estimates
from ganbench.metrics.manifold import PRECISION, RECALL
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


def agreements(comparison: Comparison) -> list[Agreement]:
    """Compares ganbench's values with those that torch-fidelity computes from the same features.

    Args:
        comparison: Both sets, with all features.
    """
    real, fake = comparison.real, comparison.fake
    with_probabilities = fake.log_probabilities is not None
    subset = min(SUBSET_SIZE, len(real), len(fake))
    theirs = _calculated(real, fake, with_probabilities, subset)
    found = [
        Agreement(
            name="fd",
            ours=_printed(frechet.FD, comparison),
            theirs=theirs[KEY_METRIC_FID],
        ),
        Agreement(
            name=f"kd, {SUBSETS} subsets of {subset:,}",
            ours=subset_estimates(real.values, fake.values, subset).mean().item(),
            theirs=theirs[KEY_METRIC_KID_MEAN],
        ),
        Agreement(
            name="precision",
            ours=_printed(PRECISION, comparison),
            theirs=theirs[KEY_METRIC_PRECISION],
        ),
        Agreement(
            name="recall",
            ours=_printed(RECALL, comparison),
            theirs=theirs[KEY_METRIC_RECALL],
        ),
    ]
    if fake.log_probabilities is not None:
        order = torch.from_numpy(np.random.RandomState(SUBSET_SEED).permutation(len(fake)))
        scores, _ = split_scores(fake.log_probabilities[order], SPLITS)
        found.append(Agreement(name="cs, its order", ours=scores.mean().item(), theirs=theirs[KEY_METRIC_ISC_MEAN]))
    return found


def _printed(metric: Metric, comparison: Comparison) -> float:
    """The value of this metric as a score reports it."""
    return metric.estimate(comparison, seeding.stream(0, f"metric/{metric.name}")).value


class _Rows(Dataset[Tensor]):
    """Row numbers encoded as images for torch-fidelity's loader; the extractor returns the features of these rows."""

    def __init__(self, side: int, n: int) -> None:
        self.side, self.n = side, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Tensor:
        return torch.tensor([self.side, index]).view(torch.uint8).reshape(1, 1, 16).expand(3, 1, 16).clone()


def _look_up(sides: Sequence[Features]) -> type[FeatureExtractorBase]:
    """A torch-fidelity extractor that looks up precomputed features of both sides."""

    class LookUp(FeatureExtractorBase):  # type: ignore[misc]
        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return "features", "logits"

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return "logits" if metric == "isc" else "features"

        def __init__(self, name: str, features_list: Sequence[str], **_: Any) -> None:
            super().__init__(name, features_list)

        def forward(self, rows: Tensor) -> tuple[Tensor, ...]:
            where = rows[:, 0].contiguous().view(torch.int64).reshape(-1, 2)
            side, index = sides[int(where[0, 0])], where[:, 1]
            found = {"features": side.values[index].double()}
            if "logits" in self.features_list:
                probabilities = side.log_probabilities if side.log_probabilities is not None else torch.zeros(len(side), 2)
                found["logits"] = probabilities[index].double()
            return tuple(found[name] for name in self.features_list)

    return LookUp


def _calculated(real: Features, fake: Features, isc: bool, subset: int) -> dict[str, float]:
    """Runs torch-fidelity on the features of both sides, generated first."""
    FEATURE_EXTRACTORS_REGISTRY["ganbench-look-up"] = _look_up((fake, real))
    try:
        found: dict[str, float] = calculate_metrics(
            input1=_Rows(0, len(fake)),
            input2=_Rows(1, len(real)),
            isc=isc,
            fid=True,
            kid=True,
            prc=True,
            feature_extractor="ganbench-look-up",
            kid_subset_size=subset,
            cuda=False,
            cache=False,
            save_cpu_ram=True,
            verbose=False,
        )
    finally:
        del FEATURE_EXTRACTORS_REGISTRY["ganbench-look-up"]
    return found

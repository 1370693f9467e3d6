"""How does a metric's estimate become a score with its protocol?"""

import math
import time
from collections.abc import Mapping
from typing import Any

import torch

from ganbench import seeding
from ganbench.errors import Diverged
from ganbench.features.base import Extractor
from ganbench.metrics.base import Metric
from ganbench.registry import label
from ganbench.results.record import Score
from ganbench.sets.comparison import Comparison


def scored(metric: Metric, name: str, comparison: Comparison, extractor: Extractor, seed: int, protocol: Mapping[str, Any]) -> Score:
    """Estimates one metric.

    Args:
        metric: The formula.
        name: As it was asked for ("fid").
        comparison: The sets.
        extractor: What their features come from.
        seed: Root seed; the metric's own randomness is the stream ``metric/<formula>``.
        protocol: What the value depends on besides formula and extractor.

    Raises:
        Diverged: The value, or an end of its interval, is not finite.
    """
    start = time.perf_counter()
    shown = label(metric.name, extractor.name)
    try:
        estimate = metric.estimate(comparison, seeding.stream(seed, f"metric/{metric.name}"))
    except OverflowError:
        raise Diverged(f"{shown} overflows: the generated examples are too far off") from None
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        raise Diverged(f"{shown} has no finite value: the features are too large or their covariance too uneven") from None
    if not all(map(math.isfinite, (estimate.value, estimate.ci_low, estimate.ci_high))):
        raise Diverged(f"{shown} is not finite: {estimate.value}, 95 % interval {estimate.ci_low} to {estimate.ci_high}")
    return Score(
        metric=name,
        label=shown + _other(extractor),
        value=estimate.value,
        ci_low=estimate.ci_low,
        ci_high=estimate.ci_high,
        ci_method=estimate.ci_method,
        n_real=comparison.n_real,
        n_fake=comparison.n_fake,
        higher_is_better=metric.higher_is_better,
        seconds=time.perf_counter() - start,
        protocol={**_common(metric, name, extractor), "n_real": comparison.n_real, "n_fake": comparison.n_fake, **protocol},
        perfect=estimate.perfect,
        estimand=metric.estimand,
    )


def _other(extractor: Extractor) -> str:
    """What sets a score apart from the one that the bare label promises."""
    own = getattr(extractor, "resize_mode", None)
    parts = [] if own is None or own == getattr(extractor, "mode", None) else [extractor.resize]
    parts += [extractor.dtype] if extractor.dtype != "float32" else []
    parts += ["features given"] if getattr(extractor, "declared", "identity") != "identity" else []
    if extractor.published is not None and extractor.weights_sha256 != extractor.published.sha256:
        parts.append("other weights")
    return f" ({', '.join(parts)})" if parts else ""


def _common(metric: Metric, name: str, extractor: Extractor) -> dict[str, Any]:
    """The part of a protocol that formula and extractor fix."""
    return {
        "metric": name,
        "metric_version": metric.version,
        **{f"parameter_{key}": value for key, value in metric.parameters},
        "extractor": extractor.name,
        "extractor_version": extractor.version,
        "extractor_weights_sha256": extractor.weights_sha256,
        "resize": extractor.resize,
        "feature_dtype": "float64" if extractor.network is None else extractor.dtype,
        **({"extractor_source_sha256": extractor.source_sha256} if extractor.source_sha256 else {}),
        "tf32": bool(extractor.device.type == "cuda" and (extractor.dtype == "tf32" or torch.backends.cudnn.allow_tf32)),
    }

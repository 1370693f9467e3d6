"""How does a metric's estimate become a score with its protocol?"""

import time
from collections.abc import Mapping
from typing import Any

import torch

from ganbench import seeding
from ganbench.errors import Diverged, GanbenchError, RequestError
from ganbench.features.base import Extractor
from ganbench.metrics.base import Metric, OwnNetwork
from ganbench.plan.metric_names import NO_NETWORK, label
from ganbench.results.record import LARGEST, Score
from ganbench.sets.comparison import Comparison


def score_metric(metric: Metric, name: str, comparison: Comparison, extractor: Extractor, seed: int, protocol: Mapping[str, Any]) -> Score:
    """Estimates one metric.

    Args:
        metric: The metric.
        name: Its name in records ("fid").
        comparison: The sets.
        extractor: The extractor of their features.
        seed: Root seed; the metric draws from the stream ``metric/<formula>``.
        protocol: Everything that the value depends on besides metric and extractor.

    Raises:
        Diverged: The value, or an end of its interval, is not finite.
        RequestError: A metric from a file raised an exception, or returned no valid estimate.
    """
    start = time.perf_counter()
    shown = label(metric.name, extractor.name)
    try:
        estimate = metric.estimate(comparison, seeding.stream(seed, f"metric/{metric.name}"))
    except OverflowError:
        raise Diverged(f"{shown} overflows: the generated examples are too far off") from None
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        raise Diverged(f"{shown} has no finite value: the features are too large or their covariance too uneven") from None
    except (GanbenchError, MemoryError):
        raise
    except Exception as error:
        if metric.source_sha256 is None:
            raise  # an error in ganbench itself
        raise RequestError(f"metric {name!r} raised {type(error).__name__}: {' '.join(str(error).split())[:160]}") from error
    numbers = (getattr(estimate, key, None) for key in ("value", "ci_low", "ci_high"))
    if not all(isinstance(number, float | int) for number in numbers):
        raise RequestError(f"metric {name!r} gave a {type(estimate).__name__}; give an Estimate of Python floats (ganbench.metrics.base)")
    if not all(abs(number) <= LARGEST for number in (estimate.value, estimate.ci_low, estimate.ci_high)):  # "not <=" also refuses nan
        raise Diverged(
            f"{shown} is not finite, or beyond {LARGEST:g}: {estimate.value}, 95 % interval {estimate.ci_low} to {estimate.ci_high}"
        )
    own = None if metric.network is None else metric.network(comparison.weights)
    network = own if isinstance(own, OwnNetwork) else None
    departures = [*([] if extractor.name == NO_NETWORK else extractor.departures()), *(network.departures() if network else [])]
    return Score(
        metric=name,
        label=shown + (f" ({', '.join(departures)})" if departures else ""),
        value=estimate.value,
        ci_low=estimate.ci_low,
        ci_high=estimate.ci_high,
        ci_method=estimate.ci_method,
        n_real=comparison.n_real,
        n_fake=comparison.n_fake,
        seconds=time.perf_counter() - start,
        protocol={
            "metric": name,
            "metric_version": metric.version,
            **({"metric_source_sha256": metric.source_sha256} if metric.source_sha256 else {}),
            **{f"parameter_{key}": value for key, value in metric.parameters},
            **({"extractor": NO_NETWORK} if extractor.name == NO_NETWORK else extractor.identity()),
            **(network.identity() if network else {}),
            "tf32": bool(extractor.device.type == "cuda" and extractor.dtype == "tf32"),
            "n_real": comparison.n_real,
            "n_fake": comparison.n_fake,
            **protocol,
        },
        perfect=estimate.perfect,
        estimand=metric.estimand,
        warnings=estimate.warnings,
        details=dict(estimate.details),
        **metric.of_scores(),
    )

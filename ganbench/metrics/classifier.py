"""How confident is a classifier on each generated example, and how varied are its predictions over the whole set?"""

from dataclasses import replace

import torch
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.intervals import normal_estimate
from ganbench.sets.comparison import Comparison

SPLITS = 10
"""Number of parts that the examples are split into; the marginal is estimated within each part (Salimans et al. 2016)."""
_BOUNDS = (1.0, torch.inf)


def divergences(log_probabilities: Tensor) -> Tensor:
    """KL divergence of every example's class probabilities from their mean over the set, in nats.

    Args:
        log_probabilities: float64 (n, classes); -inf is a probability of 0.

    Returns:
        (n,), each at least 0 up to rounding.
    """
    probabilities = log_probabilities.exp()
    marginal = probabilities.mean(0)
    own = torch.where(probabilities > 0, probabilities * log_probabilities, 0.0)
    cross: Tensor = torch.special.xlogy(probabilities, marginal)
    return (own - cross).sum(1)


def split_scores(log_probabilities: Tensor, splits: int) -> tuple[Tensor, Tensor]:
    """Scores of consecutive parts; the i-th part starts at example i * n // splits.

    Returns:
        exp of the mean divergence of every part, and its variance by the delta method; both (splits,). The
        divergence is its own influence value: to first order, estimating the marginal adds no variance.
    """
    n = len(log_probabilities)
    parts = [divergences(log_probabilities[i * n // splits : (i + 1) * n // splits]) for i in range(splits)]
    scores = torch.stack([part.mean().clamp(min=0).exp() for part in parts])
    return scores, scores.square() * torch.stack([part.var() / len(part) for part in parts])


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """Mean score over the splits of the shuffled generated set."""
    log_probabilities = comparison.fake.log_probabilities
    if log_probabilities is None:
        raise RequestError("cs needs class probabilities, and this extractor gives none; take a classifier (ganbench list extractors)")
    order = torch.randperm(len(log_probabilities), generator=generator, device=generator.device).to(log_probabilities.device)
    scores, variances = split_scores(log_probabilities[order], SPLITS)
    estimate = normal_estimate(scores.mean().item(), variances.sum().item() / SPLITS**2, _BOUNDS, "delta method within splits")
    # papers print it behind the score, but it is no error bar: it is that of one split, with a tenth of the examples
    return replace(estimate, details=((f"standard deviation over {SPLITS} splits", scores.std(correction=0).item()),))


CS = Metric(
    name="cs",
    version=1,
    higher_is_better=True,
    needs_real=(),
    needs_fake=("probabilities",),
    minimum_n=100,
    bounds=_BOUNDS,
    depends_on_n=True,
    parameters=(("splits", SPLITS),),
    streams=True,
    estimate=_estimate,
)
"""Classifier score: exp of the mean KL divergence of class probabilities from their marginal (Salimans et al. 2016)."""

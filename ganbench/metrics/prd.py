"""Which pairs of precision and recall does the generated distribution attain?

Real and generated features are clustered together; the two histograms over the clusters give a curve of attainable
precision and recall (Sajjadi et al. 2018, section 3.3 and algorithm 1), which is averaged over several clusterings.
"""

import math
import warnings

import numpy as np
import torch
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.intervals import second_order_variance
from ganbench.metrics.resampling import GROUPS, dealt, share_of_both, variance
from ganbench.sets.comparison import Comparison

CLUSTERS, RUNS, ANGLES, BETA = 20, 10, 1001, 8.0
_EDGE = 1e-10
"""Distance of the first and the last angle from the axes, in radians."""
_SIMULATED = 20
"""Pairs of histograms drawn from the real one per clustering, to estimate the score of a perfect generator."""
_BALANCE = 2.0
"""Largest ratio of the numbers of examples, because the larger set would determine the clusters."""


def curve(real: Tensor, fake: Tensor, angles: int = ANGLES) -> tuple[Tensor, Tensor]:
    """Precision and recall for every slope between the axes.

    Args:
        real: Histograms of the real examples (..., clusters), each of sum 1.
        fake: Histograms of the generated examples, of the same shape.
        angles: Number of slopes, at equidistant angles.

    Returns:
        Precision and recall, each (..., angles) in [0, 1], from slope 0 (precision 0) upward.
    """
    slopes = torch.linspace(_EDGE, math.pi / 2 - _EDGE, angles, dtype=torch.float64, device=real.device).tan()
    precision = torch.minimum(slopes[:, None] * real[..., None, :], fake[..., None, :]).sum(-1)
    return precision.clamp(0, 1), (precision / slopes).clamp(0, 1)


def f_score(precision: Tensor, recall: Tensor, beta: float) -> Tensor:
    """Largest F-beta score along curves (..., angles); recall counts beta times as much as precision."""
    weighted = beta**2 * precision + recall
    scores = (1 + beta**2) * precision * recall / torch.where(weighted > 0, weighted, 1.0)
    return scores.amax(-1)


def attainable(real: Tensor, fake: Tensor, generator: torch.Generator, angles: int) -> tuple[Tensor, Tensor]:
    """The curve of attainable precision and recall of two sets, averaged over clusterings.

    Args:
        real: Features (n, d) of the real examples.
        fake: Features (m, d) of about as many generated examples, since clusters follow the larger set.
        generator: Random numbers of the clusterings.
        angles: Number of slopes.

    Returns:
        Precision and recall, each (angles,), as :func:`curve` gives them.
    """
    clusters = _clusters(real, fake, generator)
    real_shares, fake_shares = (_shares(side) for side in (clusters[:, : len(real)], clusters[:, len(real) :]))
    precision, recall = curve(real_shares, fake_shares, angles)
    return precision.mean(0), recall.mean(0)


def _shares(clusters: Tensor) -> Tensor:
    """Share of every cluster in every clustering run (runs, clusters), from the clusters (runs, n) of the examples."""
    counts = torch.stack([torch.bincount(run, minlength=CLUSTERS) for run in clusters]).double()
    return counts / counts.sum(1, keepdim=True)


def _clusters(real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    """The cluster of every example in every clustering run (runs, n + m)."""
    from sklearn.cluster import MiniBatchKMeans  # it brings a thread along where pyarrow is there, and workers are forked without one
    from sklearn.exceptions import ConvergenceWarning

    union = torch.cat([real, fake]).cpu().numpy()
    seeds = torch.randint(0, 2**31 - 1, (RUNS,), generator=generator, device=generator.device).tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # copies can leave fewer distinct points than clusters
        runs = [MiniBatchKMeans(CLUSTERS, n_init=10, random_state=seed).fit(union).labels_ for seed in seeds]
    return torch.from_numpy(np.stack(runs)).long()


def _histograms(clusters: Tensor, groups: Tensor) -> Tensor:
    """Counts (groups, runs, clusters) of examples, from their clusters (runs, n) and jackknife groups (n,)."""
    counts = torch.zeros(GROUPS, RUNS, CLUSTERS, dtype=torch.float64)
    run = torch.arange(RUNS)[:, None].expand_as(clusters)
    return counts.index_put_((groups.expand_as(clusters), run, clusters), torch.ones((), dtype=torch.float64), accumulate=True)


def _scores(real: Tensor, fake: Tensor, beta: float) -> Tensor:
    """F-beta score of the curve averaged over the runs, from counts (..., runs, clusters)."""
    precision, recall = curve(real / real.sum(-1, keepdim=True), fake / fake.sum(-1, keepdim=True))
    return f_score(precision.mean(-2), recall.mean(-2), beta)


def _estimate(comparison: Comparison, generator: torch.Generator, beta: float) -> Estimate:
    """F-beta score, with a jackknife over both sets at fixed clusters plus the variance between clusterings."""
    n, m = len(comparison.real.values), len(comparison.fake.values)
    if max(n, m) > _BALANCE * min(n, m):
        option = f"--n{'' if m > n else '-real'} {min(n, m)}"
        raise RequestError(
            f"prd needs about as many generated as real examples, got {m} and {n}, as clusters follow the larger set; add {option}"
        )
    clusters = _clusters(comparison.real.values, comparison.fake.values, generator)
    real = _histograms(clusters[:, :n], dealt(n, generator).cpu())
    fake = _histograms(clusters[:, n:], dealt(m, generator).cpu())
    all_real, all_fake = real.sum(0), fake.sum(0)
    value = _scores(all_real, all_fake, beta).item()
    sampling = variance(_scores(all_real - real, all_fake, beta)) + variance(_scores(all_real, all_fake - fake, beta))
    single = _scores(all_real[:, None], all_fake[:, None], beta)
    # pairs of histograms drawn from the real one: the score of a perfect generator, and the variance of one clustering's score
    ideal = [_drawn(all_real / n, size, generator) for size in (n, m)]
    perfect = _scores(ideal[0], ideal[1], beta).mean().item()
    second_order = _scores(ideal[0][:, :, None], ideal[1][:, :, None], beta).var(0).mean().item()
    spread = second_order_variance(sampling, second_order) + single.var().item() / RUNS
    return share_of_both(value, spread, n, m, "jackknife over groups, spread over clusterings", perfect)


def _drawn(shares: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Simulated histograms (simulated, runs, clusters) of n examples with the cluster probabilities (runs, clusters)."""
    rows = shares.float().repeat(_SIMULATED, 1).to(generator.device)
    chosen = torch.multinomial(rows, n, replacement=True, generator=generator).cpu()
    counts = torch.zeros(len(rows), CLUSTERS, dtype=torch.float64).scatter_add_(1, chosen, torch.ones(chosen.shape, dtype=torch.float64))
    return counts.view(_SIMULATED, *shares.shape)


_PARAMETERS = (("clusters", CLUSTERS), ("runs", RUNS), ("angles", ANGLES), ("beta", BETA))

PRD_F8 = Metric(
    name="prd_f8",
    version=1,
    higher_is_better=True,
    minimum_n=100,
    maximum_ratio=_BALANCE,
    bounds=(0.0, 1.0),
    parameters=_PARAMETERS,
    estimate=lambda comparison, generator: _estimate(comparison, generator, BETA),
)
"""Largest F8 score along the precision-recall curve of 20 clusters: diversity (Sajjadi et al. 2018)."""

PRD_F1_8 = Metric(
    name="prd_f1_8",
    version=1,
    higher_is_better=True,
    minimum_n=100,
    maximum_ratio=_BALANCE,
    bounds=(0.0, 1.0),
    parameters=_PARAMETERS,
    estimate=lambda comparison, generator: _estimate(comparison, generator, 1 / BETA),
)
"""Largest F1/8 score along the precision-recall curve of 20 clusters: fidelity (Sajjadi et al. 2018)."""

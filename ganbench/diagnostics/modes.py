"""Which modes of a mixture does the generator cover, and how well?

The definition is fixed (``PROTOCOL_VERSION``): a sample belongs to the nearest centre, and is of high quality if it
is less than 3 sigma from it (L2). Published evaluators use different definitions, so numbers are comparable only
within one protocol.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganbench.data.dataset import ModeSet
from ganbench.diagnostics.base import Case, Examination
from ganbench.diagnostics.histograms import Floats, expected_covered, expected_kl
from ganbench.errors import DataError, RequestError
from ganbench.results.record import Diagnostic

PROTOCOL_VERSION = 1
"""Raised whenever the same samples would give different values."""
RADIUS = 3.0
"""Distance to the nearest centre, in sigmas, below which a sample is of high quality."""
ROBUST_SHARE = 0.2
"""Fraction of the expected count n / K with which a mode counts as robustly covered."""


@dataclass(frozen=True, kw_only=True)
class ModeCounts:
    """Numbers of samples per mode."""

    nearest: Tensor
    """int64 (modes,): number of samples nearest to this centre."""
    high_quality: Tensor
    """int64 (modes,): number of these within 3 sigma."""
    variance: float | None
    """Pooled variance per axis of the high-quality samples about the mean of their mode; None if no mode has two."""


def mode_counts(samples: Tensor, modes: ModeSet) -> ModeCounts:
    """Assigns samples (n, dimensions) to the modes of a mixture.

    Raises:
        DataError: Two centres are closer than 6 sigma, so their 3-sigma balls overlap (or they are equal).
        RequestError: The samples are not finite points of the mixture's dimension.
    """
    centres = torch.from_numpy(modes.centres).to(samples.device, torch.float64)
    _check(samples, centres, modes.sigma)
    samples = samples.to(torch.float64)
    distance, mode = _distances(samples, centres).min(1)
    high = distance < RADIUS * modes.sigma
    counts = torch.bincount(mode[high], minlength=len(centres))
    sums = samples.new_zeros(centres.shape).index_add_(0, mode[high], samples[high])
    residuals = samples[high] - (sums / counts.clamp(min=1)[:, None])[mode[high]]
    freedom = int((counts - 1).clamp(min=0).sum()) * centres.shape[1]
    return ModeCounts(
        nearest=torch.bincount(mode, minlength=len(centres)),
        high_quality=counts,
        variance=residuals.square().sum().item() / freedom if freedom else None,
    )


def mode_diagnostics(samples: Tensor, modes: ModeSet) -> list[Diagnostic]:
    """Number of covered modes, sample quality, balance over modes and standard deviation within modes.

    ``modes`` and ``robust_modes`` count modes with at least one high-quality sample, and with at least 20 % of n / K.
    ``kl_hq`` and ``kl_all`` are KL(histogram || uniform) in nats over high-quality and over all samples.
    ``sd_ratio`` is the pooled standard deviation of the high-quality samples about the mean of their mode, over that
    of a Gaussian truncated at 3 sigma: sigma sqrt(F_{d+2}(9) / F_d(9)), where F_d is the chi-square distribution
    with d degrees of freedom. Its square has expectation 1 for a perfect sampler; below 0.8 the modes have collapsed.

    Args:
        samples: Generated points (n, dimensions).
        modes: The exact mixture.

    Raises:
        DataError: Two centres are closer than 6 sigma.
        RequestError: The samples are not finite points of the mixture's dimension.
    """
    counts, n = mode_counts(samples, modes), len(samples)
    k, dimensions = modes.centres.shape
    high = int(counts.high_quality.sum())
    cap = _chi_square(dimensions)
    truncated = modes.sigma**2 * _chi_square(dimensions + 2) / cap
    ratio = None if counts.variance is None else math.sqrt(counts.variance / truncated)
    empty = "" if high else "no high-quality sample"
    equal = np.full(k, 1 / k)
    return [
        *_covered(counts.high_quality, cap * equal, n),
        Diagnostic(name="hq_percent", value=100 * high / n, perfect=100 * cap, n=n),
        Diagnostic(
            name="kl_hq", value=kl_to_uniform(counts.high_quality), perfect=expected_kl(equal, max(round(n * cap), 1)), n=n, note=empty
        ),
        Diagnostic(name="kl_all", value=kl_to_uniform(counts.nearest), perfect=expected_kl(equal, n), n=n),
        Diagnostic(
            name="sd_ratio", value=ratio, perfect=1.0, n=n, note="" if ratio is not None else "no mode holds two high-quality samples"
        ),
    ]


def class_mode_diagnostics(counts: Tensor) -> list[Diagnostic]:
    """Number of covered modes and balance over modes, for modes that a classifier assigns (stacked digits).

    The names have the meaning of :func:`mode_diagnostics`, with every example counted. ``robust_modes`` have 20 % of n / K: with the
    usual 26,000 samples and 1,000 modes these are 6 samples. A perfect generator covers all modes, but the classifier's errors
    assign some of its examples to other modes.

    Args:
        counts: int64 (modes,): number of examples in each mode.
    """
    n, equal = int(counts.sum()), np.full(len(counts), 1 / len(counts))
    return [
        *_covered(counts, equal, n),
        Diagnostic(name="kl_all", value=kl_to_uniform(counts), perfect=expected_kl(equal, n), n=n),
    ]


def _covered(counts: Tensor, shares: Floats, n: int) -> list[Diagnostic]:
    """Numbers of modes with one example and with 20 % of n / K, from counts (modes,) and a perfect generator's shares (modes,)."""
    found = []
    for name, fewest in (("modes", 1.0), ("robust_modes", max(ROBUST_SHARE * n / len(counts), 1.0))):
        perfect = expected_covered(shares, n, np.full(len(counts), fewest))
        found.append(Diagnostic(name=name, value=int((counts >= fewest).sum()), perfect=perfect, n=n))
    return found


def kl_to_uniform(counts: Tensor) -> float | None:
    """KL(histogram || uniform) in nats, from 0 to ln K; None for an empty histogram."""
    total = counts.sum().item()
    if not total:
        return None
    shares = counts.double() / total
    return max(float(torch.special.xlogy(shares, shares * len(counts)).sum()), 0.0)


def _check(samples: Tensor, centres: Tensor, sigma: float) -> None:
    if samples.ndim != 2 or samples.shape[1] != centres.shape[1] or not len(samples):
        raise RequestError(f"samples have shape {tuple(samples.shape)}; this mixture takes (n, {centres.shape[1]})")
    if not samples.isfinite().all():
        raise RequestError("samples hold values that are not finite; a run like this has diverged and has no modes to count")
    gap = torch.pdist(centres).min().item() if len(centres) > 1 else math.inf
    if gap < 2 * RADIUS * sigma:
        raise DataError(
            f"two mode centres lie {gap:.3g} apart, less than 6 sigma = {6 * sigma:.3g}; spread the centres or lower sigma "
            "(a ring must leave out its end point)"
        )


def _distances(samples: Tensor, centres: Tensor) -> Tensor:
    """L2 distances (n, modes) from differences: a matrix product is too imprecise if sigma is a thousandth of the ring's radius."""
    return torch.cdist(samples, centres, compute_mode="donot_use_mm_for_euclid_dist")


def _chi_square(dimensions: int) -> float:
    """Probability that a chi-square variable with this many degrees of freedom is below RADIUS^2."""
    half = torch.tensor([dimensions / 2, RADIUS**2 / 2], dtype=torch.float64)
    return float(torch.special.gammainc(half[0], half[1]))


def _limits(k: int) -> dict[str, tuple[float, float]]:
    """Smallest and largest values for k modes."""
    counts = {name: (0.0, float(k)) for name in ("modes", "robust_modes")}
    balance = {name: (0.0, math.log(k)) for name in ("kl_hq", "kl_all")}
    return {**counts, **balance, "hq_percent": (0.0, 100.0), "sd_ratio": (0.0, math.inf)}


def _examine(case: Case) -> list[Diagnostic]:
    assert case.examples is not None and case.modes is not None
    return mode_diagnostics(case.examples.double(), case.modes)


MODES = Examination(
    name="modes",
    measures=("modes", "robust_modes", "hq_percent", "kl_hq", "kl_all", "sd_ratio"),
    fits=lambda case: case.modes is not None and case.examples is not None,
    examine=_examine,
    limits=lambda case: _limits(len(case.modes.centres)) if case.modes else {},
    needs="points of a data set with known modes (ring8, grid25)",
)
"""Which modes of a mixture does the generator cover, and how well?"""

CLASS_MODES = Examination(
    name="class_modes",
    measures=("modes", "robust_modes", "kl_all"),
    fits=lambda case: case.mode_counts is not None,
    examine=lambda case: class_mode_diagnostics(case.mode_counts()) if case.mode_counts else [],
    limits=lambda case: _limits(len(case.mode_counts())) if case.mode_counts else {},
    needs="a data set whose modes a classifier counts (stacked-digits, stacked-mnist)",
)
"""Which modes does the generator cover, if a classifier assigns examples to modes?"""

"""Which modes of a mixture does the generator reach, and how well?

The definition is pinned (``PROTOCOL_VERSION``): a sample belongs to the nearest centre, and is of high quality
when it lies less than 3 sigma from it (L2). Published evaluators differ in all of this, so their numbers
compare only within one protocol.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.data.dataset import ModeSet
from ganbench.diagnostics.base import Case, Examination
from ganbench.errors import DataError, RequestError
from ganbench.results.record import Diagnostic

PROTOCOL_VERSION = 1
"""Raised whenever the same samples would give other values."""
RADIUS = 3.0
"""Distance to the nearest centre, in sigmas, below which a sample is of high quality."""
ROBUST_SHARE = 0.2
"""A mode is robustly reached with this part of its fair share n / K."""


@dataclass(frozen=True, kw_only=True)
class ModeCounts:
    """Samples sorted into modes."""

    nearest: Tensor
    """int64 (modes,): samples whose nearest centre this is."""
    high_quality: Tensor
    """int64 (modes,): those of them within 3 sigma."""
    variance: float | None
    """Per axis, of the high-quality samples about the mean of their mode, pooled; None where no mode has two."""


def mode_counts(samples: Tensor, modes: ModeSet) -> ModeCounts:
    """Sorts samples (n, dimensions) into the modes of a mixture.

    Raises:
        DataError: Two centres are closer than 6 sigma, so that 3-sigma balls overlap (or a centre stands twice).
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
    """Modes reached, sample quality, balance over modes and spread within them.

    ``modes`` and ``robust_modes`` count modes with one, and with 20 % of the fair share of, high-quality samples.
    ``kl_hq`` and ``kl_all`` are KL(histogram || uniform) in nats over high-quality and over all samples.
    ``sd_ratio`` is the pooled standard deviation of the high-quality samples about the mean of their mode, over
    what a Gaussian cut off at 3 sigma has: sigma sqrt(F_{d+2}(9) / F_d(9)), F_d the chi-square law of d degrees
    of freedom. Its square has expectation 1 for a perfect sampler; below 0.8 the modes themselves have collapsed.

    Args:
        samples: Generated points (n, dimensions).
        modes: The exact mixture.

    Raises:
        DataError: Centres closer than 6 sigma.
        RequestError: Samples that are not finite points of the mixture's dimension.
    """
    counts, n = mode_counts(samples, modes), len(samples)
    k, dimensions = modes.centres.shape
    high = int(counts.high_quality.sum())
    cap = _chi_square(dimensions)
    truncated = modes.sigma**2 * _chi_square(dimensions + 2) / cap
    ratio = None if counts.variance is None else math.sqrt(counts.variance / truncated)
    empty = "" if high else "no high-quality sample"
    robust = int((counts.high_quality >= max(ROBUST_SHARE * n / k, 1)).sum())
    return [
        Diagnostic(name="modes", value=int((counts.high_quality > 0).sum()), perfect=k, n=n),
        Diagnostic(name="robust_modes", value=robust, perfect=k, n=n),
        Diagnostic(name="hq_percent", value=100 * high / n, perfect=100 * cap, n=n),
        Diagnostic(name="kl_hq", value=kl_to_uniform(counts.high_quality), perfect=(k - 1) / (2 * n * cap), n=n, note=empty),
        Diagnostic(name="kl_all", value=kl_to_uniform(counts.nearest), perfect=(k - 1) / (2 * n), n=n),
        Diagnostic(
            name="sd_ratio", value=ratio, perfect=1.0, n=n, note="" if ratio is not None else "no mode holds two high-quality samples"
        ),
    ]


def class_mode_diagnostics(counts: Tensor) -> list[Diagnostic]:
    """Modes reached and balance over them, of examples that a classifier has sorted (stacked digits).

    Names mean what they mean in :func:`mode_diagnostics`, with every example counted. ``robust_modes`` have 20 % of the fair share: at the
    field's 26,000 samples and 1,000 modes that is 6. A perfect generator reaches all of them, but the classifier's errors put
    some of its examples into other modes.

    Args:
        counts: int64 (modes,): examples in each mode.
    """
    k, n = len(counts), int(counts.sum())
    robust = int((counts >= max(ROBUST_SHARE * n / k, 1)).sum())
    return [
        Diagnostic(name="modes", value=int((counts > 0).sum()), perfect=_expected_modes(k, n), n=n),
        Diagnostic(name="robust_modes", value=robust, perfect=k, n=n),
        Diagnostic(name="kl_all", value=kl_to_uniform(counts), perfect=(k - 1) / (2 * n), n=n),
    ]


def _expected_modes(k: int, n: int) -> float:
    """How many of k equal modes n draws reach, on average."""
    return k * (1 - (1 - 1 / k) ** n)


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
    """L2 distances (n, modes), without the matrix-product shortcut: sigma can be a thousandth of the ring's radius."""
    return torch.cdist(samples, centres, compute_mode="donot_use_mm_for_euclid_dist")


def _chi_square(dimensions: int) -> float:
    """Mass that the chi-square law of so many degrees of freedom has below RADIUS^2."""
    half = torch.tensor([dimensions / 2, RADIUS**2 / 2], dtype=torch.float64)
    return float(torch.special.gammainc(half[0], half[1]))


def _examine(case: Case) -> list[Diagnostic]:
    assert case.examples is not None and case.modes is not None
    return mode_diagnostics(case.examples.double(), case.modes)


MODES = Examination(
    name="modes",
    measures=("modes", "robust_modes", "hq_percent", "kl_hq", "kl_all", "sd_ratio"),
    fits=lambda case: case.modes is not None and case.examples is not None,
    examine=_examine,
)
"""Which modes of a mixture are reached, and how well?"""

CLASS_MODES = Examination(
    name="class_modes",
    measures=("modes", "robust_modes", "kl_all"),
    fits=lambda case: case.mode_counts is not None,
    examine=lambda case: class_mode_diagnostics(case.mode_counts()) if case.mode_counts else [],
)
"""Which modes are reached, where a classifier sorts examples into them?"""

"""Are rare modes and classes generated as often as they occur?

No standard protocol was found; this one is the project's own. The share ratio of a mode is its fraction of the generated
examples over its true fraction. The interval of the lowest one is exact (Clopper and Pearson 1934), at a level that holds
for all modes together (Bonferroni), since the lowest was chosen among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import betaincinv

from ganbench.diagnostics.base import Case, Examination
from ganbench.diagnostics.classes import class_histogram
from ganbench.diagnostics.modes import mode_counts
from ganbench.results.diagnosis import ModeShare
from ganbench.results.record import Diagnostic

PER_RAREST = 300
"""Expected number of examples of the rarest mode from which a share ratio can be judged: its standard deviation is then
1 / sqrt(300) = 6 %."""
FACTOR = 2.0
"""A mode counts as recovered if its share is within this factor of the true one."""
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Generated counts and true shares of the modes that exist."""

    counts: npt.NDArray[np.int64]
    """(modes,)."""
    shares: npt.NDArray[np.float64]
    """(modes,), all above 0."""
    n: int
    """Number of generated examples, those in foreign modes included."""
    numbers: tuple[int, ...]
    """Number of every mode (modes,)."""

    @cached_property
    def ratios(self) -> npt.NDArray[np.float64]:
        """Generated over true share (modes,)."""
        ratios: npt.NDArray[np.float64] = self.counts / (self.n * self.shares)
        return ratios

    @property
    def fewest(self) -> float:
        """Number of examples from which the ratios can be judged."""
        return float(PER_RAREST / self.shares.min())

    @property
    def lowest(self) -> int:
        """The mode with the smallest ratio."""
        return int(self.ratios.argmin())

    def recovered(self) -> float | None:
        """The smallest true share down to which all modes are recovered, from the most frequent on; None if that one is not."""
        within = (self.ratios >= 1 / FACTOR) & (self.ratios <= FACTOR)
        missed = self.shares[~within]
        kept = self.shares[self.shares > missed.max()] if len(missed) else self.shares
        return float(kept.min()) if len(kept) else None


def interval(count: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Clopper and Pearson's interval of a probability.

    Args:
        count: Number of successes, from 0 to n.
        n: Number of trials.
        level: Smallest probability with which it covers the true one.
    """
    tail = (1 - level) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return low, high


def mode_shares(shares: Shares, names: Sequence[str]) -> tuple[ModeShare, ...]:
    """Every mode with its ratio and interval.

    Args:
        shares: Counts and true shares.
        names: Names of all modes by number; empty if they have none.
    """
    ends = [interval(int(count), shares.n) for count in shares.counts]
    return tuple(
        ModeShare(
            name=names[number] if names else str(number),
            expected=float(share),
            generated=int(count),
            ratio=float(ratio),
            low=low / float(share),
            high=high / float(share),
        )
        for number, share, count, ratio, (low, high) in zip(shares.numbers, shares.shares, shares.counts, shares.ratios, ends, strict=True)
    )


def minority_diagnostics(shares: Shares) -> list[Diagnostic]:
    """The worst share ratio with its interval, and the rarest mode that is recovered.

    ``worst_share`` is the smallest ratio of generated to true share over all modes, ``worst_share_low`` and ``worst_share_high``
    its 95 % interval. ``rarest_recovered`` is the smallest true share down to which every mode has between half and twice its share.
    All are undefined with fewer than 300 expected examples of the rarest mode.
    """
    names, n = MINORITY.measures, shares.n
    if n < shares.fewest:
        note = f"too few: the rarest mode, {100 * shares.shares.min():.3g} % of the real examples, needs {shares.fewest:,.0f}"
        return [Diagnostic(name=name, value=None, perfect=None, n=n, note=note) for name in names]
    mode = shares.lowest
    share = float(shares.shares[mode])
    low, high = (end / share for end in interval(int(shares.counts[mode]), n, 1 - (1 - LEVEL) / len(shares.shares)))
    rarest = shares.recovered()
    return [
        Diagnostic(name="worst_share", value=float(shares.ratios[mode]), perfect=None, n=n, note=f"mode {shares.numbers[mode]}"),
        Diagnostic(name="worst_share_low", value=low, perfect=None, n=n),
        Diagnostic(name="worst_share_high", value=high, perfect=None, n=n),
        Diagnostic(
            name="rarest_recovered",
            value=rarest,
            perfect=float(shares.shares.min()),
            n=n,
            note="" if rarest is not None else "not even the most frequent mode has half to twice its share",
        ),
    ]


def shares_of(case: Case) -> Shares | None:
    """Counts and true shares of the modes of a mixture, of a classifier's modes, or of its classes; None if there are none."""
    if case.modes is not None and case.examples is not None:
        counts = mode_counts(case.examples.double(), case.modes).nearest.cpu()
        shares = torch.full((len(counts),), 1 / len(counts), dtype=torch.float64)
    elif case.mode_counts is not None:
        counts = case.mode_counts().cpu()
        shares = torch.full((len(counts),), 1 / len(counts), dtype=torch.float64)
    elif case.class_shares is not None and case.comparison.fake.log_probabilities is not None:
        counts, shares = class_histogram(case.comparison.fake.log_probabilities).cpu(), case.class_shares.cpu().double()
    else:
        return None
    there = shares > 0
    return Shares(
        counts=counts[there].numpy(), shares=shares[there].numpy(), n=int(counts.sum()), numbers=tuple(there.nonzero()[:, 0].tolist())
    )


def _examine(case: Case) -> list[Diagnostic]:
    shares = shares_of(case)
    assert shares is not None
    return minority_diagnostics(shares)


def _has_modes(case: Case) -> bool:
    classes = case.class_shares is not None and case.comparison.fake.log_probabilities is not None
    return classes or case.mode_counts is not None or (case.modes is not None and case.examples is not None)


MINORITY = Examination(
    name="minority",
    measures=("worst_share", "worst_share_low", "worst_share_high", "rarest_recovered"),
    fits=_has_modes,
    examine=_examine,
    while_training=False,
    limits=lambda case: {
        **{name: (0.0, float("inf")) for name in ("worst_share", "worst_share_low", "worst_share_high")},
        "rarest_recovered": (0.0, 1.0),
    },
    needs="known modes, or a classifier of these examples as the extractor",
)
"""Are rare modes and classes generated as often as they occur? (`diagnose` only)"""

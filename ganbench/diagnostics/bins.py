"""In how many regions of the feature space does the number of generated examples differ from that of real ones?

The regions are k-means cells of the reference set, and NDB is the number of cells in which the two proportions differ in a
pooled z test (Richardson and Weiss 2018, "On GANs and GMMs", section 4, arXiv 1805.12462). Their code seeds the cells anew
on every run, and 0/0 in cells that are empty on both sides gives not-a-number; here cells come from one stream, and an empty
cell does not differ. NDB grows with the number of examples, so it is compared only at equal numbers; the Jensen-Shannon
divergence of the two histograms measures how much they differ. Both fall with the quality of examples as well as with
their diversity: an example in the wrong place is missing in the right one.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench import seeding
from ganbench.diagnostics.base import Examination
from ganbench.pairs.nearest import nearest
from ganbench.results.record import Diagnostic
from ganbench.sets.comparison import Comparison
from ganbench.sets.moments import evenly

BINS = 100
"""Number of cells of the paper."""
PER_BIN = 10
"""Smallest expected number of examples of the smaller set in a cell: fewer cells are taken for few examples. With 10, the z test, which
approximates counts by a normal distribution, keeps its level of 0.05 (``tests/diagnostics/test_bins.py``)."""
FITTED = 200
"""Largest number of reference examples for each cell from which the cells are made. The histograms count all examples."""
ITERATIONS = 25
"""Largest number of k-means iterations: cells need not be the best ones, only fixed."""
ALPHA_Z = 1.959963984540054
"""97.5 % quantile of the normal distribution: a cell differs at the two-sided level of 0.05, as in the paper."""
ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The cells of a reference set."""

    centres: Tensor
    """float64 (cells, d)."""
    counts: Tensor
    """int64 (cells,): number of reference examples in each."""

    def histogram(self, values: Tensor) -> Tensor:
        """Number of examples (n, d) nearest to each centre, int64 (cells,)."""
        return torch.bincount(nearest(values, self.centres)[1][:, 0], minlength=len(self.centres))


def cells_of(real: Tensor, count: int, seed: int) -> Cells | None:
    """The k-means cells of reference features (n, d), from the stream ``diagnostic/ndb``; None if fewer than two examples differ."""
    from sklearn.cluster import KMeans

    chosen = real[evenly(len(real), min(len(real), FITTED * count)).to(real.device)].cpu()
    count = min(count, len(torch.unique(chosen, dim=0)))  # k-means warns of more cells than points
    if count < 2:
        return None
    state = int(torch.randint(0, 2**31 - 1, (1,), generator=seeding.stream(seed, "diagnostic/ndb")))
    fitted = KMeans(count, n_init=1, max_iter=ITERATIONS, random_state=state).fit(chosen.numpy())
    cells = Cells(centres=torch.from_numpy(fitted.cluster_centers_).double().to(real.device), counts=torch.zeros(count))
    return Cells(centres=cells.centres, counts=cells.histogram(real))


def differing(real: Tensor, fake: Tensor) -> Tensor:
    """Whether the proportions of every cell differ, bool (cells,), from counts (cells,) of both sets: pooled two-proportion z test."""
    n, m = real.sum().double(), fake.sum().double()
    pooled = (real + fake) / (n + m)
    spread = (pooled * (1 - pooled) * (1 / n + 1 / m)).sqrt()
    # a cell that is empty on both sides, or holds everything, has no spread and does not differ
    return (real / n - fake / m).abs() > ALPHA_Z * spread


def jensen_shannon(real: Tensor, fake: Tensor) -> float:
    """Jensen-Shannon divergence of two histograms (cells,), in nats, from 0 to ln 2."""
    p, q = real.double() / real.sum(), fake.double() / fake.sum()
    middle = (p + q) / 2
    each = [torch.special.xlogy(side, side / torch.where(middle > 0, middle, 1.0)).sum().item() for side in (p, q)]
    return float(max(sum(each) / 2, 0.0))


def bin_diagnostics(comparison: Comparison, seed: int) -> list[Diagnostic]:
    """Fraction of cells that differ, and Jensen-Shannon divergence of the two histograms.

    ``ndb_share`` is NDB / K. A perfect generator has the level of the test, 0.05, with cells that do not depend on the examples. Cells
    that were fitted to the reference set hold its examples more evenly than chance would, so that with them perfect generators were
    measured at 0.037 to 0.046. ``bins_jsd`` has the expectation (K - 1) / 8 (1/n + 1/m) nats for n and m independent draws from the same
    K shares, since 8 JSD / (1/n + 1/m) is asymptotically chi-square with K - 1 degrees of freedom.
    """
    m, n = comparison.n_fake, comparison.n_real
    count = max(2, min(BINS, min(n, m) // PER_BIN))
    cells = comparison.reference.shared(f"cells/{count}/{seed}", lambda: cells_of(comparison.real.values, count, seed))
    if cells is None:
        note = "all real features are equal"
        return [Diagnostic(name=name, value=None, perfect=None, n=m, note=note) for name in ("ndb_share", "bins_jsd")]
    fake, k = cells.histogram(comparison.fake.values), len(cells.counts)
    note = f"{k} cells" + (f", not {BINS}, for so few examples" if k < BINS else "")
    return [
        Diagnostic(name="ndb_share", value=differing(cells.counts, fake).double().mean().item(), perfect=ALPHA, n=m, note=note),
        Diagnostic(name="bins_jsd", value=jensen_shannon(cells.counts, fake), perfect=(k - 1) / 8 * (1 / n + 1 / m), n=m),
    ]


NDB = Examination(
    name="ndb",
    measures=("ndb_share", "bins_jsd"),
    fits=lambda case: True,
    examine=lambda case: bin_diagnostics(case.comparison, case.seed),
    while_training=False,
    limits=lambda case: {"ndb_share": (0.0, 1.0), "bins_jsd": (0.0, 0.6931471805599453)},  # ln 2
)
"""In how many regions of the feature space do generated and real examples differ in number? (`diagnose` only)"""

"""Are generated examples nearer to the training set than new real ones are?

C_T (Meehan, Chaudhuri and Dasgupta 2020, section 4) compares the distances of generated and of held-out examples to
their nearest training example, cell by cell, with the rank test of Mann and Whitney. The training set, its cells and
its principal components are taken as given.
"""

from dataclasses import dataclass

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.nearest import nearest
from ganbench.metrics.resampling import jackknife, student_estimate
from ganbench.sets.comparison import Comparison

CELLS, WIDTH, FEWEST = 3, 64, 20
"""Cells of the training set, principal components they are found in, and generated examples that a cell must exceed."""


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """Where the examples of one set lie."""

    cells: Tensor
    """int64 (n,)."""
    distances: Tensor
    """float64 (n,), squared, to the nearest training example of the same cell."""

    def kept(self, mask: Tensor) -> "_Placed":
        """Those whose place in a mask (n,) is True."""
        return _Placed(cells=self.cells[mask], distances=self.distances[mask])


def z_score(generated: Tensor, held_out: Tensor) -> float:
    """Mann-Whitney's U of generated distances (m,) above held-out ones (n,), standardised; ties count half and narrow the law of U."""
    m, n = len(generated), len(held_out)
    together, counts = torch.unique(torch.cat([generated, held_out]), return_inverse=True, return_counts=True)[1:]
    sizes = counts.double()
    ranks = (sizes.cumsum(0) - (sizes - 1) / 2)[together]
    u = ranks[:m].sum().item() - m * (m + 1) / 2
    ties = (sizes**3 - sizes).sum().item() / ((n + m) * (n + m - 1))
    spread = (n * m / 12 * (n + m + 1 - ties)) ** 0.5
    return (u - n * m / 2 + 0.5) / spread if spread > 0 else 0.0


def _score(generated: _Placed, held_out: _Placed) -> float:
    """Mean of the cells' z-scores, weighted by their shares of the held-out examples; cells with few generated examples do not count."""
    counted = [cell for cell in range(CELLS) if (generated.cells == cell).sum() > FEWEST]
    weights = [(held_out.cells == cell).sum().item() for cell in counted]
    scores = [z_score(generated.distances[generated.cells == cell], held_out.distances[held_out.cells == cell]) for cell in counted]
    return sum(weight * score for weight, score in zip(weights, scores, strict=True)) / sum(weights)


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """C_T with a jackknife over generated and held-out examples."""
    sets = _components(comparison)
    seed = int(torch.randint(0, 2**31 - 1, (1,), generator=generator, device=generator.device))
    cells = KMeans(CELLS, n_init=10, random_state=seed).fit(sets[0].cpu().numpy())
    labels = [torch.from_numpy(cells.predict(side.cpu().numpy())).long() for side in sets]
    _check(labels)
    held_out, generated = (_placed(side, own, sets[0], labels[0]) for side, own in zip(sets[1:], labels[1:], strict=True))
    variance = jackknife(len(generated.cells), lambda kept: _score(generated.kept(kept), held_out), generator)
    variance += jackknife(len(held_out.cells), lambda kept: _score(generated, held_out.kept(kept)), generator)
    return student_estimate(_score(generated, held_out), variance, CT.bounds, perfect=0.0)


def _components(comparison: Comparison) -> list[Tensor]:
    """Training, held-out and generated features in the first principal components of the training set, float64 on the CPU."""
    moments = comparison.real_moments
    axes = torch.linalg.eigh(moments.covariance)[1][:, -WIDTH:]
    sides = (comparison.real, comparison.held_out, comparison.fake)
    return [torch.cat([(chunk.double() - moments.mean) @ axes for chunk in torch.split(side.values, 1024)]).cpu() for side in sides]


def _check(labels: list[Tensor]) -> None:
    """Refuses sets that leave nothing to compare."""
    training, held_out, generated = (torch.bincount(own, minlength=CELLS) for own in labels)
    counted = generated > FEWEST
    # a jackknife without a twentieth of either side must still find examples in every cell
    if not counted.any() or (held_out[counted] < 2).any() or (training[counted] < 1).any():
        raise RequestError(
            f"ct needs held-out examples and more than {FEWEST} generated ones in the {CELLS} cells of the training set, "
            f"got {held_out.tolist()} and {generated.tolist()}; give more of both"
        )


def _placed(side: Tensor, cells: Tensor, training: Tensor, training_cells: Tensor) -> _Placed:
    """Squared distances to the nearest training example of the same cell."""
    distances = torch.zeros(len(side), dtype=torch.float64)
    for cell in range(CELLS):
        own = cells == cell
        if own.any():
            distances[own] = nearest(side[own], training[training_cells == cell])[0][:, 0]
    return _Placed(cells=cells, distances=distances)


CT = Metric(
    name="ct",
    version=1,
    higher_is_better=None,
    needs_held_out=("features",),
    minimum_n=100,
    bounds=(-torch.inf, torch.inf),
    parameters=(("cells", CELLS), ("components", WIDTH), ("fewest", FEWEST)),
    estimand="expectation at this n for this training set",
    estimate=_estimate,
)
"""Rank test of copying: far below 0 the generator repeats training examples, far above it misses them (Meehan et al. 2020)."""

"""Are generated examples nearer to the training set than held-out real ones are?

C_T (Meehan, Chaudhuri and Dasgupta 2020, section 4) compares the distances of generated and of held-out examples to
their nearest training example, cell by cell, with the Mann-Whitney rank test. The training set, its cells and its
principal components are treated as fixed.
"""

from dataclasses import dataclass

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.resampling import jackknife, student_estimate
from ganbench.pairs.nearest import nearest
from ganbench.sets.comparison import Comparison

CELLS, WIDTH, FEWEST = 3, 64, 20
"""Number of k-means cells, of principal components, and of generated examples that a cell must exceed to count."""


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """Cells of the examples of one set, and their distances to the training set."""

    cells: Tensor
    """int64 (n,)."""
    distances: Tensor
    """float64 (n,), squared, to the nearest training example of the same cell."""

    def kept(self, mask: Tensor) -> "_Placed":
        """The examples selected by a boolean mask (n,)."""
        return _Placed(cells=self.cells[mask], distances=self.distances[mask])


def z_score(generated: Tensor, held_out: Tensor) -> float:
    """Standardised Mann-Whitney U: positive if generated distances (m,) exceed held-out ones (n,). Corrected for ties."""
    m, n = len(generated), len(held_out)
    together, counts = torch.unique(torch.cat([generated, held_out]), return_inverse=True, return_counts=True)[1:]
    sizes = counts.double()
    ranks = (sizes.cumsum(0) - (sizes - 1) / 2)[together]
    u = ranks[:m].sum().item() - m * (m + 1) / 2
    ties = (sizes**3 - sizes).sum().item() / ((n + m) * (n + m - 1))
    spread = (n * m / 12 * (n + m + 1 - ties)) ** 0.5
    return (u - n * m / 2 + 0.5) / spread if spread > 0 else 0.0


def _score(generated: _Placed, held_out: _Placed) -> float:
    """Mean z-score of the cells with enough generated examples, weighted by their numbers of held-out examples."""
    counted = [cell for cell in range(CELLS) if (generated.cells == cell).sum() > FEWEST]
    weights = [(held_out.cells == cell).sum().item() for cell in counted]
    scores = [z_score(generated.distances[generated.cells == cell], held_out.distances[held_out.cells == cell]) for cell in counted]
    return sum(weight * score for weight, score in zip(weights, scores, strict=True)) / sum(weights)


def _estimate(comparison: Comparison, generator: torch.Generator) -> Estimate:
    """C_T, with a jackknife over generated and held-out examples."""
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
    """Training, held-out and generated features projected on the training set's first principal components, float64 on the CPU."""
    moments = comparison.real_moments
    axes = torch.linalg.eigh(moments.covariance)[1][:, -WIDTH:]
    sides = (comparison.real, comparison.held_out, comparison.fake)
    return [torch.cat([(chunk.double() - moments.mean) @ axes for chunk in torch.split(side.values, 1024)]).cpu() for side in sides]


def _check(labels: list[Tensor]) -> None:
    """Raises if a counted cell lacks held-out or training examples, or no cell counts."""
    training, held_out, generated = (torch.bincount(own, minlength=CELLS) for own in labels)
    counted = generated > FEWEST
    # every jackknife replicate, without a twentieth of a set, needs examples in every cell
    if not counted.any() or (held_out[counted] < 2).any() or (training[counted] < 1).any():
        raise RequestError(
            f"ct needs held-out examples and more than {FEWEST} generated ones in the {CELLS} cells of the training set, "
            f"got {held_out.tolist()} and {generated.tolist()}; give more of both"
        )


def _placed(side: Tensor, cells: Tensor, training: Tensor, training_cells: Tensor) -> _Placed:
    """Measures squared distances to the nearest training example of the same cell."""
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
"""Rank test of data copying: far below 0 the generator copies training examples, far above 0 it underfits (Meehan et al. 2020).

Ranks and their variance are corrected for ties, which the authors' code ignores; without ties the values are equal.
"""

"""What becomes of every game of a set under every rule? (from paths and Jacobians to verdicts)"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ganbench.dirac.game import GameSet
from ganbench.dirac.linear import eigenvalues, jacobians, spectral_radius
from ganbench.dirac.rules import Rule
from ganbench.dirac.simulation import Paths
from ganbench.dirac.verdict import Outcome, exponent, verdict

STARTS = ((1.0, -1.0), (3.0, -3.0))
"""Of theta and psi: the ordinary start, in the paper's signs (1, 1), where the authors' notebook starts (LMescheder/GAN_stability), and
one three times as far from the equilibrium."""


def judged(games: GameSet, rules: Sequence[Rule], h: float, paths: Paths) -> tuple[Outcome, ...]:
    """Judges every game under every rule.

    Args:
        games: Losses and regularisers.
        rules: Update rules.
        h: Learning rate.
        paths: Of these games under these rules at this rate, from :data:`STARTS`.

    Returns:
        One outcome for each, by regulariser, then loss, then rule.
    """
    radius, flows = paths.radius, jacobians(games)
    last = slice(len(radius) - 1 - (len(radius) - 1) // 4, None)
    outcomes = []
    for j, regulariser in enumerate(games.regularisers):
        for i, loss in enumerate(games.losses):
            flow = flows[i, j] if np.isfinite(flows[i, j]).all() else None
            for k, rule in enumerate(rules):
                matrix = None if flow is None else rule.matrix(flow, h)
                factor = None if matrix is None else spectral_radius(matrix)
                near, far = radius[:, k, 0, i, j], radius[:, k, 1, i, j]
                outcomes.append(
                    Outcome(
                        loss=loss.name,
                        regulariser=regulariser.name,
                        strength=regulariser.strength,
                        rule=rule.name,
                        verdict=verdict(near, far, can_rest=rule.can_rest, spectral_radius=factor),
                        distance=float(near[last].max()),
                        exponent=exponent(near),
                        theta=_largest(paths.theta[last, k, 0, i, j]),
                        theta_ema=_largest(paths.ema[last, k, 0, i, j]),
                        spectral_radius=factor,
                        eigenvalues=None if flow is None else eigenvalues(flow),
                    )
                )
    return tuple(outcomes)


def _largest(values: npt.NDArray[np.float64]) -> float:
    return float(np.nan_to_num(np.abs(values), nan=np.inf).max())

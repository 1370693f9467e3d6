"""How do games behave next to the equilibrium? (Jacobians by automatic differentiation)"""

import numpy as np
import numpy.typing as npt
import torch

from ganbench.dirac.game import GameSet, SideBySide
from ganbench.dirac.rules import Matrix


def jacobians(games: GameSet) -> npt.NDArray[np.float64]:
    """Derivative of the gradient flow (theta', psi') at the equilibrium, of every game.

    Args:
        games: Losses and regularisers.

    Returns:
        (losses, regularisers, 2, 2); not a number where a regulariser has no derivative there.
    """
    played = SideBySide(games)
    shape = (len(games.losses), len(games.regularisers))
    at = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    # games share nothing, so that the gradient of a sum over them holds every game's own derivatives
    rows = [torch.autograd.grad(one.sum(), at, retain_graph=True, materialize_grads=True) for one in played.field(*at)]
    found: npt.NDArray[np.float64] = torch.stack([torch.stack(row, -1) for row in rows], -2).numpy()
    found[:, [not one.smooth for one in games.regularisers]] = np.nan
    return found


def eigenvalues(jacobian: Matrix) -> tuple[complex, complex]:
    """Both eigenvalues, the one with the larger real and imaginary part first.

    In closed form, because the numerical solution is exact to only half the digits where both are equal, as under critical damping.
    """
    (a, b), (c, d) = jacobian.tolist()
    trace, determinant = a + d, a * d - b * c
    root = np.sqrt(complex(trace * trace / 4 - determinant))
    first, second = complex(trace / 2 + root), complex(trace / 2 - root)
    return first, second


def spectral_radius(matrix: Matrix) -> float:
    """Factor by which an update multiplies the distance from the equilibrium in the long run."""
    return max(abs(one) for one in eigenvalues(matrix))


def field_on(games: GameSet, line: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The gradient flow of every game on a square grid.

    Args:
        games: Losses and regularisers.
        line: Coordinates of the grid along both axes, (n,).

    Returns:
        theta' and psi', (n, n, losses, regularisers) each; psi changes along the first dimension.
    """
    psi, theta = torch.meshgrid(torch.from_numpy(line), torch.from_numpy(line), indexing="ij")
    shape = (*psi.shape, len(games.losses), len(games.regularisers))
    at = [one[:, :, None, None].expand(shape).clone().requires_grad_() for one in (theta, psi)]
    along, up = SideBySide(games).field(*at)
    return along.detach().numpy(), up.detach().numpy()

"""What do the two players of a Dirac-GAN minimise? (any loss with any regulariser, many games at once)

The Dirac-GAN (Mescheder, Geiger & Nowozin 2018, "Which training methods for GANs do actually converge?", section 2) is the smallest GAN:
all data are the point 0, the generator is one point theta, the discriminator one slope psi, D(x) = psi x. The equilibrium is
theta = psi = 0. D is large where it takes an example for real, so that theta moves along psi, and psi against theta; the paper's psi has
the other sign.

The functions of a game are those that train real networks. Each is a mean over a batch in which every example stands for itself, so
that one batch holds many games, each with a theta and a psi of its own, and the mean times their number is the sum of their losses.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]
"""Examples (n, 1) to values (n,)."""
NODES = 8
"""Equally likely values that stand for Gaussian noise."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What the players minimise without a regulariser."""

    name: str
    discriminator: Callable[[Tensor, Tensor], Tensor]
    """Mean loss () from values of real and of generated examples, (n,) each."""
    generator: Callable[[Tensor, Tensor], Tensor]
    """The same for the generator."""
    level: float = 0.0
    """Value of a discriminator that cannot tell: 0 for logits, 1/2 between targets of 0 and 1. D(x) = level + psi x."""
    note: str = ""
    """Where the loss comes from, and which others are the same on a line."""


@dataclass(frozen=True, kw_only=True)
class Regulariser:
    """What keeps the discriminator's slope small: a penalty, a bound, or noise on the examples; nothing if none of them."""

    name: str
    strength: float = 0.0
    """Factor of the penalty, bound of |psi|, or standard deviation of the noise."""
    penalty: Callable[[Critic, Tensor, Tensor], Tensor] | None = None
    """Mean penalty () from a critic, real and generated examples, (n, 1) each; the discriminator minimises it too."""
    bounds_slope: bool = False
    """Whether every update of the discriminator ends with psi in [-strength, strength]."""
    adds_noise: bool = False
    """Whether noise is added to real and generated examples."""
    smooth: bool = True
    """Whether the field has a derivative at the equilibrium. A penalty of (|psi| - 1)^2 has none."""
    note: str = ""
    """Where it comes from, and which others are the same on a line."""

    @property
    def has_strength(self) -> bool:
        """Whether its strength means anything."""
        return self.penalty is not None or self.bounds_slope or self.adds_noise


@dataclass(frozen=True, kw_only=True)
class GameSet:
    """Every loss with every regulariser."""

    losses: tuple[Loss, ...]
    regularisers: tuple[Regulariser, ...]
    note: str = ""
    """What a reader of the results should know."""


class SideBySide:
    """The games of a set, played side by side; every theta and psi below has the shape (..., losses, regularisers).

    Args:
        games: Losses and regularisers.
    """

    def __init__(self, games: GameSet) -> None:
        self.games = games
        bounds = [one.strength if one.bounds_slope else torch.inf for one in games.regularisers]
        self.bounds = torch.tensor(bounds, dtype=torch.float64)
        """Of |psi|, (regularisers,)."""
        self._levels = torch.tensor([one.level for one in games.losses], dtype=torch.float64)
        sizes = torch.tensor([one.strength if one.adds_noise else 0.0 for one in games.regularisers], dtype=torch.float64)
        self._noise = sizes[:, None] * noise_nodes()

    def discriminator_loss(self, theta: Tensor, psi: Tensor) -> Tensor:
        """Sum () over all games of what their discriminators minimise; its gradient at psi is the games' own."""
        values = self._values(theta, psi)
        terms = [loss.discriminator(*both) for loss, both in zip(self.games.losses, values, strict=True)]
        total = torch.stack(terms).sum() * theta[..., 0, :].numel()
        penalties = []
        for j, regulariser in enumerate(self.games.regularisers):
            if regulariser.penalty is not None:
                fake = theta[..., j].reshape(-1, 1)
                critic = self._critic(psi[..., j])
                penalties.append(regulariser.strength * regulariser.penalty(critic, torch.zeros_like(fake), fake))
        return total + torch.stack(penalties).sum() * theta[..., 0].numel() if penalties else total

    def generator_loss(self, theta: Tensor, psi: Tensor) -> Tensor:
        """Sum () over all games of what their generators minimise; its gradient at theta is the games' own."""
        values = self._values(theta, psi)
        terms = [loss.generator(*both) for loss, both in zip(self.games.losses, values, strict=True)]
        return torch.stack(terms).sum() * theta[..., 0, :].numel()

    def field(self, theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
        """Where gradient descent moves theta and psi, (-dL_G/dtheta, -dL_D/dpsi), differentiable; both must require gradients."""
        (down_theta,) = torch.autograd.grad(self.generator_loss(theta, psi), theta, create_graph=True)
        (down_psi,) = torch.autograd.grad(self.discriminator_loss(theta, psi), psi, create_graph=True)
        return -down_theta, -down_psi

    def _values(self, theta: Tensor, psi: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
        """For every loss the discriminators' values of real and of generated examples in the games with it, (games x nodes,) each."""
        slopes, levels = psi[..., None], self._levels[:, None, None]
        values = levels + slopes * self._noise, levels + slopes * (theta[..., None] + self._noise)
        # losses to the front, so that the values of each lie together in memory
        real, fake = (one.movedim(-3, 0).flatten(1).unbind() for one in values)
        return zip(real, fake, strict=True)

    def _critic(self, psi: Tensor) -> Critic:
        levels, slopes = self._levels.expand(psi.shape).flatten(), psi.flatten()

        def critic(points: Tensor) -> Tensor:
            return levels + slopes * points[:, 0]

        return critic


def noise_nodes() -> Tensor:
    """Equally likely values (nodes,) with mean 0 and variance 1: quantiles of the normal distribution, stretched.

    Quantiles, because a loss is a plain mean. Near the equilibrium only the variance of noise matters, so that eigenvalues are those of
    Gaussian noise exactly; elsewhere its tails are cut off at 1.7 standard deviations.
    """
    shares = (torch.arange(NODES, dtype=torch.float64) + 0.5) / NODES
    nodes = torch.special.ndtri(shares)
    stretched: Tensor = nodes / nodes.square().mean().sqrt()
    return stretched

"""By which rule do the two players move? (optimizers of real training, in the orders of real training)"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch.optim import SGD, Adam, Optimizer, RMSprop

Matrix = npt.NDArray[np.float64]
"""(2, 2), of (theta, psi)."""
Build = Callable[[list[dict[str, Any]]], Optimizer]
"""An optimizer of groups of parameters, each with its learning rate."""


def descent(groups: list[dict[str, Any]]) -> Optimizer:
    """Plain gradient descent."""
    return SGD(groups, foreach=False)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """An order of updates with an optimizer. A step is one update of the discriminator, as in real training."""

    name: str
    heading: str
    """Of the column of a narrow table; two lines of four letters."""
    about: str
    optimizer: Build = descent
    in_turn: bool = True
    """Whether the generator sees the discriminator's new slope, as in real training, or the one before the update."""
    critic_steps: int = 1
    """Updates of the discriminator to one of the generator."""
    rate_ratio: float = 1.0
    """Learning rate of the discriminator over that of the generator."""
    extrapolates: bool = False
    """Whether the players first try a step, and then repeat it with the gradients that they find there. It takes two steps' gradients."""

    def is_trial(self, step: int) -> bool:
        """Whether a step, by its number from 0, is only tried; the next one starts where it started."""
        return self.extrapolates and step % 2 == 0

    def generator_is_due(self, step: int) -> bool:
        """Whether the generator moves in a step: in the last of every ``critic_steps``."""
        return step % self.critic_steps == self.critic_steps - 1

    @property
    def can_rest(self) -> bool:
        """Whether it can settle at a point at a constant rate.

        Adam and RMSprop cannot: where gradients vanish, so does their divisor, down to its tiny constant of 1e-8. Beside the equilibrium
        they are then descent with 1e8 times the rate, under which no point is stable. They stay about a step away, or come near and leave.
        """
        return self.optimizer is descent

    def matrix(self, jacobian: Matrix, h: float) -> Matrix | None:
        """Derivative of one update of the generator, with its updates of the discriminator, at the equilibrium.

        By the chain rule from the Jacobian J of the gradient flow. At once: 1 + hJ. In turn: the discriminator's row of 1 + hJ, as often as
        it moves, then the generator's. With extrapolation: 1 + hJ(1 + hJ).

        Args:
            jacobian: Of the flow (theta, psi) -> (theta', psi') at the equilibrium.
            h: Learning rate of the generator.

        Returns:
            (2, 2), or None for an optimizer that cannot rest.
        """
        if not self.can_rest:
            return None
        one = np.eye(2)
        rates = np.array([[h], [h * self.rate_ratio]])
        if self.extrapolates:
            return np.asarray(one + rates * (jacobian @ (one + rates * jacobian)))
        if not self.in_turn:
            return np.asarray(one + rates * jacobian)
        theta_moves, psi_moves = one.copy(), one.copy()
        theta_moves[0] += h * jacobian[0]
        psi_moves[1] += h * self.rate_ratio * jacobian[1]
        return np.asarray(theta_moves @ np.linalg.matrix_power(psi_moves, self.critic_steps))


def adam(beta1: float, beta2: float) -> Build:
    """Adam with these betas."""
    return lambda groups: Adam(groups, betas=(beta1, beta2), foreach=False)


def rmsprop(groups: list[dict[str, Any]]) -> Optimizer:
    """RMSprop with torch's decay of 0.99."""
    return RMSprop(groups, foreach=False)


RULES = (
    Rule(name="simultaneous", heading="sim", about="gradient descent of both at once", in_turn=False),
    Rule(name="alternating", heading="alt", about="gradient descent in turn"),
    Rule(name="alternating 5:1", heading="alt\n5:1", about="in turn, five discriminator steps to one of the generator", critic_steps=5),
    Rule(name="two time scales", heading="TTUR", about="in turn, the discriminator four times as fast", rate_ratio=4.0),
    Rule(name="extragradient", heading="ext.\ngrad", about="extragradient, two gradients each move", in_turn=False, extrapolates=True),
    Rule(name="Adam 0.5", heading="Adam\n0.5", about="Adam in turn, betas 0.5 and 0.999 (Radford et al. 2016)", optimizer=adam(0.5, 0.999)),
    Rule(name="Adam 0", heading="Adam\n0", about="Adam in turn, betas 0 and 0.9 (Gulrajani et al. 2017)", optimizer=adam(0.0, 0.9)),
    Rule(name="RMSprop", heading="RMS\nprop", about="RMSprop in turn (Arjovsky et al. 2017)", optimizer=rmsprop),
)
"""Rules that the reference variants use, and those of the theory.

Two time scales after Heusel et al. 2017 with the ratio of Zhang et al. 2019 (SAGAN: 4e-4 to 1e-4); extragradient after Korpelevich 1976
and Gidel et al. 2019.
"""

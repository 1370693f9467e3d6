"""How do all games move under all rules? (one loop, with the optimizers of real training)"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ganbench.dirac.game import GameSet, SideBySide
from ganbench.dirac.rules import Build, Rule
from ganbench.training.ema import MovingAverage

Values = npt.NDArray[np.float64]
"""(steps + 1, rules, starts, losses, regularisers)."""
EMA_HALFLIFE_STEPS = 100.0
"""Of the moving average of theta: more than a revolution, which takes 63 steps at a rate of 0.2 and eigenvalues of i / 2."""


@dataclass(frozen=True)
class Paths:
    """Where every game was after every step, the start first; infinite or not a number where numbers have overflown."""

    theta: Values
    psi: Values
    ema: Values
    """The moving average of theta."""

    @property
    def radius(self) -> Values:
        """Distance from the equilibrium; infinite where numbers have overflown."""
        return np.nan_to_num(np.hypot(self.theta, self.psi), nan=np.inf)


class Points(nn.Module):
    """All generators' points, as the network of which a moving average is taken.

    Args:
        theta: Of any shape.
    """

    def __init__(self, theta: Tensor) -> None:
        super().__init__()
        self.theta = nn.Parameter(theta)


class Players:
    """The same player of all games under all rules: its parameters, and their optimizers.

    Args:
        rules: Update rules.
        start: (rules, ...), changed in place.
        rates: A learning rate for each rule.
        bounds: Of the parameters' size, for the last dimension.
    """

    def __init__(self, rules: Sequence[Rule], start: Tensor, rates: Sequence[float], bounds: Tensor | None = None) -> None:
        self.at = start
        """Where they are, or try to be."""
        self.kept = start.clone()
        """Where they are."""
        self._rules, self._bounds = rules, bounds
        self._parts = [nn.Parameter(part) for part in start]  # they share their memory with ``start``
        groups = defaultdict[Build, list[dict[str, Any]]](list)
        for rule, part, rate in zip(rules, self._parts, rates, strict=True):
            groups[rule.optimizer].append({"params": [part], "lr": rate})
        self._optimizers = [build(group) for build, group in groups.items()]

    @torch.no_grad()
    def move(self, slopes: Tensor, step: int, *, all_due: bool) -> None:
        """Takes the optimizers' steps down the slopes.

        Args:
            slopes: Gradients, of the parameters' shape.
            step: Number of the step, from 0.
            all_due: Whether this player moves in every step.
        """
        for k, (rule, part) in enumerate(zip(self._rules, self._parts, strict=True)):
            part.grad = slopes[k] if all_due or rule.generator_is_due(step) else None  # torch's optimizers leave those without alone
            if rule.extrapolates and not rule.is_trial(step):
                part.copy_(self.kept[k])
        for optimizer in self._optimizers:
            optimizer.step()
        if self._bounds is not None:
            self.at.copy_(self.at.maximum(-self._bounds).minimum(self._bounds))
        for k, rule in enumerate(self._rules):
            if not rule.is_trial(step):
                self.kept[k] = self.at[k]


def simulate(games: GameSet, rules: Sequence[Rule], h: float, steps: int, starts: Sequence[tuple[float, float]]) -> Paths:
    """Plays all games of a set under all rules.

    Args:
        games: Losses and regularisers.
        rules: Update rules.
        h: Learning rate of the generators, and of the discriminators where a rule has no ratio of its own.
        steps: Updates of the discriminators.
        starts: Points (theta, psi) from each of which every game is played.
    """
    played = SideBySide(games)
    shape = (len(rules), len(starts), len(games.losses), len(games.regularisers))
    theta, psi = (torch.tensor(one, dtype=torch.float64)[:, None, None].expand(shape).clone() for one in zip(*starts, strict=True))
    average = MovingAverage(Points(theta))
    generators = Players(rules, theta, [h] * len(rules))
    discriminators = Players(rules, psi, [h * rule.rate_ratio for rule in rules], played.bounds)
    in_turn = torch.tensor([rule.in_turn for rule in rules])[:, None, None, None]
    found = torch.empty(3, steps + 1, *shape, dtype=torch.float64)
    found[:, 0] = torch.stack([theta, psi, theta])
    for step in range(steps):
        old = psi.clone()
        discriminators.move(slope(played.discriminator_loss, theta, psi, of=1), step, all_due=True)
        generators.move(slope(played.generator_loss, theta, torch.where(in_turn, psi, old), of=0), step, all_due=False)
        average.update(Points(generators.kept), 0.5 ** (1 / EMA_HALFLIFE_STEPS))
        found[:, step + 1] = torch.stack([generators.kept, discriminators.kept, average.module.get_parameter("theta")])
    return Paths(*found.numpy())


def slope(loss: Callable[[Tensor, Tensor], Tensor], theta: Tensor, psi: Tensor, *, of: int) -> Tensor:
    """Gradient of a loss of theta and psi at the one (0) or the other (1)."""
    leaves = [tensor.detach() for tensor in (theta, psi)]
    leaves[of].requires_grad_()
    return torch.autograd.grad(loss(*leaves), leaves[of])[0]

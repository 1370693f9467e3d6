"""Can a set of games be played? (what is wrong with a user's losses and penalties, before any game)"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ganbench.dirac.game import GameSet
from ganbench.errors import RequestError


def check_games(games: GameSet) -> None:
    """Tries every loss and every penalty on a few numbers.

    Raises:
        RequestError: There are none, a name is there twice, or one of them fails or is no mean over a batch.
    """
    for kind, names in (("losses", [one.name for one in games.losses]), ("regularisers", [one.name for one in games.regularisers])):
        if not names:
            raise RequestError(f"the set of games has no {kind}; give it one at least")
        if twice := [name for name in names if names.count(name) > 1]:
            raise RequestError(f"the set of games has two {kind} called {twice[0]!r}; give each a name of its own")
    real, fake = torch.tensor([0.1, 0.4], dtype=torch.float64), torch.tensor([-0.7, 0.9], dtype=torch.float64)
    for loss in games.losses:
        _check(f"the discriminator's loss of {loss.name!r}", loss.discriminator, real, fake)
        _check(f"the generator's loss of {loss.name!r}", loss.generator, real, fake)
    for regulariser in games.regularisers:
        if (penalty := regulariser.penalty) is not None:

            def tried(real: Tensor, fake: Tensor, penalty: Callable[..., Tensor] = penalty) -> Tensor:
                slope = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
                return penalty(lambda points: slope * points[:, 0], real[:, None], fake[:, None])

            _check(f"the penalty of {regulariser.name!r}", tried, real, fake)


def _check(what: str, function: Callable[[Tensor, Tensor], Tensor], real: Tensor, fake: Tensor) -> None:
    """Checks that a function gives one number, and the same one for a batch in which every example is there twice."""
    try:
        values = [function(*(one.repeat(times).requires_grad_() for one in (real, fake))) for times in (1, 2)]
    except Exception as error:
        raise RequestError(f"{what} fails: {type(error).__name__}: {_first_line(error)}") from error
    if not all(isinstance(value, Tensor) and value.shape == () for value in values):
        raise RequestError(f"{what} must be one number, a tensor of shape (); it is {_described(values)}")
    if not all(value.requires_grad for value in values):
        raise RequestError(f"{what} depends neither on the values of real nor on those of generated examples")
    if not torch.isclose(values[0], values[1], rtol=1e-6):
        raise RequestError(f"{what} must be a mean over the batch; it changes when every example is there twice")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _described(values: Sequence[object]) -> str:
    value = values[0]
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"of the type {type(value).__name__}"

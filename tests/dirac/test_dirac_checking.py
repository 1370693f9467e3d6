from dataclasses import replace
from typing import Any

import pytest
import torch

from baselines.dirac import GAMES
from ganbench.dirac.checking import check_games
from ganbench.dirac.game import GameSet, Loss, Regulariser
from ganbench.errors import RequestError

FINE = Loss(name="fine", discriminator=lambda real, fake: fake.mean() - real.mean(), generator=lambda real, fake: -fake.mean())
NONE = Regulariser(name="none")


def failing(*arguments: Any) -> torch.Tensor:
    raise ValueError("no\nsuch thing")


def test_the_reference_games_can_be_played() -> None:
    check_games(GAMES)


@pytest.mark.parametrize(
    ("losses", "regularisers", "said"),
    [
        ((), (NONE,), "no losses; give it one at least"),
        ((FINE,), (), "no regularisers"),
        ((FINE, FINE), (NONE,), "two losses called 'fine'"),
        ((replace(FINE, discriminator=failing),), (NONE,), "the discriminator's loss of 'fine' fails: ValueError: no$"),
        ((replace(FINE, discriminator=lambda real, fake: fake.sum()),), (NONE,), "must be a mean over the batch"),
        ((replace(FINE, generator=lambda real, fake: fake),), (NONE,), r"the generator's loss of 'fine' .* shape \(2,\)"),
        ((replace(FINE, generator=lambda real, fake: 3.0),), (NONE,), "of the type float"),
        ((replace(FINE, generator=lambda real, fake: fake.detach().mean()),), (NONE,), "depends neither"),
        ((FINE,), (Regulariser(name="odd", penalty=lambda critic, real, fake: critic(fake).sum()),), "the penalty of 'odd' must be a mean"),
        ((FINE,), (Regulariser(name="odd", penalty=failing),), "the penalty of 'odd' fails"),
    ],
)
def test_what_cannot_be_played_is_named_with_what_is_wrong(losses: Any, regularisers: Any, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        check_games(GameSet(losses=losses, regularisers=regularisers))

"""Are a step's random tensors a function of the step alone, for any number of ranks, and can they be brought up to date?"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganbench.distributed import ALONE, Ranks
from ganbench.plan.spec import RunSpec
from ganbench.training.augmentation import translation
from ganbench.training.draws import Draws, refill
from ganbench.training.trainer import Trainer

SHARES = torch.tensor([0.25, 0.25, 0.5])


def draws(ranks: Ranks = ALONE, step: int = 0) -> Draws:
    made = Draws(seed=0, device=torch.device("cpu"), latent_dim=3, class_shares=SHARES, ranks=ranks)
    made.begin(step)
    return made


def everything(source: Draws, n: int) -> list[Tensor]:
    """A step's tensors, each purpose twice."""
    found: list[Tensor | None] = []
    for _ in range(2):
        found += [source.latents(n), source.labels(n)]
        found.append(source.draw("augment", n, lambda n, stream: translation.numbers(n, torch.Size((1, 16, 16)), stream)))
    return [tensor for tensor in found if tensor is not None]


def test_refilled_tensors_are_those_of_a_freshly_begun_step() -> None:
    source = draws(step=3)
    tensors = everything(source, 50)
    places = [tensor.data_ptr() for tensor in tensors]
    handed = source.handed
    source.begin(4)
    source.latents(2)
    for step in (7, 3, 11):
        refill(handed, step)
        assert [tensor.data_ptr() for tensor in tensors] == places
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(tensors, everything(draws(step=step), 50), strict=True))
    assert not any(torch.equal(ours, theirs) for ours, theirs in zip(tensors, everything(draws(step=3), 50), strict=True))


def test_a_refill_of_a_ranks_part_is_that_ranks_part() -> None:
    source = draws(Ranks(rank=1, size=2))
    tensors = everything(source, 25)
    refill(source.handed, 5)
    assert all(torch.equal(part, whole[25:]) for part, whole in zip(tensors, everything(draws(step=5), 50), strict=True))


@pytest.mark.parametrize("size", [2, 5])
def test_the_ranks_parts_are_the_draw_of_one(size: int) -> None:
    parts = [everything(draws(Ranks(rank=rank, size=size), step=2), 20) for rank in range(size)]
    whole = everything(draws(step=2), 20 * size)
    assert all(torch.equal(torch.cat(pieces), tensor) for *pieces, tensor in zip(*parts, whole, strict=True))


def test_the_ranks_real_batches_are_the_batch_of_one(tiny_spec: Callable[..., RunSpec], tiny_trainer: Callable[..., Trainer]) -> None:
    spec = tiny_spec("dcgan")
    whole = tiny_trainer(spec).begin(3)
    parts = [tiny_trainer(spec, ranks=Ranks(rank=rank, size=2)).begin(3) for rank in range(2)]
    assert torch.equal(torch.cat([context.real.examples for context in parts]), whole.real.examples)
    assert [context.batch_size for context in (*parts, whole)] == [8, 8, 16]
    assert {(context.images_seen, context.step_images) for context in (*parts, whole)} == {(48, 16)}


def test_only_the_first_rank_has_the_noise_of_one() -> None:
    found = []
    for ranks in (ALONE, Ranks(rank=0, size=2), Ranks(rank=1, size=2)):
        with draws(ranks).noise():
            found.append(torch.rand(8))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[1], found[2])

"""Is every random number a pure function of seed, purpose and index?"""

from collections.abc import Callable

import pytest
import torch

from ganbench.seeding import derive, global_stream, stream


def draw(*name: int | str) -> list[float]:
    seed, purpose, *index = name
    return torch.rand(8, generator=stream(int(seed), str(purpose), *map(int, index))).tolist()


def test_a_stream_depends_on_its_name_alone() -> None:
    first = draw(3, "latents", 5, 1)
    draw(3, "latents", 6)
    torch.rand(17)
    assert draw(3, "latents", 5, 1) == first


@pytest.mark.parametrize("other", [(4, "latents", 5), (3, "labels", 5), (3, "latents", 6), (3, "latents", 5, 0), (3, "latents")])
def test_another_seed_purpose_or_index_is_another_stream(other: tuple[int | str, ...]) -> None:
    assert draw(*other) != draw(3, "latents", 5)


def test_many_indices_give_as_many_seeds() -> None:
    seeds = {derive(0, purpose, step, call) for purpose in ("latents", "augment") for step in range(500) for call in range(3)}
    assert len(seeds) == 2 * 500 * 3


def test_indices_do_not_run_together() -> None:
    assert derive(0, "latents", 1, 23) != derive(0, "latents", 12, 3)


def test_a_seed_fits_in_63_bits() -> None:
    assert all(0 <= derive(seed, "init") < 2**63 for seed in range(200))


def test_the_derivation_is_pinned_across_releases() -> None:
    # First 8 bytes of sha256(b"0/latents/7"), shifted right by one: computed with coreutils' sha256sum.
    assert derive(0, "latents", 7) == 0x2BFDD4F723374759 >> 1


@pytest.mark.parametrize(
    "consume", [lambda: torch.rand(3), lambda: torch.nn.Linear(3, 3), lambda: torch.nn.functional.dropout(torch.ones(9))]
)
def test_a_global_stream_is_put_back(consume: Callable[[], object]) -> None:
    before = torch.get_rng_state()
    with global_stream(0, "init"):
        consume()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_global_stream_is_put_back_after_an_error() -> None:
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), global_stream(0, "init"):
        torch.rand(3)
        raise ZeroDivisionError
    assert torch.equal(torch.get_rng_state(), before)


def test_global_streams_are_pure_and_nest() -> None:
    with global_stream(0, "step", 1):
        first = torch.rand(4)
        with global_stream(0, "step", 2):
            inner = torch.rand(4)
        second = torch.rand(4)
    torch.rand(5)
    with global_stream(0, "step", 1):
        again = torch.rand(8)
    assert torch.equal(again, torch.cat([first, second]))
    assert not torch.equal(inner, first)

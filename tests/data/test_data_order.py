import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganbench.data.order import DataOrder


def test_every_epoch_is_a_permutation():
    order = DataOrder(10, seed=3)
    epochs = order.indices(0, 50).reshape(5, 10)
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(10))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 5


@given(n=st.integers(1, 13), seed=st.integers(0, 2**31), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_any_split_of_a_range_gives_the_same_indices(n, seed, cuts):
    whole = DataOrder(n, seed).indices(0, 60)
    order = DataOrder(n, seed)
    edges = [0, *sorted(cuts), 60]
    pieces = [order.indices(start, end - start) for start, end in zip(edges[:-1], edges[1:], strict=True)]
    assert torch.equal(torch.cat(pieces), whole)


def test_position_alone_decides_whatever_was_asked_before():
    fresh = DataOrder(7, seed=1).indices(700, 20)
    used = DataOrder(7, seed=1)
    used.indices(900, 30)
    used.indices(0, 5)
    assert torch.equal(used.indices(700, 20), fresh)


def test_at_most_two_epochs_are_kept():
    order = DataOrder(5, seed=0)
    order.indices(0, 100)
    assert len(order._epochs) == 2


def test_seeds_give_different_orders():
    assert not torch.equal(DataOrder(100, seed=0).indices(0, 100), DataOrder(100, seed=1).indices(0, 100))


def test_global_generator_is_left_alone():
    before = torch.get_rng_state()
    DataOrder(100, seed=0).indices(0, 300)
    assert torch.equal(torch.get_rng_state(), before)


def test_form_of_the_result():
    indices = DataOrder(4, seed=0).indices(3, 0)
    assert indices.dtype == torch.int64
    assert indices.shape == (0,)


@pytest.mark.parametrize(("start", "count"), [(-1, 5), (0, -5)])
def test_positions_before_the_start_are_refused(start, count):
    with pytest.raises(ValueError, match="positions start at 0"):
        DataOrder(4, seed=0).indices(start, count)


def test_an_empty_set_has_no_order():
    with pytest.raises(ValueError, match="at least one example"):
        DataOrder(0, seed=0)

"""Are operations counted as the formulas say? (2 for each multiplication with its addition)"""

import pytest
import torch
from torch import nn

from ganbench.timing.kernels import covered
from ganbench.timing.operations import ceiling, operations

CONV = nn.Conv2d(3, 8, 3, padding=1)
FORWARD = 2 * 2 * 8 * 64 * 27
"""Of 2 images of 8x8: outputs times the 27 weights of each, times 2."""


def images() -> torch.Tensor:
    return torch.randn(2, 3, 8, 8, requires_grad=True)


def test_a_convolution_forwards_and_backwards() -> None:
    assert operations(lambda: CONV(images())) == FORWARD
    assert operations(lambda: CONV(images()).sum().backward()) == 3 * FORWARD  # the slopes of inputs and of weights cost as much each


def test_a_gradient_penalty_is_counted_too() -> None:
    def penalty() -> None:
        examples = images()
        (slope,) = torch.autograd.grad(CONV(examples).square().sum(), examples, create_graph=True)
        slope.square().sum().backward()

    # forwards, the slope of the inputs; behind it that slope's own two, and forwards' two again through the square
    assert operations(penalty) == 6 * FORWARD


def test_without_gradients_linear_layers_and_convolutions_count_as_much() -> None:
    layer = nn.Linear(5, 7)
    with torch.inference_mode():
        assert operations(lambda: layer(torch.zeros(3, 5))) == 2 * 3 * 5 * 7
        assert operations(lambda: CONV(images())) == FORWARD


@pytest.mark.parametrize(
    ("call", "count"),
    [
        (lambda: torch.zeros(3, 5) @ torch.zeros(5), 30),
        (lambda: torch.addmv(torch.zeros(3), torch.zeros(3, 5), torch.zeros(5)), 30),
        (lambda: torch.zeros(5) @ torch.zeros(5), 10),
        (lambda: torch.bmm(torch.zeros(2, 3, 5), torch.zeros(2, 5, 4)), 2 * 2 * 3 * 5 * 4),
        (lambda: torch.zeros(3) + 1, 0),
    ],
    ids=["mv", "addmv", "dot", "bmm", "add"],
)
def test_products_of_vectors_and_batches(call, count: int) -> None:
    assert operations(call) == count


def test_the_ceiling_is_a_speed_that_a_processor_may_have() -> None:
    assert 1e8 < ceiling(torch.device("cpu"), "fp32") < 1e14


def test_time_in_which_kernels_run_side_by_side_counts_once() -> None:
    assert covered([(5, 6), (0, 2), (1, 3)]) == 4
    assert covered([(0, 10), (2, 3)]) == 10
    assert covered([]) == 0

"""Is the moving average the weighted sum that it claims to be?"""

import torch
from torch import nn

from ganbench.training.ema import MovingAverage


def test_closed_form_after_several_updates() -> None:
    network = nn.Linear(3, 2, bias=False)
    average = MovingAverage(network)
    history = [network.weight.detach().clone()]
    for step in range(4):
        with torch.no_grad():
            network.weight.copy_(torch.full((2, 3), float(step + 1)))
        history.append(network.weight.detach().clone())
        average.update(network, 0.9)
    expected = 0.9**4 * history[0] + sum(0.1 * 0.9 ** (4 - step) * history[step] for step in range(1, 5))
    torch.testing.assert_close(average.module.weight, expected)


def test_buffers_are_averaged_and_counters_copied() -> None:
    network = nn.BatchNorm1d(2)
    average = MovingAverage(network)
    for _ in range(3):
        network(torch.tensor([[0.0, 10.0], [2.0, 30.0]]))
    average.update(network, 0.5)
    assert isinstance(average.module, nn.BatchNorm1d)
    # The average starts at mean 0 and variance 1, half of it stays.
    torch.testing.assert_close(average.module.running_mean, 0.5 * network.running_mean)
    torch.testing.assert_close(average.module.running_var, 0.5 + 0.5 * network.running_var)
    assert average.module.num_batches_tracked == 3


def test_a_decay_of_zero_copies_the_network() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = MovingAverage(network)
    with torch.no_grad():
        network[0].weight.add_(1)
    network(torch.randn(4, 2))
    average.update(network, 0.0)
    theirs = network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in average.module.state_dict().items())


def test_the_average_neither_learns_nor_touches_its_network() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    average = MovingAverage(network)
    average.update(network, 0.3)
    assert not any(parameter.requires_grad for parameter in average.module.parameters())
    assert not any(module.training for module in average.module.modules())
    assert all(module.training for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())

import copy

import pytest
import torch
from torch import nn

from ganbench.training.movement import Movement
from ganbench.training.watch import Watch, spread

CPU = torch.device("cpu")


def linear(*weights: float) -> nn.Linear:
    network = nn.Linear(len(weights), 1, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([weights]))
    return network


def test_norms_ratios_and_the_gap_to_the_average() -> None:
    generator, discriminator = linear(3.0, 4.0), linear(1.0)
    average = copy.deepcopy(generator)
    movement = Movement({"generator": generator, "discriminator": discriminator})
    movement.begin()
    with torch.no_grad():
        generator.weight.add_(torch.tensor([[3.0, 4.0]]))  # to (6, 8), of norm 10
    found = movement.read(average)
    assert found == pytest.approx(
        {
            "weight_norm/generator": 10,
            "update_ratio/generator": 0.5,
            "weight_norm/discriminator": 1,
            "update_ratio/discriminator": 0,
            "ema_gap": 0.5,
        }
    )


def test_a_network_that_grew_has_no_ratio_and_frozen_weights_do_not_count() -> None:
    generator = linear(3.0, 4.0)
    movement = Movement({"generator": generator})
    movement.begin()
    generator.weight = nn.Parameter(torch.ones(1, 3))
    assert set(movement.read(linear(1.0))) == {"weight_norm/generator"}
    frozen = linear(1.0).requires_grad_(False)
    assert Movement({"generator": frozen}).read(frozen) == {}


def test_the_spread_of_logits_in_closed_form() -> None:
    found = spread(torch.tensor([-1.0, 1.0, 3.0, 5.0]))
    assert {name: float(value) for name, value in found.items()} == pytest.approx({"sd": 5**0.5, "max": 5, "positive": 0.75})


def test_logits_are_recorded_with_their_spread_and_other_logs_by_their_mean() -> None:
    watch = Watch(CPU)
    for shift in (0.0, 2.0):
        watch.add(
            {"logit/real": torch.tensor([-1.0, 1.0]) + shift, "loss/x": torch.tensor([1.0, 3.0]), "logit/real_sign": torch.tensor(0.5)}
        )
    assert watch.read() == pytest.approx(
        {
            "logit/real": 1,
            "logit_sd/real": 1,
            "logit_max/real": 2,
            "logit_positive/real": 0.75,
            "loss/x": 2,
            "logit/real_sign": 0.5,
        }
    )


def test_without_health_means_alone_are_recorded() -> None:
    watch = Watch(CPU, health=False)
    watch.add({"logit/real": torch.tensor([-1.0, 1.0])})
    assert watch.read() == {"logit/real": 0}

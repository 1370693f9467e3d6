"""Does ACGAN have the paper's networks, and do both of them want the class right?"""

import math
from typing import Any

import pytest
import torch
from small_runs import build, trainer, updates
from torch import Tensor, nn

from baselines.acgan import ACGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError

SMALL: dict[str, Any] = {"latent_dim": 4, "generator_width": 4, "discriminator_width": 4}


def test_at_32_pixels_the_layers_are_the_papers() -> None:
    # Odena et al. 2017, appendix A, table for CIFAR-10
    with torch.device("meta"):
        variant = ACGAN(ACGAN.Config(), DataShape(size=(3, 32, 32), classes=10))
    up = [module for module in variant.generator.modules() if isinstance(module, nn.ConvTranspose2d)]
    assert variant.generator.project.in_features == 110 and variant.generator.start == (384, 4, 4)  # type: ignore[union-attr]
    assert [(m.out_channels, m.kernel_size[0], m.stride[0]) for m in up] == [(192, 5, 2), (96, 5, 2), (3, 5, 2)]
    down = [module for module in variant.discriminator.modules() if isinstance(module, nn.Conv2d)]
    strides = [(16, 2), (32, 1), (64, 2), (128, 1), (256, 2), (512, 1)]
    assert [(m.out_channels, m.stride[0]) for m in down] == strides and all(m.kernel_size == (3, 3) for m in down)
    assert sum(isinstance(m, nn.Dropout) and m.p == 0.5 for m in variant.discriminator.modules()) == 6
    assert sum(isinstance(m, nn.BatchNorm2d) for m in variant.discriminator.modules()) == 5


def test_the_defaults_are_the_papers() -> None:
    for optimizer in build(ACGAN, classes=2).optimizers().values():
        assert optimizer.param_groups[0]["lr"] == 2e-4
        assert optimizer.param_groups[0]["betas"] == (0.5, 0.999)


def test_an_undecided_classifier_pays_the_logarithm_of_the_number_of_classes() -> None:
    training = trainer(ACGAN, classes=7, **SMALL)
    for head in (training.variant.discriminator.classifier, training.variant.discriminator.source):
        for parameter in head.parameters():  # type: ignore[union-attr]
            nn.init.zeros_(parameter)
    logs = training.advance(1).logs
    assert logs["loss/class_real"] == pytest.approx(math.log(7), rel=1e-6)
    assert logs["loss/class_fake"] == pytest.approx(math.log(7), rel=1e-6)
    assert logs["loss/discriminator"] == pytest.approx(math.log(4), rel=1e-6)


def test_the_generator_wants_the_true_source_and_its_own_class(monkeypatch: pytest.MonkeyPatch) -> None:
    training = trainer(ACGAN, classes=3, **SMALL)
    context = training.begin(0)
    asked: list[Tensor] = []
    judged: list[tuple[Tensor, Tensor]] = []
    losses: list[Tensor] = []
    training.variant.generator.register_forward_pre_hook(lambda module, inputs: asked.append(inputs[1]))
    training.variant.discriminator.register_forward_hook(lambda module, inputs, output: judged.append(output))
    monkeypatch.setattr(context, "minimize", lambda name, loss: losses.append(loss))
    logs = training.variant.generator_step(context)
    (logits, classes), (labels,) = judged[0], asked
    source = torch.log1p((-logits).exp()).mean()
    named = -classes.log_softmax(1)[torch.arange(len(labels)), labels].mean()
    torch.testing.assert_close(losses, [source + named])
    torch.testing.assert_close(logs["loss/generator"], source)


def test_both_networks_are_updated_in_every_step() -> None:
    assert updates(trainer(ACGAN, classes=3, **SMALL), 2) == 2 * ["discriminator", "generator"]


def test_the_classifier_learns_the_classes_of_real_examples() -> None:
    training = trainer(ACGAN, classes=4, learning_rate=5e-3, dropout=0.0, batch_size=32, **SMALL)
    first = training.advance(2).logs["loss/class_real"]
    training.advance(60)
    assert training.advance(2).logs["loss/class_real"] < first / 2


@pytest.mark.parametrize("side", [8, 12, 28, 64])
def test_sides_of_four_to_seven_doubled_are_met_exactly(side: int) -> None:
    variant = build(ACGAN, (3, side, side), 2, **SMALL).eval()
    images = variant.generate(torch.randn(2, 4), torch.tensor([0, 1]))
    assert images.shape == (2, 3, side, side)
    assert variant.discriminate(images).shape == (2,)


def test_missing_labels_are_refused() -> None:
    with pytest.raises(RequestError, match="needs labels"):
        build(ACGAN, classes=0)
    with pytest.raises(RequestError, match="give one label for each"):
        build(ACGAN, classes=3, **SMALL).generate(torch.randn(2, 4))

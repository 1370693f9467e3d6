"""Does improved GAN's minibatch layer compare the examples of a batch as the authors' does, from the first step on?"""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_runs import trainer
from torch import Tensor

from baselines.improved_gan import ImprovedGAN, MinibatchLayer
from ganbench.data.dataset import DataShape
from ganbench.plan.spec import RunSpec
from ganbench.training.trainer import Trainer

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
IMAGE, POINT = DataShape(size=(3, 8, 8)), DataShape(size=(2,))
SMALL: dict[str, Any] = {"latent_dim": 4, "generator_width": 4, "discriminator_width": 4}


def alone(tensor: Tensor) -> Tensor:
    """The mean over one rank."""
    return tensor


def started(width: int, features: Tensor, kernels: int = 6, kernel_dim: int = 5) -> MinibatchLayer:
    layer = MinibatchLayer(width, kernels, kernel_dim).to(features.dtype)
    layer.start(features, alone)
    return layer


def test_the_minibatch_layer_sums_closeness_to_the_others() -> None:
    layer = MinibatchLayer(2, 1, 1).double()
    with torch.no_grad():
        layer.tensor.copy_(torch.tensor([[[7.0]], [[0.0]]]))  # the only direction is the first feature, at any length
        layer.log_scale.fill_(math.log(2))
        layer.bias.fill_(0.25)
    features = torch.tensor([[0.0, 9.0], [1.0, 8.0], [3.0, 7.0]], dtype=torch.float64)
    found = layer(features)
    assert torch.equal(found[:, :2], features)
    expected = [math.exp(-2) + math.exp(-6), math.exp(-2) + math.exp(-4), math.exp(-6) + math.exp(-4)]
    assert (found[:, 2] - 0.25).tolist() == pytest.approx(expected)


def test_dimensions_of_a_kernel_add_up_and_kernels_stay_apart() -> None:
    layer, features = MinibatchLayer(4, 3, 2).double(), torch.randn(5, 4, dtype=torch.float64)
    with torch.no_grad():
        layer.log_scale.normal_()
        directions = layer.tensor / layer.tensor.norm(dim=0) * layer.log_scale.exp()
        found = layer.distances(features)
        for i in range(5):
            for j in range(5):
                for b in range(3):
                    apart = sum(((features[i] - features[j]) @ directions[:, b, c]).abs() for c in range(2))
                    assert found[i, j, b].item() == pytest.approx(float(apart), abs=1e-12)


def test_a_collapsed_batch_is_as_close_as_can_be_and_has_no_scale() -> None:
    layer, features = MinibatchLayer(4, 3, 2), torch.randn(1, 4).expand(6, 4)
    assert torch.equal(layer.closeness(features), torch.full((6, 3), 5.0))
    layer.start(features, alone)
    assert not layer.log_scale.any() and torch.equal(layer.bias, torch.full((3,), -5.0))
    layer.start(features[:1], alone)
    assert not layer.log_scale.any() and torch.equal(layer.bias, torch.full((3,), -5.0))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("width", [16, 2000])
def test_after_the_start_the_nearest_are_two_apart_and_nothing_is_appended_on_average(width: int, scale: float) -> None:
    # MinibatchLayer with init=True in openai/improved-gan, nn.py: distances over half their mean minimum, closeness less its mean
    features = scale * torch.randn(64, width, dtype=torch.float64)
    layer = started(width, features)
    apart = layer.distances(features) + 1e6 * torch.eye(64, dtype=torch.float64)[:, :, None]
    torch.testing.assert_close(apart.amin(1).mean(0), torch.full((6,), 2.0, dtype=torch.float64))
    torch.testing.assert_close(layer(features)[:, width:].mean(0), torch.zeros(6, dtype=torch.float64), atol=1e-12, rtol=0)
    assert not layer.log_scale.std(1).any(), "all dimensions of a kernel are scaled alike"


@pytest.mark.parametrize("side", [8, 16, 32])
@pytest.mark.parametrize("width", [8, 96])
def test_the_first_batch_sees_a_closeness_of_about_one_at_any_size(side: int, width: int) -> None:
    # without the start it was 38 to 47 of 63 at 8x8 and 0.03 to 0.3 at 32x32, at widths of 32 and 96
    torch.default_generator.manual_seed(0)
    discriminator = ImprovedGAN(
        ImprovedGAN.Config(latent_dim=4, generator_width=4, discriminator_width=width), DataShape(size=(3, side, side))
    ).discriminator
    layer: Any = discriminator.closeness
    images = torch.rand(64, 3, side, side) * 2 - 1
    with torch.no_grad():
        discriminator(images, alone)
        closeness = layer.closeness(discriminator.features(images))  # type: ignore[operator]
    assert 0.5 < closeness.mean().item() < 2
    assert closeness.mean(0).min() > 0.3 and closeness.mean(0).max() < 3, "in every kernel"
    assert closeness.std(0).min() > 0.1, "and it tells the examples apart"


def test_the_distance_of_the_nearest_at_the_start_can_be_chosen() -> None:
    features = torch.randn(32, 4, dtype=torch.float64)
    layer = MinibatchLayer(4, 3, 2, nearest_distance=0.02).double()
    layer.start(features, alone)
    apart = layer.distances(features).masked_fill(torch.eye(32, dtype=torch.bool)[:, :, None], torch.inf)
    torch.testing.assert_close(apart.amin(1).mean(0), torch.full((3,), 0.02, dtype=torch.float64))


def test_ranks_start_from_their_common_means() -> None:
    features = torch.randn(2, 8, 5, dtype=torch.float64)
    layers = [MinibatchLayer(5, 3, 2).double()]
    layers.append(copy.deepcopy(layers[0]))
    sent: list[Tensor] = []
    layers[1].start(features[1], lambda tensor: sent.append(tensor) or tensor)  # type: ignore[func-returns-value]
    itself = torch.eye(8, dtype=torch.bool)[:, :, None]
    own = layers[0].distances(features[0]).masked_fill(itself, torch.inf).amin(1).mean(0)
    common = (own + sent[0]) / 2
    means = iter([common, torch.full((3,), 0.75, dtype=torch.float64)])
    layers[0].start(features[0], lambda tensor: next(means))
    torch.testing.assert_close(layers[0].log_scale, -(common / 2).log()[:, None].expand(3, 2))
    assert torch.equal(layers[0].bias, torch.full((3,), -0.75, dtype=torch.float64))


def test_the_minibatch_layer_has_a_second_derivative() -> None:
    # torch.cdist has none in torch 2.11: "the derivative for _cdist_backward is not implemented"
    features = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    layer = started(3, features.detach(), kernels=2, kernel_dim=2)
    assert torch.autograd.gradcheck(layer, features)
    assert torch.autograd.gradgradcheck(layer, features)


def test_the_first_step_alone_starts_the_layer_and_from_its_real_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    training = trainer(ImprovedGAN, batch_size=16, **SMALL)
    layer: Any = training.variant.discriminator.closeness
    seen: list[Tensor] = []
    real = MinibatchLayer.start

    def noted(self: MinibatchLayer, features: Tensor, mean: Callable[[Tensor], Tensor]) -> None:
        seen.append(features.detach())
        real(self, features, mean)

    monkeypatch.setattr(MinibatchLayer, "start", noted)
    inputs: list[Tensor] = []
    training.variant.discriminator.register_forward_hook(lambda module, given, output: inputs.append(given[0]))
    assert not layer.log_scale.any() and torch.equal(layer.bias, torch.full_like(layer.bias, -1.0))
    training.advance(3)
    assert len(seen) == 1 and len(seen[0]) == 16
    assert torch.equal(inputs[0], training.begin(0).real.examples), "the first batch that the discriminator sees is the real one"
    assert layer.log_scale.abs().min() > 0 and (layer.bias + 1).abs().min() > 0


def test_a_run_that_is_resumed_behind_its_start_goes_on_as_it_was() -> None:
    straight, resumed = (trainer(ImprovedGAN, batch_size=16, **SMALL) for _ in range(2))
    straight.advance(1)
    resumed.restore(copy.deepcopy(straight.weights()), copy.deepcopy(straight.state()))
    for training in (straight, resumed):
        training.advance(2)
    first, second = straight.variant.state_dict(), resumed.variant.state_dict()
    assert all(torch.equal(value, second[key]) for key, value in first.items())


@pytest.mark.parametrize("shape", [IMAGE, POINT], ids=str)
def test_improved_gans_features_are_those_before_the_last_layer(shape: DataShape) -> None:
    config = ImprovedGAN.Config(latent_dim=4, generator_width=4, discriminator_width=4, kernels=0)
    discriminator: Any = ImprovedGAN(config, shape).discriminator
    examples = torch.randn(5, *shape.size)
    discriminator.eval()
    torch.testing.assert_close(discriminator(examples), discriminator.head(discriminator.features(examples)).flatten())


def test_feature_matching_leaves_the_discriminator_alone(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    trainer = tiny_trainer(tiny_spec("improved_gan", config={"latent_dim": 8, "generator_width": 4, "discriminator_width": 4}))
    trainer.advance(1)
    head: Any = trainer.variant.discriminator
    assert all(p.grad is not None for p in trainer.variant.generator.parameters())
    before = head.head.weight.clone()
    trainer.variant.generator_step(trainer.begin(1))
    assert torch.equal(head.head.weight, before)
